//! Carry one flow from its start to its end: both directions, half-close, reset.
//!
//! Each direction ends by itself, and a reset is relayed in its order. When an application was
//! reset (a write to it failed, or the kernel reports it) it takes no more. What it sent before is
//! still in the kernel's buffer and is carried. The peer is notified (`Message::Gone`), throws away
//! what its own application still sends, and resets that once its kernel has acknowledged all that
//! was before the reset. RESET_STREAM would discard it: that is for what ends the whole flow.

use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::application::Application;
use super::buffers::let_end;
use super::flows::Flow;
use super::receive::{Received, run_receive};
use super::send::{Sent, discard, run_send};
use crate::error::FlowEnd;
use crate::net::diag::read_unacked;

/// An application that takes nothing for so long does not get the rest.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the kernel is asked, first and at most.
const FIRST_STEP: Duration = Duration::from_millis(1);
const LONGEST_STEP: Duration = Duration::from_millis(100);

/// Both directions of a flow's QUIC stream.
pub struct Stream {
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
}

impl Stream {
    /// Reset both directions; harmless if they have ended.
    pub fn reset(&mut self, end: FlowEnd) {
        let _ = self.send.reset(end.code());
        let _ = self.recv.stop(end.code());
    }
}

/// Carry both directions until both have ended, or the flow was reset.
pub async fn run_flow(flow: Flow, mut stream: Stream, app: Application) {
    let end = tokio::select! {
        biased;
        carried = carry(&flow, &mut stream, &app) => carried.err(),
        end = flow.dropped() => Some(end),
    };
    let Some(end) = end else {
        return let_end(&app.tcp);
    };
    if end.is_refusal() {
        flow.refuse();
    }
    stream.reset(end);
}

/// Carry until both directions have ended by a FIN. Fails if the flow ends otherwise; all that can
/// be delivered is by then.
async fn carry(flow: &Flow, stream: &mut Stream, app: &Application) -> Result<(), FlowEnd> {
    let Stream { send, recv } = stream;
    let received = Notify::new();
    let both = async {
        tokio::try_join!(
            carry_up(flow, send, app),
            carry_down(flow, recv, app, &received),
        )
    };
    tokio::select! {
        biased;
        both = both => drop(both?),
        () = run_last(flow, &app.tcp, &received) => return Err(FlowEnd::Reset),
        () = watch_application(flow, app) => {}
    }
    if flow.peer().is_gone() && !app.is_gone() {
        received.notify_one();
        run_last(flow, &app.tcp, &received).await;
        return Err(FlowEnd::Reset);
    }
    Ok(())
}

/// Carry from our application to the peer.
async fn carry_up(flow: &Flow, send: &mut SendStream, app: &Application) -> Result<(), FlowEnd> {
    match run_send(flow, send, app).await {
        Sent::Fin => Ok(()),
        Sent::Reset => {
            app.note_gone();
            flow.send_gone(Some(flow.sent()));
            let _ = send.stopped().await; // when the peer's application has it all, or is gone too
            Err(FlowEnd::Reset)
        }
        Sent::Stopped(FlowEnd::Reset) if !app.is_gone() => {
            let _ = send.reset(FlowEnd::Reset.code());
            flow.peer().note_gone(None);
            discard(&app.tcp).await;
            Ok(())
        }
        Sent::Stopped(end) => Err(end),
    }
}

/// Carry from the peer to our application.
async fn carry_down(
    flow: &Flow,
    recv: &mut RecvStream,
    app: &Application,
    received: &Notify,
) -> Result<(), FlowEnd> {
    let end = tokio::select! {
        biased;
        end = run_receive(flow, recv, app) => end?,
        () = app.gone() => Received::Gone,
    };
    match end {
        Received::All => received.notify_one(),
        Received::Gone => {
            flow.send_gone(None);
            let _ = recv.stop(FlowEnd::Reset.code());
        }
    }
    Ok(())
}

/// Notice at once that our application was reset, whatever its flow waits for. Never completes.
async fn watch_application(flow: &Flow, app: &Application) {
    app.broken().await;
    app.note_gone();
    flow.send_gone(None);
    std::future::pending().await
}

/// Complete when the peer's application is gone and ours has all that came from it, or has taken
/// nothing for `PATIENCE`. `received`: all was written to the socket. Cancel-safe.
async fn run_last(flow: &Flow, tcp: &TcpStream, received: &Notify) {
    flow.peer().gone().await;
    let mut step = FIRST_STEP;
    let mut is_received = false;
    let mut last = (flow.received(), u32::MAX);
    let mut moved_at = Instant::now();
    loop {
        let (Ok(near), Ok(far)) = (tcp.local_addr(), tcp.peer_addr()) else {
            return; // it is gone, too
        };
        // Where the kernel does not report it, what is written counts as delivered.
        let unacked = read_unacked(near, far).unwrap_or(0);
        if is_received && unacked == 0 {
            return;
        }
        let now = (flow.received(), unacked);
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
