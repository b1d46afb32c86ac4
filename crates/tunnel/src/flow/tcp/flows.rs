//! Track the open TCP flows of one connection: credit, counters, and how each one ends.
//!
//! The task that carries a flow holds a `Flow`. `Flows` keeps the state of each one by its number,
//! for the messages of the peer. A flow leaves the table when its `Flow` is dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn::Connection;
use tokio::sync::{Notify, Semaphore};

use super::application::PeerApplication;
use super::credits::{Pool, RecvCredit, SendCredit};
use crate::error::FlowEnd;
use crate::flow::outbox::Outbox;
use crate::flow::stats::{OpenFlow, ServiceStats, Stats};
use crate::lock::lock;

/// TCP flows that may be open at a time.
pub const MAX_FLOWS: u32 = 4096;
/// Bytes that all flows' blocked readers may hold, for a peer that ignores its credit.
const MAX_HELD_BYTES: u64 = 256 * 1024 * 1024;

/// The state of one flow, shared by its task and the table.
struct State {
    id: u64,
    service: Arc<str>,
    stats: Arc<ServiceStats>,
    send: Mutex<SendCredit>,
    /// Woken when more may be sent.
    granted: Notify,
    /// Locked after the pool, never before it.
    recv: Mutex<RecvCredit>,
    peer: PeerApplication,
    dropped: Notify,
    _open: OpenFlow,
}

/// One open TCP flow.
pub struct Flow {
    flows: Arc<Flows>,
    state: Arc<State>,
}

impl Flow {
    /// Count the flow as one that did not reach its service.
    pub fn refuse(&self) {
        self.state.stats.refuse();
    }

    /// Return the bytes that may be sent now.
    pub fn available(&self) -> u64 {
        lock(&self.state.send).available()
    }

    /// Complete when the peer grants more. Cancel-safe.
    pub async fn granted(&self) {
        self.state.granted.notified().await;
    }

    /// Return the bytes sent so far.
    pub fn sent(&self) -> u64 {
        lock(&self.state.send).sent()
    }

    /// Take credit for bytes that are sent next, and count them.
    pub fn note_sent(&self, bytes: u64) {
        lock(&self.state.send).take(bytes);
        self.state.stats.add(self.flows.is_host, bytes);
    }

    /// Return the bytes that the reader took so far.
    pub fn received(&self) -> u64 {
        lock(&self.state.recv).total()
    }

    /// Count bytes that the reader took, and grant more if it is time.
    pub fn note_read(&self, bytes: u64) {
        self.state.stats.add(!self.flows.is_host, bytes);
        let limit = {
            let mut pool = lock(&self.flows.pool);
            let rtt = self.flows.rtt();
            lock(&self.state.recv).read(bytes, Instant::now(), rtt, &mut pool)
        };
        self.flows.send_grant(self.state.id, limit);
    }

    /// Count bytes that wait for a blocked reader. False if all flows hold too many of them.
    pub fn hold(&self, bytes: usize) -> bool {
        let held = &self.flows.held;
        held.fetch_add(bytes as u64, Relaxed) + bytes as u64 <= MAX_HELD_BYTES
    }

    /// Undo `hold` for bytes that no longer wait.
    pub fn unhold(&self, bytes: usize) {
        self.flows.held.fetch_sub(bytes as u64, Relaxed);
    }

    /// Notify the peer that our application was reset, see `Message::Gone`.
    pub fn send_gone(&self, end: Option<u64>) {
        self.flows
            .outbox
            .post(|queue| queue.gone(self.state.id, end));
    }

    /// Return what is known about the peer's application.
    pub fn peer(&self) -> &PeerApplication {
        &self.state.peer
    }

    /// Complete when the session drops the flow. Cancel-safe.
    pub async fn dropped(&self) -> FlowEnd {
        self.state.dropped.notified().await;
        FlowEnd::Dropped
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.flows.leave(&self.state);
    }
}

/// The open TCP flows of one connection.
pub struct Flows {
    /// The QUIC connection; each flow is a stream of it.
    pub connection: Connection,
    /// Counters by service.
    pub stats: Arc<Stats>,
    /// Host: a permit for each flow that may be open, those without a stream included.
    pub places: Arc<Semaphore>,
    is_host: bool,
    outbox: Arc<Outbox>,
    pool: Mutex<Pool>,
    open: Mutex<HashMap<u64, Arc<State>>>,
    /// Target: what the peer sent about flows whose stream has not come yet.
    early_ends: Mutex<BTreeMap<u64, Option<u64>>>,
    held: AtomicU64,
    rtt_us: AtomicU64,
}

impl Flows {
    /// Make the empty table of a connection. `is_host` decides the direction of the counters.
    pub fn new(
        connection: Connection,
        is_host: bool,
        stats: Arc<Stats>,
        outbox: Arc<Outbox>,
    ) -> Arc<Self> {
        let flows = Self {
            connection,
            stats,
            places: Arc::new(Semaphore::new(MAX_FLOWS as usize)),
            is_host,
            outbox,
            pool: Mutex::default(),
            open: Mutex::default(),
            early_ends: Mutex::default(),
            held: AtomicU64::new(0),
            rtt_us: AtomicU64::new(0),
        };
        flows.note_rtt();
        Arc::new(flows)
    }

    /// Store the round trip. To ask quinn at each read would take its lock each time.
    fn note_rtt(&self) {
        let us = self.connection.rtt().as_micros();
        self.rtt_us
            .store(u64::try_from(us).unwrap_or(u64::MAX), Relaxed);
    }

    fn rtt(&self) -> Duration {
        Duration::from_micros(self.rtt_us.load(Relaxed))
    }

    /// Enter a flow with its start of credit, counted as open.
    pub fn enter(self: &Arc<Self>, id: u64, service: Arc<str>) -> Flow {
        let stats = self.stats.service(&service);
        let state = Arc::new(State {
            id,
            service,
            send: Mutex::default(),
            granted: Notify::new(),
            recv: Mutex::new(RecvCredit::new(&mut lock(&self.pool), Instant::now())),
            peer: PeerApplication::default(),
            dropped: Notify::new(),
            _open: stats.open_flow(),
            stats,
        });
        lock(&self.open).insert(id, state.clone());
        if let Some(end) = lock(&self.early_ends).remove(&id) {
            state.peer.note_gone(end);
        }
        Flow {
            flows: self.clone(),
            state,
        }
    }

    fn leave(&self, state: &State) {
        lock(&self.open).remove(&state.id);
        self.outbox.forget(state.id);
        let mut pool = lock(&self.pool);
        lock(&state.recv).close(&mut pool);
    }

    fn send_grant(&self, id: u64, limit: Option<u64>) {
        if let Some(limit) = limit {
            self.outbox.post(|queue| queue.grant(id, limit));
        }
    }

    /// Take a grant of the peer for one of our senders. A flow that has ended needs none.
    pub fn grant(&self, id: u64, limit: u64) {
        if let Some(state) = lock(&self.open).get(&id) {
            lock(&state.send).grant(limit);
            state.granted.notify_one();
        }
    }

    /// Take credit back that an idle sender of the peer does not need.
    pub fn give_back(&self, id: u64, limit: u64) {
        let Some(state) = lock(&self.open).get(&id).cloned() else {
            return;
        };
        let limit = {
            let mut pool = lock(&self.pool);
            lock(&state.recv).give_back(limit, Instant::now(), &mut pool)
        };
        self.send_grant(id, limit);
    }

    /// Note that the peer's application of a flow was reset. This may overtake the flow's stream.
    pub fn note_gone(&self, id: u64, end: Option<u64>) {
        if let Some(state) = lock(&self.open).get(&id) {
            return state.peer.note_gone(end);
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

    /// Give back the credit that idle senders do not need. Called once a second.
    pub fn tick(&self) {
        self.note_rtt();
        for state in lock(&self.open).values() {
            if let Some(limit) = lock(&state.send).tick() {
                self.outbox.post(|queue| queue.give_back(state.id, limit));
            }
        }
    }

    /// Reset the flows of one service, or all of them.
    pub fn reset(&self, service: Option<&str>) {
        for state in lock(&self.open).values() {
            if service.is_none_or(|key| key == &*state.service) {
                state.dropped.notify_one();
            }
        }
    }

    /// Return the number of open flows.
    pub fn count(&self) -> usize {
        lock(&self.open).len()
    }
}
