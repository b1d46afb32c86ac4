//! One flow from its start to its end: both directions, half-close, reset.
//!
//! Each direction ends by itself, and a reset is relayed in its order. When an application was
//! reset (a write to it failed, or the kernel says so) it takes no more; what it sent before is
//! still in the kernel's buffer and is carried. The peer is told (`Message::Gone`), throws away
//! what its own application still sends, and resets that once its kernel has acknowledged all that
//! was before the reset. RESET_STREAM would discard it: that is for what ends the whole flow.

use std::sync::Arc;

use quinn::{RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::application::Local;
use super::buffers::let_end;
use super::flows::{Flow, FlowGuard};
use super::last::run_last;
use super::receive::{Received, run_receive};
use super::send::{Sent, discard, run_send};
use crate::conn::link::Link;
use crate::error::FlowEnd;
use crate::lock::lock;

/// The two ends of a flow.
pub struct Ends {
    /// The application's side.
    pub tcp: TcpStream,
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
    /// What is known about the application.
    pub local: Local,
}

/// Carry both directions until both have ended, or the flow was reset.
pub async fn run_flow(link: &Arc<Link>, guard: FlowGuard, mut ends: Ends) {
    let flow: &Flow = &guard.flow;
    let end = tokio::select! {
        biased;
        carried = carry(link, flow, &mut ends) => carried.err(),
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

/// Carry until both directions have ended by a FIN. Fails if the flow ends otherwise; all that can
/// be delivered is by then.
async fn carry(link: &Link, flow: &Flow, ends: &mut Ends) -> Result<(), FlowEnd> {
    let Ends {
        tcp,
        send,
        recv,
        local,
    } = ends;
    let (tcp, local) = (&*tcp, &*local);
    let received = Notify::new();
    let both = async {
        tokio::try_join!(
            carry_up(tcp, send, flow, link, local),
            carry_down(tcp, recv, flow, link, local, &received),
        )
    };
    tokio::select! {
        biased;
        both = both => drop(both?),
        () = run_last(tcp, flow, &received) => return Err(FlowEnd::Reset),
        () = watch_local(tcp, flow, link, local) => {}
    }
    if flow.is_peer_gone() && !local.is_gone() {
        received.notify_one();
        run_last(tcp, flow, &received).await;
        return Err(FlowEnd::Reset);
    }
    Ok(())
}

/// From our application to the peer.
async fn carry_up(
    tcp: &TcpStream,
    send: &mut SendStream,
    flow: &Flow,
    link: &Link,
    local: &Local,
) -> Result<(), FlowEnd> {
    match run_send(tcp, send, flow, local, link.is_host).await {
        Sent::Fin => Ok(()),
        Sent::Reset => {
            local.note_gone();
            link.say_gone(flow, Some(lock(&flow.send).sent()));
            let _ = send.stopped().await; // when the peer's application has it all, or is gone too
            Err(FlowEnd::Reset)
        }
        Sent::Stopped(FlowEnd::Reset) if !local.is_gone() => {
            let _ = send.reset(FlowEnd::Reset.code());
            flow.note_gone(None);
            discard(tcp).await;
            Ok(())
        }
        Sent::Stopped(end) => Err(end),
    }
}

/// From the peer to our application.
async fn carry_down(
    tcp: &TcpStream,
    recv: &mut RecvStream,
    flow: &Flow,
    link: &Link,
    local: &Local,
    received: &Notify,
) -> Result<(), FlowEnd> {
    let end = tokio::select! {
        biased;
        end = run_receive(tcp, recv, flow, link, local) => end?,
        () = local.gone() => Received::Gone,
    };
    match end {
        Received::All => received.notify_one(),
        Received::Gone => {
            link.say_gone(flow, None);
            let _ = recv.stop(FlowEnd::Reset.code());
        }
    }
    Ok(())
}

/// Notice at once that our application was reset, whatever its flow waits for. Never completes.
async fn watch_local(tcp: &TcpStream, flow: &Flow, link: &Link, local: &Local) {
    local.wait_broken(tcp).await;
    local.note_gone();
    link.say_gone(flow, None);
    std::future::pending().await
}
