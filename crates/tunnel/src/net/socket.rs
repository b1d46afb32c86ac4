//! Filter what comes in under QUIC, and send by UDP or by the relay.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::Notify;

use super::addresses::relay_address;
use super::batch::{Batch, Put};
use super::path::Path;
use super::relay::{poll_relay, send_by_relay};
use crate::lock::lock;

/// Batches of nothing but garbage before other work gets a turn.
const GARBAGE_BATCHES: usize = 8;

/// One UDP socket of an endpoint, with the shared path around it.
pub struct PathSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    path: Arc<Path>,
    relay_address: SocketAddr,
    batch: Mutex<Batch>,
    waits: Arc<Notify>,
}

impl std::fmt::Debug for PathSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PathSocket").finish_non_exhaustive()
    }
}

impl PathSocket {
    /// Wrap a socket in the path.
    pub fn new(inner: Arc<dyn AsyncUdpSocket>, path: Arc<Path>) -> io::Result<Arc<Self>> {
        let is_ipv6 = inner.local_addr()?.is_ipv6();
        let waits = Arc::new(Notify::new());
        let socket = Arc::new(Self {
            inner,
            path,
            relay_address: relay_address(is_ipv6),
            batch: Mutex::default(),
            waits: waits.clone(),
        });
        tokio::spawn(run_flush(Arc::downgrade(&socket), waits));
        Ok(socket)
    }

    /// Send by UDP; what the kernel refuses is lost, as any packet may be.
    fn send_udp(&self, transmit: &Transmit) -> io::Result<()> {
        match self.inner.try_send(transmit) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(_) => {
                // quinn would end the connection; a host between two networks must not.
                self.path.note_refused();
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Send the packets that wait for more.
    fn flush(&self, batch: &mut Batch) -> io::Result<()> {
        if let Some(transmit) = batch.transmit() {
            self.send_udp(&transmit)?;
        }
        batch.clear();
        Ok(())
    }

    /// Send bytes that are not QUIC. Lost like any packet if there is no room.
    pub fn send_aside(&self, contents: &[u8], destination: SocketAddr) {
        let _ = self.inner.try_send(&Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: None,
            src_ip: None,
        });
    }

    /// Keep the welcome segments of one receive, in place. Return whether any is left.
    fn sift(&self, buf: &mut [u8], meta: &mut RecvMeta) -> bool {
        let stride = meta.stride.max(1);
        let mut kept = 0;
        let mut from = 0;
        while from < meta.len {
            let to = (from + stride).min(meta.len);
            if self.path.is_welcome(&buf[from..to]) {
                if kept != from {
                    buf.copy_within(from..to, kept);
                }
                kept += to - from;
            } else if let Some(answer) = self.path.read_aside(&buf[from..to], meta.addr) {
                self.send_aside(&answer, meta.addr);
            }
            from = to;
        }
        meta.len = kept;
        kept > 0
    }

    fn poll_udp(
        &self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<usize> {
        for _ in 0..GARBAGE_BATCHES {
            // An error is about one packet that could not leave or arrive, which is like a lost one.
            let Ok(count) = ready!(self.inner.poll_recv(cx, bufs, metas)) else {
                continue;
            };
            let mut has_any = false;
            for (buf, meta) in bufs.iter_mut().zip(metas.iter_mut()).take(count) {
                has_any |= self.sift(buf, meta);
            }
            if has_any {
                return Poll::Ready(count);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncUdpSocket for PathSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let by_relay = transmit.destination == self.relay_address || self.path.sends_by_relay();
        if by_relay {
            send_by_relay(&self.path, transmit);
            return Ok(());
        }
        let batch = &mut *lock(&self.batch);
        loop {
            match batch.put(transmit, self.inner.max_transmit_segments()) {
                Put::Alone => return self.send_udp(transmit),
                Put::First => self.flush(batch)?,
                Put::Waits => {
                    self.waits.notify_one();
                    return Ok(());
                }
                Put::Leave => {
                    if self.flush(batch).is_err() {
                        self.waits.notify_one(); // when there is room again
                    }
                    return Ok(());
                }
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = match self.poll_udp(cx, bufs, meta) {
            Poll::Ready(count) => Poll::Ready(count),
            Poll::Pending => {
                let source = self.path.peer().unwrap_or(self.relay_address);
                poll_relay(&self.path, source, cx, bufs, meta)
            }
        };
        polled.map(Ok)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

/// Send what waits once quinn has had its turn.
async fn run_flush(socket: Weak<PathSocket>, waits: Arc<Notify>) {
    loop {
        waits.notified().await;
        tokio::task::yield_now().await; // runs when no other task has anything to do
        let Some(socket) = socket.upgrade() else {
            return;
        };
        let mut poller = socket.inner.clone().create_io_poller();
        while socket.flush(&mut lock(&socket.batch)).is_err() {
            let writable = std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx));
            if writable.await.is_err() {
                lock(&socket.batch).clear();
            }
        }
    }
}

impl Drop for PathSocket {
    fn drop(&mut self) {
        self.waits.notify_one(); // so that its task ends
    }
}
