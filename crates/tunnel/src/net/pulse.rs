//! Wrap a congestion controller: let a heartbeat pass when the window is full, and note what was
//! acknowledged.
//!
//! In a blackout a bulk flow leaves the window full of packets that nobody will acknowledge, and
//! quinn's probes back off exponentially: after an hour without a path the next one would come an hour
//! later. A heartbeat is a fresh packet, so its acknowledgement revives everything within a
//! round trip of the path's return; this wrapper makes room for it, one packet at a time.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory};

use crate::lock::lock;

/// The newest packet that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acked {
    /// When it was sent.
    pub sent: Instant,
    /// When its acknowledgement came.
    pub at: Instant,
    /// Whether others were still in flight then.
    pub more_in_flight: bool,
}

/// What the controller of a connection shares with the connection's watch.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    wanted: Arc<AtomicBool>,
    /// Whether a packet was sent since the newest acknowledgement.
    sent_since: Arc<AtomicBool>,
    answers: Arc<Mutex<Answers>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    packets: u64,
    newest: Option<Acked>,
}

impl Pulse {
    /// Let the next packet pass, whatever is in flight.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Return how many packets the peer has acknowledged.
    pub fn acked_packets(&self) -> u64 {
        lock(&self.answers).packets
    }

    /// Return the newest packet that the peer has acknowledged.
    pub fn newest_acked(&self) -> Option<Acked> {
        lock(&self.answers).newest
    }

    /// Return whether anything was sent since that acknowledgement came.
    pub fn sent_since_acked(&self) -> bool {
        self.sent_since.load(Ordering::Relaxed)
    }

    fn note(&self, packets: u64, acked: Acked) {
        let mut answers = lock(&self.answers);
        answers.packets += packets;
        answers.newest = Some(match answers.newest {
            Some(old) if old.sent > acked.sent => Acked {
                sent: old.sent,
                ..acked
            },
            _ => acked,
        });
    }
}

/// Builds controllers that share the pulse.
pub struct PulseFactory {
    inner: Arc<dyn ControllerFactory + Send + Sync>,
    pulse: Pulse,
}

impl PulseFactory {
    /// Wrap the controllers of `inner`.
    pub fn new(inner: Arc<dyn ControllerFactory + Send + Sync>, pulse: Pulse) -> Self {
        Self { inner, pulse }
    }
}

impl ControllerFactory for PulseFactory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(PulseController {
            inner: self.inner.clone().build(now, current_mtu),
            pulse: self.pulse.clone(),
            in_flight: 0,
            mtu: u64::from(current_mtu),
            acked: 0,
            acked_sent: None,
        })
    }
}

struct PulseController {
    inner: Box<dyn Controller>,
    pulse: Pulse,
    /// What quinn counts as in flight, or a little more.
    in_flight: u64,
    mtu: u64,
    /// Of the acknowledgement that is being read: packets, and when the newest of them was sent.
    acked: u64,
    acked_sent: Option<Instant>,
}

impl Controller for PulseController {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.in_flight += bytes;
        self.pulse.wanted.store(false, Ordering::Relaxed);
        self.pulse.sent_since.store(true, Ordering::Relaxed);
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &quinn_proto::RttEstimator,
    ) {
        self.acked += 1;
        self.acked_sent = self.acked_sent.max(Some(sent));
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.in_flight = in_flight;
        if let Some(sent) = self.acked_sent.take() {
            self.pulse.sent_since.store(false, Ordering::Relaxed);
            let more_in_flight = in_flight > 0;
            let acked = Acked {
                sent,
                at: now,
                more_in_flight,
            };
            self.pulse.note(std::mem::take(&mut self.acked), acked);
        }
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = u64::from(new_mtu);
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let window = self.inner.window();
        if self.pulse.wanted.load(Ordering::Relaxed) {
            return window.max(self.in_flight + 2 * self.mtu);
        }
        window
    }

    fn metrics(&self) -> quinn_proto::congestion::ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            pulse: self.pulse.clone(),
            in_flight: self.in_flight,
            mtu: self.mtu,
            acked: self.acked,
            acked_sent: self.acked_sent,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.inner.into_any()
    }
}
