//! Bound what the kernel holds of one application's connection.
//!
//! A flow whose reader has stopped fills the kernel's buffers on its way: our socket's at both ends,
//! and the send buffer of the application that writes. Linux sizes that one by itself, at thirty
//! segments under BBR (`tcp_sndbuf_expand`), and a segment of the loopback device has 64 KiB: up to
//! 4 MiB for each flow. A thousand such flows use up the machine's memory for TCP (`tcp_mem`), and
//! then every connection of the machine crawls: one that was read beside them had 0.01 of its speed
//! alone; with the three bounds of this file 0.9 (2026-11, `make bench` row quic-stalled). Small
//! buffers without small segments, and the reverse, gave 0.1.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::credits::PROOF_BYTES;

/// Both buffers of a flow that has not moved `PROOF_BYTES`; the kernel doubles the number for its own needs.
const START_BYTES: usize = 64 * 1024;
/// What the kernel may then hold for an application that does not read.
const SEND_BYTES: usize = 256 * 1024;
/// What the kernel may then hold of an application whose peer does not read.
const RECEIVE_BYTES: usize = 512 * 1024;
/// The kernel counts a segment and its headers as the next power of two: this one as 16 KiB. It
/// sends several at once, so the speed of a flow is the same.
const SEGMENT_BYTES: u32 = 15 * 1024;

/// Bound buffers and segments. For a socket before it connects, because that announces its segments to
/// the other end, or for a listening one, from which Linux copies them.
pub fn bound(socket: &SockRef<'_>) {
    let _ = socket.set_send_buffer_size(START_BYTES);
    let _ = socket.set_recv_buffer_size(START_BYTES);
    let _ = socket.set_tcp_mss(SEGMENT_BYTES);
}

/// Set what every application's connection needs. From here on each close is a TCP reset, also the
/// one that the kernel makes for a killed process: what was cut short must not look complete.
pub fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Let the kernel deliver the rest and close normally: both FINs were relayed.
pub fn let_end(tcp: &TcpStream) {
    let _ = SockRef::from(tcp).set_linger(None);
}

/// Enlarge the buffer of one direction, once, when it has moved enough.
pub struct Growth {
    is_done: bool,
    grow: fn(&TcpStream),
}

impl Growth {
    /// Watch the direction that is read from the application.
    pub const fn receive() -> Self {
        Self {
            is_done: false,
            grow: |tcp| drop(SockRef::from(tcp).set_recv_buffer_size(RECEIVE_BYTES)),
        }
    }

    /// Watch the direction that is written to the application.
    pub const fn send() -> Self {
        Self {
            is_done: false,
            grow: |tcp| drop(SockRef::from(tcp).set_send_buffer_size(SEND_BYTES)),
        }
    }

    /// Note how many bytes the direction has moved from its start.
    pub fn reach(&mut self, tcp: &TcpStream, moved: u64) {
        if !self.is_done && moved >= PROOF_BYTES {
            self.is_done = true;
            (self.grow)(tcp);
        }
    }
}
