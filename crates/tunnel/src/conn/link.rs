//! What both sides share about one connection: flows, credit, counters, the control stream's queue.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn::Connection;
use tokio::sync::{Notify, Semaphore};

use super::transport::MAX_FLOWS;
use crate::flow::outbox::Outbox;
use crate::flow::stats::Stats;
use crate::flow::tcp::credits::Pool;
use crate::flow::tcp::flows::{Flow, FlowGuard};
use crate::flow::wire::Message;
use crate::lock::lock;

/// Bytes that all flows' blocked readers may hold, for a peer that ignores its credit.
const MAX_HELD_BYTES: u64 = 256 * 1024 * 1024;
/// Datagrams too large for fragments that wait or are under way: 16 MiB. More are lost.
const MAX_LARGE_DATAGRAMS: usize = 256;

/// The state of one connection.
pub struct Link {
    /// QUIC.
    pub connection: Connection,
    /// Whether this is the host's side; only for the counters' direction.
    pub is_host: bool,
    /// Counters by service.
    pub stats: Arc<Stats>,
    /// Host: one for each connection that may be taken, those included that have no stream yet.
    pub places: Arc<Semaphore>,
    /// One for each large datagram that may be on its way out.
    pub large_datagrams: Arc<Semaphore>,
    pool: Mutex<Pool>,
    flows: Mutex<HashMap<u64, Arc<Flow>>>,
    /// Target: what was said about flows whose stream has not come yet.
    early_ends: Mutex<BTreeMap<u64, Option<u64>>>,
    held: AtomicU64,
    rtt_us: AtomicU64,
    outbox: Mutex<Outbox>,
    queued: Notify,
}

impl Link {
    /// A link over a connection that is up.
    pub fn new(connection: Connection, is_host: bool, stats: Arc<Stats>) -> Arc<Self> {
        let link = Self {
            connection,
            is_host,
            stats,
            places: Arc::new(Semaphore::new(MAX_FLOWS as usize)),
            large_datagrams: Arc::new(Semaphore::new(MAX_LARGE_DATAGRAMS)),
            pool: Mutex::default(),
            flows: Mutex::default(),
            early_ends: Mutex::default(),
            held: AtomicU64::new(0),
            rtt_us: AtomicU64::new(0),
            outbox: Mutex::default(),
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
        let flow = Arc::new(Flow::new(id, service, stats, &mut lock(&self.pool)));
        lock(&self.flows).insert(id, flow.clone());
        if let Some(end) = lock(&self.early_ends).remove(&id) {
            flow.note_gone(end);
        }
        FlowGuard::new(self.clone(), flow)
    }

    /// A flow has ended.
    pub fn leave(&self, flow: &Flow) {
        lock(&self.flows).remove(&flow.id);
        lock(&self.outbox).forget(flow.id);
        let mut pool = lock(&self.pool);
        lock(&flow.recv).close(&mut pool);
    }

    /// Count what a flow's reader took, and grant more if it is time.
    pub fn note_read(&self, flow: &Flow, bytes: u64) {
        flow.stats.add(!self.is_host, bytes);
        let limit = {
            let mut pool = lock(&self.pool);
            lock(&flow.recv).read(bytes, Instant::now(), self.rtt(), &mut pool)
        };
        if let Some(limit) = limit {
            self.post(|outbox| outbox.grant(flow.id, limit));
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

    fn post(&self, put: impl FnOnce(&mut Outbox)) {
        put(&mut lock(&self.outbox));
        self.queued.notify_one();
    }

    /// Queue a message about an association for the control stream.
    pub fn say(&self, message: Message) {
        self.post(|outbox| outbox.say(message));
    }

    /// Whether the control stream keeps up, so that an association may be opened.
    pub fn has_room_to_open(&self) -> bool {
        lock(&self.outbox).has_room_to_open()
    }

    /// Wait for messages and take them. Cancel-safe.
    pub async fn next_messages(&self) -> Vec<Message> {
        loop {
            let messages = lock(&self.outbox).take();
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

    /// Tell the peer that the application of a flow was reset, see `Message::Gone`.
    pub fn say_gone(&self, flow: &Flow, end: Option<u64>) {
        self.post(|outbox| outbox.gone(flow.id, end));
    }

    /// The peer's application of a flow was reset. The control stream overtakes a flow's own.
    pub fn note_gone(&self, id: u64, end: Option<u64>) {
        if let Some(flow) = lock(&self.flows).get(&id) {
            return flow.note_gone(end);
        }
        if self.is_host {
            return; // a flow that has ended: its stream was ours
        }
        let mut early = lock(&self.early_ends);
        let known = early.entry(id).or_default();
        *known = end.or(*known);
        if early.len() > MAX_FLOWS as usize {
            early.pop_first(); // the oldest flow has ended
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
            self.post(|outbox| outbox.grant(id, limit));
        }
    }

    /// Called once a second: give back what idle senders do not need.
    pub fn tick(&self) {
        self.note_rtt();
        for flow in lock(&self.flows).values() {
            if let Some(limit) = lock(&flow.send).tick() {
                self.post(|outbox| outbox.give_back(flow.id, limit));
            }
        }
    }

    /// Reset the flows of one service, or all of them.
    pub fn drop_flows(&self, service: Option<&str>) {
        for flow in lock(&self.flows).values() {
            if service.is_none_or(|key| key == &*flow.service) {
                flow.drop_it();
            }
        }
    }

    /// Number of open TCP flows.
    pub fn open_flows(&self) -> usize {
        lock(&self.flows).len()
    }
}
