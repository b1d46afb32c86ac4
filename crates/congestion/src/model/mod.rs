//! The model of the path and the window that follows from it. Pure: `now` is an argument.
//!
//! quinn takes one number from a controller, the window, and paces at 1.25 windows per smoothed
//! round trip. So everything is said by the window: the path's rate times its round trip without
//! a queue, times a gain that changes from round to round.

mod config;
mod learn;
mod pace;
mod phases;
mod round;
mod window;

pub use config::ModelConfig;

use crate::filter::{RecentMax, RecentMin};
use crate::loss::BaseLoss;
use pace::Pace;
use round::Round;
use std::time::{Duration, Instant};
use window::PACKETS_MIN;

/// Where the model is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Doubles until that brings nothing more.
    Startup,
    Cruise,
    /// Tries whether there is more.
    Probe,
    /// Drains what the attempt has queued.
    Ease,
    /// Halves and halves again as long as that costs no throughput, to see the path empty.
    Empty,
}

/// A round is at least this long: a rate measured over less is noise.
const ROUND_MIN: Duration = Duration::from_millis(4);

#[derive(Clone, Debug)]
pub struct Model {
    config: ModelConfig,
    mtu: u64,
    phase: Phase,
    window: u64,
    /// Bytes sent and neither acknowledged nor lost.
    in_flight: u64,
    pace: Pace,
    rates: RecentMax,
    rtts: RecentMin,
    base: BaseLoss,
    /// The round trip while we ease off: with what others have queued, without what we have.
    standing: Duration,
    /// A window that caused loss: not to be reached again but by small steps.
    cap: Option<u64>,
    round: Round,
    /// Rounds since the phase began.
    rounds: u32,
    /// Phase and window of the round before: what is acknowledged or lost now was sent then.
    before: (Phase, u64),
    /// Rounds for which the window is not lowered again.
    hold: u32,
    startup: Startup,
    probe_from: u64,
    probed: Instant,
    /// The attempt met a full buffer.
    exceeded: bool,
    min_seen: Instant,
    inflated: u32,
    empty: Empty,
}

#[derive(Clone, Debug, Default)]
struct Startup {
    best: u64,
    stalled: u32,
}

#[derive(Clone, Debug, Default)]
struct Empty {
    /// The path looks longer than it was: believe what is seen.
    afresh: bool,
    rate: u64,
    halvings: u32,
    rtt: Option<Duration>,
}

impl Model {
    pub fn new(config: ModelConfig, now: Instant, mtu: u64) -> Self {
        let window = config.initial_window.max(PACKETS_MIN * mtu);
        Self {
            mtu: mtu.max(1),
            phase: Phase::Startup,
            window,
            in_flight: 0,
            pace: Pace::default(),
            rates: RecentMax::default(),
            rtts: RecentMin::new(now),
            base: BaseLoss::default(),
            standing: Duration::ZERO,
            cap: None,
            round: Round::new(now, window),
            rounds: 0,
            before: (Phase::Startup, window),
            hold: 0,
            startup: Startup::default(),
            probe_from: 0,
            probed: now,
            exceeded: false,
            min_seen: now,
            inflated: 0,
            empty: Empty::default(),
            config,
        }
    }

    /// Bytes that may be under way.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// The window to pace by: more than may be under way while the pacer, not the path, is what
    /// holds the sender back, and there is room.
    pub fn pacing_window(&self) -> u64 {
        let is_full = self.in_flight + pace::BURST_PACKETS * self.mtu >= self.window;
        if is_full {
            self.window
        } else {
            self.pace.boost(self.window)
        }
    }

    pub fn initial_window(&self) -> u64 {
        self.config.initial_window
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The path's rate as far as it is known, bytes per second.
    pub fn rate(&self) -> u64 {
        self.rates.get()
    }

    /// The round trip without a queue as far as it is known.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.rtts.get()
    }

    /// The window that must not be exceeded because it met a full buffer.
    pub fn cap(&self) -> Option<u64> {
        self.cap
    }

    /// The share of packets that the path loses whatever we do.
    pub fn base_loss(&self) -> f64 {
        self.base.share()
    }

    /// Packets leave.
    pub fn on_sent(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_add(bytes);
    }

    /// One packet, sent at `sent`, has arrived.
    pub fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64) {
        let round = &mut self.round;
        round.batch += bytes;
        round.loss.acked += bytes;
        round.over |= sent >= round.start;
        let rtt = now.saturating_duration_since(sent);
        self.base.on_ack(sent, bytes, rtt);
        round.batch_rtt = round.batch_rtt.min(rtt);
        round.rtt = Some(round.rtt.map_or(rtt, |old| old.min(rtt)));
    }

    /// All packets of one acknowledgement have been told; `in_flight` are left.
    pub fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool) {
        let batch = std::mem::take(&mut self.round.batch);
        let rtt = std::mem::replace(&mut self.round.batch_rtt, Duration::MAX);
        let near = in_flight + batch + 3 * self.mtu;
        self.in_flight = in_flight;
        self.round.filled |= near as f64 >= 0.9 * self.round.window as f64;
        self.round.app_limited |= app_limited;
        if self.phase == Phase::Startup && 2 * near >= self.window && !self.is_queued(rtt) {
            self.window += batch;
        }
        let long = now.saturating_duration_since(self.round.start) >= ROUND_MIN;
        if self.round.over && long {
            self.end_round(now, in_flight);
        }
        self.bound();
    }

    /// Packets were lost, the last of them sent at `sent` (`bytes` 0: marked as having met
    /// congestion).
    pub fn on_loss(&mut self, now: Instant, sent: Instant, persistent: bool, bytes: u64) {
        self.base.on_loss(sent, bytes);
        self.round.loss.lost += bytes;
        if persistent {
            self.restart(now);
        } else if bytes == 0 && self.phase == Phase::Startup {
            self.enter(Phase::Ease);
        } else if bytes == 0 {
            self.lower_cap();
        }
        self.bound();
    }

    pub fn on_mtu(&mut self, mtu: u64) {
        self.mtu = mtu.max(1);
        self.bound();
    }

    /// Nothing came through for several time-outs: the path may be another one.
    fn restart(&mut self, now: Instant) {
        self.rates = RecentMax::default();
        self.rtts = RecentMin::new(now);
        self.min_seen = now;
        self.standing = Duration::ZERO;
        self.inflated = 0;
        self.cap = None;
        self.startup = Startup::default();
        self.window = self.config.initial_window;
        self.enter(Phase::Startup);
        self.round = Round::new(now, self.window);
    }

    fn end_round(&mut self, now: Instant, in_flight: u64) {
        let next = Round::new(now, self.window);
        let round = std::mem::replace(&mut self.round, next);
        let elapsed = now.saturating_duration_since(round.start);
        let rate = (round.loss.acked as f64 / elapsed.as_secs_f64()) as u64;
        self.pace.learn(round.filled, round.app_limited);
        self.learn_rtt(now, &round);
        self.learn_rate(rate, &round);
        self.learn_loss(rate, &round);
        self.rounds += 1;
        self.before = (self.phase, round.window);
        self.advance(now, rate, in_flight, &round);
        self.follow();
        self.base.end(now);
        if self.phase != Phase::Startup && self.window <= self.eased() {
            self.base.begin(now);
        }
        self.round.window = self.window;
    }
}
