//! One TCP flow, as its link knows it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::credits::{Pool, RecvCredit, SendCredit};
use crate::conn::link::Link;
use crate::error::FlowEnd;
use crate::flow::stats::{OpenFlow, ServiceStats};

/// What the peer said about the end of its application, see `Message::Gone`.
#[derive(Clone, Copy, Debug, Default)]
struct PeerEnd {
    is_gone: bool,
    end: Option<u64>,
}

/// One TCP flow.
pub struct Flow {
    /// Number of its stream.
    pub id: u64,
    /// Key of its service.
    pub service: Arc<str>,
    /// Counters of its service.
    pub stats: Arc<ServiceStats>,
    /// What we may send.
    pub send: Mutex<SendCredit>,
    /// Woken when more may be sent.
    pub granted: Notify,
    /// What the peer may send. Locked after the pool, never before it.
    pub recv: Mutex<RecvCredit>,
    peer_end: watch::Sender<PeerEnd>,
    dropped: Notify,
    _open: OpenFlow,
}

impl Flow {
    /// A flow with its start of credit, counted as open.
    pub fn new(id: u64, service: Arc<str>, stats: Arc<ServiceStats>, pool: &mut Pool) -> Self {
        Self {
            id,
            service,
            send: Mutex::default(),
            granted: Notify::new(),
            recv: Mutex::new(RecvCredit::new(pool, Instant::now())),
            peer_end: watch::Sender::default(),
            dropped: Notify::new(),
            _open: stats.open_flow(),
            stats,
        }
    }

    /// The peer's application was reset; its stream ends at `end`, or with a FIN.
    pub fn note_gone(&self, end: Option<u64>) {
        self.peer_end.send_modify(|peer| {
            peer.is_gone = true;
            peer.end = end.or(peer.end);
        });
    }

    /// Whether the peer's application takes no more.
    pub fn is_peer_gone(&self) -> bool {
        self.peer_end.borrow().is_gone
    }

    /// Completes when the peer's application takes no more. Cancel-safe.
    pub async fn peer_gone(&self) {
        let _ = self
            .peer_end
            .subscribe()
            .wait_for(|peer| peer.is_gone)
            .await;
    }

    /// Completes when nothing comes after this offset but a reset. Cancel-safe.
    pub async fn peer_ends(&self, offset: u64) {
        let is_end = |peer: &PeerEnd| peer.end.is_some_and(|end| end <= offset);
        let _ = self.peer_end.subscribe().wait_for(is_end).await;
    }

    /// Let the flow be reset.
    pub fn drop_it(&self) {
        self.dropped.notify_one();
    }

    /// Completes when the session drops the flow. Cancel-safe.
    pub async fn dropped(&self) -> FlowEnd {
        self.dropped.notified().await;
        FlowEnd::Dropped
    }
}

/// Holds a flow's place in its link.
pub struct FlowGuard {
    link: Arc<Link>,
    /// The flow.
    pub flow: Arc<Flow>,
}

impl FlowGuard {
    /// Take the flow out of the link when this is dropped.
    pub fn new(link: Arc<Link>, flow: Arc<Flow>) -> Self {
        Self { link, flow }
    }
}

impl Drop for FlowGuard {
    fn drop(&mut self) {
        self.link.leave(&self.flow);
    }
}
