//! One TCP flow, as its link knows it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;

use crate::credits::{Pool, RecvCredit, SendCredit};
use crate::error::FlowEnd;
use crate::link::Link;
use crate::stats::{OpenFlow, ServiceStats};

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
            dropped: Notify::new(),
            _open: stats.open_flow(),
            stats,
        }
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
