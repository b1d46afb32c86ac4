//! UDP: an association per service and client address, datagrams whole or not at all.

mod carrier;
pub mod datagram;
pub mod host;
mod table;
pub mod target;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;

use self::datagram::Reassembly;

pub use carrier::run_receive;
pub use table::MAX_ASSOCIATIONS;

/// Datagrams taken off one socket before others get a turn.
const BURST: usize = 64;
/// The largest datagram there is.
const BUFFER_BYTES: usize = 65_536;

/// What the kernel may hold while others have their turn: 20 ms of 300 Mbit/s. Its default of
/// 208 KiB is 90 packets and lost 2 % of 20,000/s on a busy machine, 2026-11.
const SOCKET_BUFFER: usize = 1024 * 1024;

/// Let an application's socket hold a burst.
pub fn tune(socket: &UdpSocket) {
    let _ = socket2::SockRef::from(socket).set_recv_buffer_size(SOCKET_BUFFER);
}

/// What came from the peer for an association.
pub enum Arrival {
    /// A fragment, or a datagram of one fragment.
    Part {
        number: u16,
        index: u8,
        count: u8,
        payload: Bytes,
    },
    /// A datagram that came on a stream of its own.
    Whole(Bytes),
}

impl Arrival {
    /// The datagram, if this completes it.
    fn complete(self, reassembly: &mut Reassembly, now: Instant) -> Option<Bytes> {
        match self {
            Self::Whole(payload) => Some(payload),
            Self::Part {
                number,
                index,
                count,
                payload,
            } => reassembly.take(number, index, count, payload, now),
        }
    }
}

/// Takes what the peer sent, on either side.
pub trait Deliver: Send + Sync {
    /// Hand an arrival to the association's socket.
    fn deliver(&self, association: u32, arrival: Arrival, now: Instant);
}

thread_local! {
    /// One buffer for all sockets: two thousand bindings must not hold one each.
    static BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Wait for datagrams and hand each to `take`; returns on a socket error. Cancel-safe.
async fn read_burst(
    socket: &Arc<UdpSocket>,
    mut take: impl FnMut(&[u8], SocketAddr),
) -> std::io::Result<()> {
    socket.readable().await?;
    for _ in 0..BURST {
        let read = BUFFER.with_borrow_mut(|buffer| {
            let (len, from) = socket.try_recv_from(buffer)?;
            take(&buffer[..len], from);
            Ok::<_, std::io::Error>(())
        });
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    tokio::task::yield_now().await;
    Ok(())
}
