//! A network in memory: one-way delay, random loss, a switch; addresses can be taken up at will.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

#[derive(Default)]
struct Inbox {
    packets: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

struct Shared {
    delay: Duration,
    loss: f64,
    is_dark: bool,
    /// What is sent to this address vanishes.
    dark_to: Option<SocketAddr>,
    /// The newest packet to each address.
    seen: HashMap<SocketAddr, Vec<u8>>,
    random: u64,
    inboxes: HashMap<SocketAddr, Inbox>,
    carried: u64,
}

/// The network; clones are the same one.
#[derive(Clone)]
pub struct Network(Arc<Mutex<Shared>>);

impl Network {
    pub fn new(delay: Duration, loss: f64) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            delay,
            loss,
            is_dark: false,
            dark_to: None,
            seen: HashMap::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            inboxes: HashMap::new(),
            carried: 0,
        })))
    }

    pub fn socket(&self, address: &str) -> Arc<dyn AsyncUdpSocket> {
        let address = address.parse().unwrap();
        self.0
            .lock()
            .unwrap()
            .inboxes
            .insert(address, Inbox::default());
        Arc::new(Socket {
            network: self.clone(),
            address,
        })
    }

    /// An address that nobody has any more.
    pub fn forget(&self, address: &str) {
        self.0
            .lock()
            .unwrap()
            .inboxes
            .remove(&address.parse().unwrap());
    }

    pub fn set_dark(&self, is_dark: bool) {
        self.0.lock().unwrap().is_dark = is_dark;
    }

    /// Let packets to one address vanish, or to none.
    pub fn set_dark_to(&self, address: Option<&str>) {
        self.0.lock().unwrap().dark_to = address.map(|text| text.parse().unwrap());
    }

    /// The newest QUIC packet that was sent to an address, as somebody on the path sees it.
    pub fn seen(&self, address: &str) -> Vec<u8> {
        self.0.lock().unwrap().seen[&address.parse().unwrap()].clone()
    }

    /// Deliver a packet of a stranger, whatever is dark.
    pub fn inject(&self, from: &str, to: &str, packet: Vec<u8>) {
        let shared = &mut *self.0.lock().unwrap();
        let inbox = shared.inboxes.get_mut(&to.parse().unwrap()).unwrap();
        inbox.packets.push_back((from.parse().unwrap(), packet));
        if let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
    }

    /// Packets delivered so far.
    pub fn carried(&self) -> u64 {
        self.0.lock().unwrap().carried
    }

    pub fn send(&self, from: SocketAddr, to: SocketAddr, packet: Vec<u8>) {
        let delay = {
            let shared = &mut *self.0.lock().unwrap();
            shared.random ^= shared.random << 13;
            shared.random ^= shared.random >> 7;
            shared.random ^= shared.random << 17;
            let roll = (shared.random >> 11) as f64 / (1u64 << 53) as f64;
            if packet[0] & 0x40 != 0 {
                shared.seen.insert(to, packet.clone());
            }
            if shared.is_dark || shared.dark_to == Some(to) || roll < shared.loss {
                return;
            }
            shared.delay
        };
        let network = self.clone();
        if delay.is_zero() {
            return network.deliver(from, to, packet);
        }
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            network.deliver(from, to, packet);
        });
    }

    fn deliver(&self, from: SocketAddr, to: SocketAddr, packet: Vec<u8>) {
        let shared = &mut *self.0.lock().unwrap();
        if shared.is_dark || shared.dark_to == Some(to) {
            return;
        }
        if let Some(inbox) = shared.inboxes.get_mut(&to) {
            shared.carried += 1;
            inbox.packets.push_back((from, packet));
            if let Some(waker) = inbox.waker.take() {
                waker.wake();
            }
        }
    }
}

struct Socket {
    network: Network,
    address: SocketAddr,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({})", self.address)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Ready)
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        for packet in transmit.contents.chunks(size) {
            self.network
                .send(self.address, transmit.destination, packet.to_vec());
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let shared = &mut *self.network.0.lock().unwrap();
        let Some(inbox) = shared.inboxes.get_mut(&self.address) else {
            return Poll::Pending;
        };
        let mut count = 0;
        while count < bufs.len() {
            let Some((from, packet)) = inbox.packets.pop_front() else {
                break;
            };
            let len = packet.len();
            bufs[count][..len].copy_from_slice(&packet);
            meta[count] = RecvMeta {
                addr: from,
                len,
                stride: len,
                ecn: None,
                dst_ip: None,
            };
            count += 1;
        }
        if count > 0 {
            return Poll::Ready(Ok(count));
        }
        inbox.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn max_transmit_segments(&self) -> usize {
        10
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Ready;

impl UdpPoller for Ready {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
