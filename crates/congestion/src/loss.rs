//! Loss that the path has anyway, and loss that we cause.
//!
//! A radio link loses the same share whatever we send; a full buffer loses more the more is in
//! flight. So the share lost while the model eases off is the path's own, and what goes clearly
//! beyond it in another round is our doing.

use std::time::{Duration, Instant};

/// Loss beyond the path's own that is taken for a full buffer, as a share of the round.
const EXCESS: f64 = 0.005;

/// No path is believed to lose more than this by itself: beyond it we are in somebody's way.
const BASE_MAX: f64 = 0.12;

/// What a path may lose before anything is known about it.
const BASE_UNKNOWN: f64 = 0.03;

/// Rounds after an eased one until the fate of its packets is known.
const TRIAL_ROUNDS: u32 = 3;

/// What one eased round leaves of the memory of those before it.
const MEMORY: f64 = 0.8;

/// What happened to the packets of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoundLoss {
    pub acked: u64,
    pub lost: u64,
}

impl RoundLoss {
    pub fn share(self) -> f64 {
        self.lost as f64 / (self.acked + self.lost).max(1) as f64
    }
}

/// Loss seen while the model eased off.
#[derive(Clone, Debug, Default)]
pub struct BaseLoss {
    lost: f64,
    total: f64,
    trial: Option<Trial>,
}

/// The packets sent in one eased round: only they tell about the path.
#[derive(Clone, Copy, Debug)]
struct Trial {
    from: Instant,
    until: Option<Instant>,
    seen: RoundLoss,
    rtt: Duration,
    rounds: u32,
}

impl Trial {
    fn holds(&self, sent: Instant) -> bool {
        sent >= self.from && self.until.is_none_or(|until| sent < until)
    }
}

impl BaseLoss {
    /// An eased round begins. While another one is under examination it does not count.
    pub fn begin(&mut self, now: Instant) {
        self.trial.get_or_insert(Trial {
            from: now,
            until: None,
            seen: RoundLoss::default(),
            rtt: Duration::MAX,
            rounds: 0,
        });
    }

    /// It is over: what is sent from now on counts no more.
    pub fn end(&mut self, now: Instant) {
        if let Some(trial) = &mut self.trial {
            trial.until.get_or_insert(now);
        }
    }

    pub fn on_ack(&mut self, sent: Instant, bytes: u64, rtt: Duration) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.holds(sent)) {
            trial.seen.acked += bytes;
            trial.rtt = trial.rtt.min(rtt);
        }
    }

    pub fn on_loss(&mut self, sent: Instant, bytes: u64) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.holds(sent)) {
            trial.seen.lost += bytes;
        }
    }

    /// A round is over. When all that was sent in the eased one is known it counts, unless the
    /// round trips show that somebody else's queue was in the way (`calm`: the longest without).
    /// Returns the shortest round trip of those packets, once.
    pub fn on_round(&mut self, calm: Duration) -> Option<Duration> {
        let trial = self.trial.as_mut().filter(|trial| trial.until.is_some())?;
        trial.rounds += 1;
        if trial.rounds < TRIAL_ROUNDS {
            return None;
        }
        let trial = *trial;
        self.trial = None;
        if trial.rtt <= calm {
            self.learn(trial.seen);
        }
        (trial.seen.acked > 0).then_some(trial.rtt)
    }

    fn learn(&mut self, round: RoundLoss) {
        self.lost = self.lost * MEMORY + round.lost as f64;
        self.total = self.total * MEMORY + (round.acked + round.lost) as f64;
    }

    /// The share that the path loses by itself.
    pub fn share(&self) -> f64 {
        if self.total == 0.0 {
            return BASE_UNKNOWN;
        }
        (self.lost / self.total).min(BASE_MAX)
    }

    /// Whether a round lost clearly more than the path does by itself: three standard deviations
    /// and two packets are left to chance.
    pub fn is_exceeded(&self, round: RoundLoss, mtu: u64) -> bool {
        let packets = (round.acked + round.lost) as f64 / mtu as f64;
        let lost = round.lost as f64 / mtu as f64;
        let base = self.share();
        let chance = 3.0 * (packets * base.max(0.002)).sqrt() + 2.0;
        lost > packets * (base + EXCESS) + chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1000;

    fn round(packets: u64, lost: u64) -> RoundLoss {
        RoundLoss {
            acked: (packets - lost) * MTU,
            lost: lost * MTU,
        }
    }

    #[test]
    fn a_path_that_always_loses_is_not_exceeded() {
        let mut base = BaseLoss::default();
        for _ in 0..5 {
            base.learn(round(1000, 50));
        }
        assert!((base.share() - 0.05).abs() < 1e-9);
        assert!(!base.is_exceeded(round(1000, 70), MTU));
        assert!(base.is_exceeded(round(1000, 120), MTU));
    }

    #[test]
    fn few_packets_prove_nothing() {
        let base = BaseLoss::default();
        assert!(!base.is_exceeded(round(4, 2), MTU));
        assert!(!base.is_exceeded(RoundLoss::default(), MTU));
        assert!(base.is_exceeded(round(40, 8), MTU));
    }

    #[test]
    fn a_base_beyond_reason_is_not_believed() {
        let mut base = BaseLoss::default();
        base.learn(round(100, 60));
        assert_eq!(base.share(), BASE_MAX);
        assert_eq!(round(100, 60).share(), 0.6);
    }
}
