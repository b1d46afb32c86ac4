//! The window that follows from what is known.

use super::{Model, Phase};
use std::time::Duration;

/// The window never falls below so many packets.
pub(super) const PACKETS_MIN: u64 = 4;

/// No more than so many least round trips are believed to be others' doing.
const STANDING_MAX: u32 = 4;

/// A round trip without a queue that is none to speak of.
const NEAR: Duration = Duration::from_millis(2);

/// An attempt goes beyond such a window by this fraction of it.
const LIFT: u64 = 5;

impl Model {
    /// Whether a round trip shows that packets wait somewhere.
    pub(super) fn is_queued(&self, rtt: Duration) -> bool {
        let least = self.rtts.get();
        least.is_some_and(|least| rtt > least + least / 4 + self.slack())
    }

    /// Bytes that the path holds at a gain, without the slack.
    pub(super) fn product(&self, gain: f64) -> u64 {
        let rtt = self.rtts.get().unwrap_or_default();
        (self.rates.get() as f64 * rtt.as_secs_f64() * gain) as u64
    }

    pub(super) fn target(&self, gain: f64) -> u64 {
        let rate = self.rates.get() as f64;
        let product = rate * self.usual_rtt().as_secs_f64() * gain;
        product as u64 + self.slack_bytes() + 3 * self.mtu
    }

    /// The round trip that our own queue has no part in. Beside a neighbour who keeps the queue
    /// filled the least one ever seen would leave us next to nothing.
    pub(super) fn usual_rtt(&self) -> Duration {
        let least = self.rtts.get().unwrap_or_default();
        let standing = self.standing.clamp(least, STANDING_MAX * least);
        least + (standing - least) / 2
    }

    /// Sets the window for the round that begins.
    pub(super) fn follow(&mut self) {
        let wanted = match self.phase {
            Phase::Startup | Phase::Empty => return,
            Phase::Cruise => self.target(self.config.cruise),
            Phase::Probe => self.target(self.config.probe),
            Phase::Ease => self.eased(),
        };
        self.window = self.capped(wanted);
    }

    /// The window that leaves no queue of ours.
    pub(super) fn eased(&self) -> u64 {
        self.product(self.config.ease) + self.slack_bytes() / 2 + 3 * self.mtu
    }

    /// Twice as much where there is next to no delay: there the machines' own pauses are the longest
    /// part of a round trip, and a queue of these few milliseconds costs nobody anything.
    pub(super) fn slack(&self) -> Duration {
        let is_near = self.rtts.get().is_some_and(|least| least < NEAR);
        self.config.slack * if is_near { 2 } else { 1 }
    }

    pub(super) fn slack_bytes(&self) -> u64 {
        (self.rates.get() as f64 * self.slack().as_secs_f64()) as u64
    }

    pub(super) fn capped(&self, wanted: u64) -> u64 {
        match self.cap {
            Some(cap) if self.phase == Phase::Probe => wanted.min(cap + cap / LIFT),
            Some(cap) => wanted.min(cap),
            None => wanted,
        }
    }

    /// Keeps the window within what makes sense in every phase.
    pub(super) fn bound(&mut self) {
        let least = PACKETS_MIN * self.mtu;
        self.window = self.window.clamp(least, self.config.max_window.max(least));
    }
}
