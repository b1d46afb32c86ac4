//! One flow from its start to its end: both directions, half-close, reset.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::{receive, send};
use crate::error::FlowEnd;
use crate::flow::{Flow, FlowGuard};
use crate::link::Link;

/// The two ends of a flow.
pub struct Ends {
    /// The application's side.
    pub tcp: TcpStream,
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
}

/// What the kernel may hold for an application that does not read (it doubles the number for its
/// own needs). Left to itself it grows to 4 MiB, times a thousand stalled flows.
const SEND_BUFFER: usize = 256 * 1024;
/// What the kernel may hold of an application whose peer does not read. Left to itself it grows to
/// megabytes: with 1,000 stalled flows the machine's TCP memory was used up, and a flow that was
/// read had 0.2 of its speed alone, 2026-11.
const RECEIVE_BUFFER: usize = 512 * 1024;

/// Set what every application's socket needs. From here on each close is a TCP reset, also the one
/// that the kernel makes for a killed process: what was cut short must not look complete.
pub fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_send_buffer_size(SEND_BUFFER);
    let _ = SockRef::from(tcp).set_recv_buffer_size(RECEIVE_BUFFER);
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Both ends were relayed: the kernel shall bring the rest, and the close be one.
fn let_end(tcp: &TcpStream) {
    let _ = SockRef::from(tcp).set_linger(None);
}

/// Carry both directions until both have ended, or one was reset: then all is.
pub async fn run_flow(link: &Arc<Link>, guard: FlowGuard, mut ends: Ends) {
    let flow: &Flow = &guard.flow;
    let both = async {
        tokio::try_join!(
            send::run_send(&ends.tcp, &mut ends.send, flow, link.is_host),
            receive::run_receive(&ends.tcp, &mut ends.recv, flow, link),
        )
    };
    let end = tokio::select! {
        biased;
        result = both => result.err(),
        end = flow.dropped() => Some(end),
    };
    let Some(end) = end else {
        return let_end(&ends.tcp);
    };
    if end.is_refusal() {
        flow.stats.refuse();
    }
    reset_streams(&mut ends.send, &mut ends.recv, end);
}

/// Reset a stream both ways; harmless if it has ended.
pub fn reset_streams(send: &mut SendStream, recv: &mut RecvStream, end: FlowEnd) {
    let _ = send.reset(end.code());
    let _ = recv.stop(end.code());
}
