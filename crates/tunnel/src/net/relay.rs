//! Send and receive QUIC packets by the path of last resort: messages of a Unix socket, which Python
//! carries on.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use tokio::io::ReadBuf;

use super::path::Path;

/// Send packets by the relay, if there is one. A full one drops them as a full router does, and
/// congestion control reacts.
pub fn send_by_relay(path: &Path, transmit: &Transmit) {
    let Some(relay) = path.relay() else {
        return;
    };
    let size = transmit.segment_size.unwrap_or(transmit.contents.len());
    for packet in transmit.contents.chunks(size.max(1)) {
        let _ = relay.try_send(packet);
    }
}

/// Receive what came by the relay, as if from `source`. Wakes when a relay is attached, too.
pub fn poll_relay(
    path: &Path,
    source: SocketAddr,
    cx: &mut Context,
    bufs: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> Poll<usize> {
    path.wait_relay(cx.waker());
    let Some(relay) = path.relay() else {
        return Poll::Pending;
    };
    let mut count = 0;
    for (buf, meta) in bufs.iter_mut().zip(metas.iter_mut()) {
        let mut read = ReadBuf::new(buf);
        match relay.poll_recv(cx, &mut read) {
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                let len = read.filled().len();
                *meta = describe(source, if path.is_welcome(&buf[..len]) { len } else { 0 });
                count += 1;
            }
            Poll::Ready(_) => {
                path.set_relay(None); // its other end is gone
                break;
            }
            Poll::Pending => break,
        }
    }
    if count == 0 {
        Poll::Pending
    } else {
        Poll::Ready(count)
    }
}

fn describe(source: SocketAddr, len: usize) -> RecvMeta {
    RecvMeta {
        addr: source,
        len,
        stride: len.max(1),
        ecn: None,
        dst_ip: None,
    }
}
