//! What a round teaches: round trip, rate, loss.

use super::{Model, Phase, Round};
use std::time::{Duration, Instant};

/// Loss of a round, as a share, that is too much whatever its cause.
const HEAVY_LOSS: f64 = 0.15;

/// And so many packets: a few prove nothing.
const HEAVY_PACKETS: u64 = 16;

/// A round without loss raises a lowered window by this fraction of it and a packet.
const RAISE: u64 = 1024;

/// What is left of the window after loss of our own making.
const BACK_OFF: f64 = 0.8;

/// That share of the product of rate and round trip is never too much.
const FLOOR: f64 = 0.8;

impl Model {
    pub(super) fn learn_rtt(&mut self, now: Instant, round: &Round) {
        let Some(rtt) = round.rtt else { return };
        let before = self.rtts.get();
        self.rtts.push(now, rtt);
        let Some(least) = before else { return };
        if rtt <= least + least / 16 + Duration::from_micros(500) {
            self.min_seen = now;
        }
        let usual = self.usual_rtt();
        let long = usual + usual / 2 + 2 * self.slack();
        self.inflated = if rtt > long { self.inflated + 1 } else { 0 };
        if self.phase == Phase::Empty {
            self.empty.rtt = Some(self.empty.rtt.map_or(rtt, |old| old.min(rtt)));
        }
    }

    pub(super) fn learn_rate(&mut self, rate: u64, round: &Round) {
        if round.filled || rate > self.rates.get() {
            self.rates.push(rate);
        }
    }

    pub(super) fn learn_loss(&mut self, rate: u64, round: &Round) {
        let least = self.rtts.get().unwrap_or_default();
        if let Some(rtt) = self.base.on_round(least + least / 10 + self.slack()) {
            self.standing = rtt;
        }
        self.hold = self.hold.saturating_sub(1);
        if !self.base.is_exceeded(round.loss, self.mtu) {
            self.raise_cap();
            return;
        }
        self.exceeded = true;
        let heavy = round.loss.share() > HEAVY_LOSS && round.loss.lost > HEAVY_PACKETS * self.mtu;
        if heavy && self.before.0 != Phase::Probe {
            self.rates.reset(rate);
        }
        if self.phase != Phase::Startup {
            self.lower_cap();
        } else if heavy {
            self.enter(Phase::Ease);
        }
    }

    /// The window that met a full buffer is too much; but what was sent before it was lowered may
    /// still be on its way to be lost.
    pub(super) fn lower_cap(&mut self) {
        if self.hold > 0 {
            return;
        }
        self.hold = 2;
        let (phase, window) = self.before;
        let lowered = (window as f64 * BACK_OFF) as u64;
        let cap = match (self.cap, phase) {
            (Some(cap), Phase::Probe) => cap.min(lowered),
            _ => lowered,
        };
        self.cap = Some(cap.max(self.product(FLOOR)));
    }

    /// A round without loss of our making.
    pub(super) fn raise_cap(&mut self) {
        if self.phase != Phase::Cruise {
            return;
        }
        let raised = self.cap.map(|cap| cap + cap / RAISE + self.mtu);
        self.cap = raised.filter(|cap| *cap < self.target(self.config.probe));
    }
}
