//! Share between the sockets of one endpoint who is let in, the probes, the relay and the peer's reports.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use tokio::net::UnixDatagram;
use tokio::sync::Notify;

use super::gate::{Gate, OWN_ID_BYTES};
use super::probe::{PROBE_BYTES, Probe, Prober};
use crate::lock::lock;

/// Answers to probes that wait to be taken.
const MAX_ANSWERS: usize = 64;

/// What the sockets of one endpoint share, over every rebind.
pub struct Path {
    /// The ids that let packets in.
    pub gate: Gate,
    prober: Mutex<Option<Prober>>,
    answers: Mutex<VecDeque<(u64, SocketAddr)>>,
    /// Woken when an answer has come, the relay came or went, or the peer sent a report.
    pub news: Notify,
    /// Woken when the socket is a new one.
    pub rebound: Notify,
    relay: Mutex<Option<Arc<UnixDatagram>>>,
    waker: Mutex<Option<Waker>>,
    /// The host's only peer, as quinn addresses it; what comes by relay seems to come from there.
    peer: Mutex<Option<SocketAddr>>,
    sends_by_relay: AtomicBool,
    peer_report: Mutex<Option<bool>>,
    refused_sends: AtomicU64,
    last_id: AtomicU64,
}

impl Path {
    /// Start with a path that lets nothing in.
    pub fn new(gate: Gate) -> Arc<Self> {
        Arc::new(Self {
            gate,
            prober: Mutex::default(),
            answers: Mutex::default(),
            news: Notify::new(),
            rebound: Notify::new(),
            relay: Mutex::default(),
            waker: Mutex::default(),
            peer: Mutex::default(),
            sends_by_relay: AtomicBool::new(false),
            peer_report: Mutex::default(),
            refused_sends: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
        })
    }

    /// Use the probes of this introduction.
    pub fn set_prober(&self, prober: Prober) {
        *lock(&self.prober) = Some(prober);
    }

    /// Return the next question of a probe and its counter, once introduced.
    pub fn ask(&self) -> Option<([u8; PROBE_BYTES], u64)> {
        lock(&self.prober).as_mut().map(Prober::ask)
    }

    /// Take the answers that came: counter, and the address that answered.
    pub fn take_answers(&self) -> Vec<(u64, SocketAddr)> {
        lock(&self.answers).drain(..).collect()
    }

    /// Set the host's only peer.
    pub fn set_peer(&self, peer: SocketAddr) {
        *lock(&self.peer) = Some(peer);
    }

    /// Attach the relay, or take it away.
    pub fn set_relay(&self, relay: Option<UnixDatagram>) {
        *lock(&self.relay) = relay.map(Arc::new);
        self.news.notify_one();
        if let Some(waker) = lock(&self.waker).take() {
            waker.wake();
        }
    }

    /// Store the peer's report over the stdio link: whether its packets lack acknowledgements.
    pub fn set_peer_quiet(&self, is_quiet: bool) {
        *lock(&self.peer_report) = Some(is_quiet);
        self.news.notify_one();
    }

    /// Take the peer's last report.
    pub fn take_peer_report(&self) -> Option<bool> {
        lock(&self.peer_report).take()
    }

    /// Return whether there is a relay.
    pub fn has_relay(&self) -> bool {
        lock(&self.relay).is_some()
    }

    /// Host: send packets by the relay, or by UDP.
    pub fn send_by_relay(&self, by_relay: bool) {
        self.sends_by_relay.store(by_relay, Ordering::Relaxed);
    }

    /// Return how many sends the kernel has refused since the start: no route, or no such address any
    /// more.
    pub fn refused_sends(&self) -> u64 {
        self.refused_sends.load(Ordering::Relaxed)
    }

    /// Return whether a packet may reach QUIC.
    pub fn is_welcome(&self, packet: &[u8]) -> bool {
        // Nearly all packets are short ones with the id of the one before: no lock for those.
        let id = packet
            .get(..1 + OWN_ID_BYTES)
            .filter(|head| head[0] & 0xc0 == 0x40)
            .and_then(|head| head[1..].try_into().ok())
            .map(u64::from_le_bytes);
        if let Some(id) = id
            && id == self.last_id.load(Ordering::Relaxed)
            && id != 0
        {
            return true;
        }
        let is_open = self.gate.is_open_for(packet);
        if let (true, Some(id)) = (is_open, id) {
            self.last_id.store(id, Ordering::Relaxed);
        }
        is_open
    }

    /// Count a send that the kernel refused.
    pub fn note_refused(&self) {
        self.refused_sends.fetch_add(1, Ordering::Relaxed);
    }

    /// Return whether the host sends by the relay now.
    pub fn sends_by_relay(&self) -> bool {
        self.sends_by_relay.load(Ordering::Relaxed)
    }

    /// Return the relay, if there is one.
    pub fn relay(&self) -> Option<Arc<UnixDatagram>> {
        lock(&self.relay).clone()
    }

    /// Wake this waker when a relay is attached.
    pub fn wait_relay(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    /// Return the host's only peer.
    pub fn peer(&self) -> Option<SocketAddr> {
        *lock(&self.peer)
    }

    /// Read a packet that is not QUIC, and return what to send back to where it came from.
    pub fn read_aside(&self, packet: &[u8], from: SocketAddr) -> Option<[u8; PROBE_BYTES]> {
        match lock(&self.prober).as_mut()?.read(packet)? {
            Probe::Asked(answer) => Some(answer),
            Probe::Answered(counter) => {
                let mut answers = lock(&self.answers);
                if answers.len() < MAX_ANSWERS {
                    answers.push_back((counter, from));
                }
                self.news.notify_one();
                None
            }
        }
    }
}
