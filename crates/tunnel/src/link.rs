//! What both sides share about one connection: flows, credit, counters, the control stream's queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quinn::Connection;
use tokio::sync::Notify;

use crate::credits::{Pool, RecvCredit, SendCredit};
use crate::error::FlowEnd;
use crate::stats::{OpenFlow, ServiceStats, Stats};
use crate::wire::Message;

/// Bytes that all flows' blocked readers may hold, for a peer that ignores its credit.
const MAX_HELD_BYTES: u64 = 256 * 1024 * 1024;
/// Messages beside grants that may wait; associations are the only ones, and they are bounded too.
const MAX_QUEUED: usize = 8192;

/// Lock, whatever happened to another holder: the data are counters and maps, never half-made.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One TCP flow, as the link knows it.
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
    recv: Mutex<RecvCredit>,
    dropped: Notify,
    _open: OpenFlow,
}

impl Flow {
    /// Completes when the session drops the flow. Cancel-safe.
    pub async fn dropped(&self) -> FlowEnd {
        self.dropped.notified().await;
        FlowEnd::Dropped
    }
}

/// The state of one connection.
pub struct Link {
    /// QUIC.
    pub connection: Connection,
    /// Whether this is the host's side; only for the counters' direction.
    pub is_host: bool,
    /// Counters by service.
    pub stats: Arc<Stats>,
    pool: Mutex<Pool>,
    flows: Mutex<HashMap<u64, Arc<Flow>>>,
    held: AtomicU64,
    rtt_us: AtomicU64,
    grants: Mutex<BTreeMap<u64, u64>>,
    queue: Mutex<VecDeque<Message>>,
    queued: Notify,
}

impl Link {
    /// A link over a connection that is up.
    pub fn new(connection: Connection, is_host: bool, stats: Arc<Stats>) -> Arc<Self> {
        let link = Self {
            connection,
            is_host,
            stats,
            pool: Mutex::default(),
            flows: Mutex::default(),
            held: AtomicU64::new(0),
            rtt_us: AtomicU64::new(0),
            grants: Mutex::default(),
            queue: Mutex::default(),
            queued: Notify::new(),
        };
        link.note_rtt();
        Arc::new(link)
    }

    /// Remember the round trip; asking quinn for each read would take its lock each time.
    pub fn note_rtt(&self) {
        let us = self.connection.rtt().as_micros();
        self.rtt_us
            .store(u64::try_from(us).unwrap_or(u64::MAX), Relaxed);
    }

    fn rtt(&self) -> Duration {
        Duration::from_micros(self.rtt_us.load(Relaxed))
    }

    /// Enter a flow. It leaves when the guard is dropped.
    pub fn enter(self: &Arc<Self>, id: u64, service: Arc<str>) -> FlowGuard {
        let stats = self.stats.service(&service);
        let flow = Arc::new(Flow {
            id,
            service,
            send: Mutex::default(),
            granted: Notify::new(),
            recv: Mutex::new(RecvCredit::new(&mut lock(&self.pool), Instant::now())),
            dropped: Notify::new(),
            _open: stats.open_flow(),
            stats,
        });
        lock(&self.flows).insert(id, flow.clone());
        FlowGuard {
            link: self.clone(),
            flow,
        }
    }

    /// Count what a flow's reader took, and grant more if it is time.
    pub fn note_read(&self, flow: &Flow, bytes: u64) {
        flow.stats.add(!self.is_host, bytes);
        let limit = {
            let mut pool = lock(&self.pool);
            lock(&flow.recv).read(bytes, Instant::now(), self.rtt(), &mut pool)
        };
        if let Some(limit) = limit {
            self.say_grant(flow.id, limit);
        }
    }

    /// Count bytes that wait for a blocked reader; false if there are too many of them.
    pub fn hold(&self, bytes: usize) -> bool {
        self.held.fetch_add(bytes as u64, Relaxed) + bytes as u64 <= MAX_HELD_BYTES
    }

    /// Those bytes are gone.
    pub fn unhold(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Relaxed);
    }

    /// Queue a message for the control stream.
    pub fn say(&self, message: Message) {
        let mut queue = lock(&self.queue);
        if queue.len() < MAX_QUEUED {
            queue.push_back(message);
            self.queued.notify_one();
        }
    }

    /// Wait for messages and take them, grants last. Cancel-safe.
    pub async fn next_messages(&self) -> Vec<Message> {
        loop {
            let mut messages: Vec<_> = lock(&self.queue).drain(..).collect();
            let grants = std::mem::take(&mut *lock(&self.grants));
            messages.extend(
                grants
                    .into_iter()
                    .map(|(flow, limit)| Message::Grant { flow, limit }),
            );
            if !messages.is_empty() {
                return messages;
            }
            self.queued.notified().await;
        }
    }

    /// The peer granted credit to one of our senders; a flow that has ended needs none.
    pub fn grant(&self, flow: u64, limit: u64) {
        if let Some(flow) = lock(&self.flows).get(&flow) {
            lock(&flow.send).grant(limit);
            flow.granted.notify_one();
        }
    }

    /// An idle sender of the peer gave credit back.
    pub fn give_back(&self, id: u64, limit: u64) {
        let Some(flow) = lock(&self.flows).get(&id).cloned() else {
            return;
        };
        let limit = {
            let mut pool = lock(&self.pool);
            lock(&flow.recv).give_back(limit, Instant::now(), &mut pool)
        };
        if let Some(limit) = limit {
            self.say_grant(id, limit);
        }
    }

    fn say_grant(&self, flow: u64, limit: u64) {
        lock(&self.grants).insert(flow, limit);
        self.queued.notify_one();
    }

    /// Called once a second: give back what idle senders do not need.
    pub fn tick(&self) {
        self.note_rtt();
        for flow in lock(&self.flows).values() {
            if let Some(limit) = lock(&flow.send).tick() {
                self.say(Message::GiveBack {
                    flow: flow.id,
                    limit,
                });
            }
        }
    }

    /// Reset the flows of one service, or all of them.
    pub fn drop_flows(&self, service: Option<&str>) {
        for flow in lock(&self.flows).values() {
            if service.is_none_or(|key| key == &*flow.service) {
                flow.dropped.notify_one();
            }
        }
    }

    /// Number of open TCP flows.
    pub fn open_flows(&self) -> usize {
        lock(&self.flows).len()
    }
}

/// Holds a flow's place in its link.
pub struct FlowGuard {
    link: Arc<Link>,
    /// The flow.
    pub flow: Arc<Flow>,
}

impl Drop for FlowGuard {
    fn drop(&mut self) {
        lock(&self.link.flows).remove(&self.flow.id);
        lock(&self.link.grants).remove(&self.flow.id);
        lock(&self.flow.recv).close(&mut lock(&self.link.pool));
    }
}
