//! Decide over what the host sends its QUIC packets: UDP, or the path of last resort. Pure.
//!
//! The relay is a descriptor whose other end hands packets to the stdio link. It is used when what is sent
//! over UDP was not acknowledged for `QUIET`, or when the peer reports that of its packets. It is left
//! when UDP has answered two probes in a row, so that one lucky probe does not flap. The target follows:
//! it answers to wherever the last packet came from.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::life::{Life, Signs};
use crate::event::Via;

/// Unanswered for this long, and a round trip: the path counts as silent. With the ticks (250 ms)
/// on top, new flows move within 3 s of the first packet that was lost.
pub const QUIET: Duration = Duration::from_secs(2);
/// Of a round trip that is added; a longer one is a queue.
const MAX_RTT: Duration = Duration::from_secs(1);
/// Unanswered for this long: beats hurry. Three of them go unanswered before the path counts as
/// silent, and QUIC's own probes; a lost packet or a short burst is not silence.
const WORRY: Duration = Duration::from_millis(750);
/// One sign of life each, while all is well.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// Signs of life, while it is not.
const HURRY: Duration = Duration::from_millis(400);
/// In a blackout that lasts; its end is noticed so soon.
const DARK: Duration = Duration::from_secs(1);
const LASTS: Duration = Duration::from_secs(60);
/// Probes, while the relay is in use.
const PROBE: Duration = Duration::from_millis(500);
/// Answers over UDP, with no question lost between, before it is trusted again.
const ANSWERS_TO_RETURN: u32 = 2;
/// A new socket is for a new network, or for a NAT that forgot us: for so long one answer is enough.
const FRESH: Duration = QUIET;

/// What the caller must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a heartbeat that congestion control must not hold back.
    Beat,
    /// Ask over UDP whether it is back.
    Probe,
    /// Send packets this way from now on.
    Use(Via),
    /// Report that nothing is acknowledged any more.
    ReportQuiet,
    /// Report that the peer acknowledges again.
    ReportHeard,
}

/// The state of one connection's path.
#[derive(Debug)]
pub struct Route {
    via: Via,
    relay_ready: bool,
    life: Life,
    beat_at: Instant,
    probed_at: Instant,
    rebound_at: Option<Instant>,
    is_quiet: bool,
    /// The peer reports that its packets are not acknowledged.
    is_peer_quiet: bool,
    /// Probes that wait for their answers, and when they were sent.
    asked: VecDeque<(u64, Instant)>,
    answers: u32,
    unanswered: u32,
}

impl Route {
    /// Start with a path over UDP that has just answered.
    pub fn new(now: Instant) -> Self {
        Self {
            via: Via::Udp,
            relay_ready: false,
            life: Life::new(now),
            beat_at: now,
            probed_at: now,
            rebound_at: None,
            is_quiet: false,
            is_peer_quiet: false,
            asked: VecDeque::new(),
            answers: 0,
            unanswered: 0,
        }
    }

    /// Return where packets are sent.
    pub fn via(&self) -> Via {
        self.via
    }

    /// Note that the relay came or went.
    pub fn set_relay(&mut self, ready: bool, now: Instant) -> Option<Action> {
        if ready && !self.relay_ready {
            self.beat_at = now.checked_sub(HEARTBEAT).unwrap_or(now); // ask at once
        }
        self.relay_ready = ready;
        if ready || self.via == Via::Udp {
            return None;
        }
        self.use_path(Via::Udp, false, now);
        Some(Action::Use(Via::Udp))
    }

    /// Note the peer's report about its own packets, from the stdio link.
    pub fn set_peer_quiet(&mut self, is_quiet: bool) {
        self.is_peer_quiet = is_quiet;
    }

    /// Note that a probe was sent over UDP.
    pub fn asked(&mut self, counter: u64, now: Instant) {
        self.asked.push_back((counter, now));
    }

    /// Note that UDP answered a probe. Only the answer to a recent question counts.
    pub fn answered(&mut self, counter: u64, now: Instant) {
        let is_late = |at: Instant| now.saturating_duration_since(at) > QUIET;
        self.asked.retain(|(_, at)| !is_late(*at));
        let before = self.asked.len();
        self.asked.retain(|(one, _)| *one != counter);
        if self.asked.len() < before {
            self.unanswered = 0;
            self.answers += 1;
        }
    }

    /// Note that the UDP socket is a new one. What the old one lacked proves nothing, so ask at once.
    pub fn rebound(&mut self, now: Instant) {
        self.rebound_at = Some(now);
        self.forget_answers();
        self.probed_at = now.checked_sub(PROBE).unwrap_or(self.probed_at);
    }

    fn answers_needed(&self, now: Instant) -> u32 {
        let is_fresh = |at| now.saturating_duration_since(at) < FRESH;
        match self.rebound_at {
            Some(at) if is_fresh(at) => 1,
            _ => ANSWERS_TO_RETURN,
        }
    }

    fn forget_answers(&mut self) {
        (self.answers, self.unanswered) = (0, 0);
        self.asked.clear();
    }

    fn use_path(&mut self, via: Via, is_proven: bool, now: Instant) {
        self.via = via;
        self.is_peer_quiet = false; // it was about the other path
        self.life.change_path(is_proven, now);
        self.forget_answers();
    }

    /// Return what to do now. Called about four times a second, and when something changed.
    pub fn tick(&mut self, signs: &Signs, now: Instant) -> Vec<Action> {
        let quiet = QUIET + signs.rtt.min(MAX_RTT);
        let silence = self.life.silence(signs, now);
        let is_quiet = silence >= quiet || !self.life.is_proven();
        let mut actions = Vec::new();
        self.judge(is_quiet, now, &mut actions);
        if self.via == Via::Relay {
            self.probe(now, &mut actions);
        }
        self.beat(silence, now, &mut actions);
        actions
    }

    fn judge(&mut self, is_quiet: bool, now: Instant, actions: &mut Vec<Action>) {
        if is_quiet != self.is_quiet {
            self.is_quiet = is_quiet;
            actions.push(if is_quiet {
                Action::ReportQuiet
            } else {
                Action::ReportHeard
            });
        }
        let is_bad = is_quiet || self.is_peer_quiet;
        if is_bad && self.relay_ready && self.via == Via::Udp {
            self.use_path(Via::Relay, false, now);
            actions.extend([Action::Use(Via::Relay), Action::Beat]);
        }
    }

    fn probe(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.answers >= self.answers_needed(now) {
            self.use_path(Via::Udp, true, now);
            actions.extend([Action::Use(Via::Udp), Action::Beat]);
        } else if now.saturating_duration_since(self.probed_at) >= PROBE {
            self.probed_at = now;
            self.unanswered += 1;
            if self.unanswered > 2 {
                self.answers = 0;
            }
            actions.push(Action::Probe);
        }
    }

    fn beat(&mut self, silence: Duration, now: Instant, actions: &mut Vec<Action>) {
        let pause = if silence > LASTS {
            DARK
        } else if silence > WORRY || self.is_quiet || self.is_peer_quiet {
            HURRY
        } else {
            HEARTBEAT
        };
        if now.saturating_duration_since(self.beat_at) >= pause {
            self.beat_at = now;
            actions.push(Action::Beat);
        }
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
