//! Which phase follows which.

use super::{Empty, Model, Phase, Round, Startup};
use std::time::{Duration, Instant};

/// Growth by less than this within a round counts as none.
const STARTUP_GROWTH: f64 = 1.25;

/// Rounds without growth that end the start.
const STARTUP_ROUNDS: u32 = 3;

/// An attempt that brings less than this was in vain.
const PROBE_GROWTH: f64 = 1.08;

/// Attempts to go beyond such a window are so far apart: a loss-based neighbour needs seconds
/// without loss to get its share.
const CAPPED_PAUSE: Duration = Duration::from_millis(5000);

/// With the least round trip not seen again for so long the queue is emptied on purpose.
const EMPTY_AFTER: Duration = Duration::from_secs(5);

/// Rounds with a much longer round trip after which the path is looked at afresh.
const INFLATED_ROUNDS: u32 = 4;

/// Halvings in a row at most.
const HALVINGS: u32 = 6;

impl Model {
    pub(super) fn advance(&mut self, now: Instant, rate: u64, in_flight: u64, round: &Round) {
        match self.phase {
            Phase::Startup => self.advance_startup(round),
            Phase::Empty => self.advance_empty(now, rate),
            _ if self.inflated >= INFLATED_ROUNDS => self.start_empty(rate, in_flight, true),
            _ if self.is_min_due(now, round) => self.start_empty(rate, in_flight, false),
            Phase::Cruise if self.is_probe_due(now) => self.start_probe(now),
            Phase::Cruise => {}
            Phase::Probe => self.enter(Phase::Ease),
            Phase::Ease => self.advance_ease(now, round),
        }
    }

    pub(super) fn advance_startup(&mut self, round: &Round) {
        if !round.filled {
            return;
        }
        let rate = self.rates.get();
        if rate as f64 >= self.startup.best as f64 * STARTUP_GROWTH {
            self.startup = Startup {
                best: rate,
                stalled: 0,
            };
            return;
        }
        self.startup.stalled += 1;
        let queued = round.rtt.is_some_and(|rtt| self.is_queued(rtt));
        if self.startup.stalled >= STARTUP_ROUNDS || queued {
            self.enter(Phase::Ease);
        }
    }

    pub(super) fn is_probe_due(&self, now: Instant) -> bool {
        let patience = if self.cap.is_some() {
            CAPPED_PAUSE
        } else {
            Duration::ZERO
        };
        self.rounds >= self.config.cruise_rounds
            && now.saturating_duration_since(self.probed) >= patience
    }

    pub(super) fn start_probe(&mut self, now: Instant) {
        self.probed = now;
        self.exceeded = false;
        self.probe_from = self.rates.get();
        self.enter(Phase::Probe);
    }

    /// The acknowledgements of the round before show what the attempt has brought.
    pub(super) fn advance_ease(&mut self, now: Instant, round: &Round) {
        if !self.exceeded {
            self.cap = None;
        }
        let grown = self.rates.get() as f64 >= self.probe_from as f64 * PROBE_GROWTH;
        if self.probe_from > 0 && grown && round.filled {
            self.start_probe(now);
        } else {
            self.enter(Phase::Cruise);
        }
    }

    pub(super) fn is_min_due(&self, now: Instant, round: &Round) -> bool {
        round.filled && now.saturating_duration_since(self.min_seen) >= EMPTY_AFTER
    }

    pub(super) fn start_empty(&mut self, rate: u64, in_flight: u64, afresh: bool) {
        self.empty = Empty {
            afresh,
            rate,
            halvings: 0,
            rtt: None,
        };
        self.enter(Phase::Empty);
        let product = self.product(1.0);
        self.window = in_flight.min(product).max(in_flight / 2) / 2;
    }

    /// Two rounds after a halving its effect on the throughput is known.
    pub(super) fn advance_empty(&mut self, now: Instant, rate: u64) {
        if self.rounds < 2 {
            return;
        }
        let unharmed = rate as f64 >= 0.75 * self.empty.rate as f64;
        if unharmed && self.empty.halvings < HALVINGS {
            self.empty.halvings += 1;
            self.window /= 2;
            self.rounds = 0;
            return;
        }
        if self.empty.afresh {
            if let Some(rtt) = self.empty.rtt {
                self.rtts.reset(now, rtt);
            }
            self.rates.reset(self.empty.rate);
            self.cap = None;
        }
        self.inflated = 0;
        self.min_seen = now;
        self.start_probe(now);
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.rounds = 0;
    }
}
