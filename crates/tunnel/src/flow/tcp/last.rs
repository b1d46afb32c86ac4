//! The last of a flow whose peer is gone: what came before the reset reaches our application first.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::flows::Flow;
use crate::flow::peer::read_unacked;
use crate::lock::lock;

/// An application that takes nothing for so long does not get the rest.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the kernel is asked, first and at most.
const FIRST_STEP: Duration = Duration::from_millis(1);
const LONGEST_STEP: Duration = Duration::from_millis(100);

/// Complete when the peer's application is gone and ours has all that came from it, or has taken
/// nothing for `PATIENCE`. `received`: all was written to the socket. Cancel-safe.
pub async fn run_last(tcp: &TcpStream, flow: &Flow, received: &Notify) {
    flow.peer_gone().await;
    let mut step = FIRST_STEP;
    let mut is_received = false;
    let mut last = (lock(&flow.recv).total(), u32::MAX);
    let mut moved_at = Instant::now();
    loop {
        let (Ok(near), Ok(far)) = (tcp.local_addr(), tcp.peer_addr()) else {
            return; // it is gone, too
        };
        // A kernel that does not tell: what is written counts as brought.
        let unacked = read_unacked(near, far).unwrap_or(0);
        if is_received && unacked == 0 {
            return;
        }
        let now = (lock(&flow.recv).total(), unacked);
        if now != last {
            (last, moved_at) = (now, Instant::now());
        } else if moved_at.elapsed() >= PATIENCE {
            return;
        }
        if timeout(step, received.notified()).await.is_ok() {
            (is_received, step) = (true, FIRST_STEP);
        } else {
            step = (step * 2).min(LONGEST_STEP);
        }
    }
}
