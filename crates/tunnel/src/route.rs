//! Over what the host sends its QUIC packets: UDP, or the path of last resort. Pure.
//!
//! The relay is a descriptor whose other end hands packets to the stdio link. It is used when UDP
//! has been silent for `QUIET`, and left when UDP has answered twice in a row, so that one lucky probe
//! does not flap. The target follows: it answers to wherever the last packet came from.

use std::time::{Duration, Instant};

/// Heard nothing for this long: the path counts as silent. With a tick (250 ms) on top, new flows
/// move within 3 s.
pub const QUIET: Duration = Duration::from_millis(2500);
/// Heard nothing for this long: beats hurry. Two of ours go unanswered, and one of the peer's is
/// missed, before the path counts as silent; a lost packet or a short burst is no silence.
const WORRY: Duration = Duration::from_millis(1500);
/// One sign of life each, while all is well.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// Signs of life and probes, while it is not.
const HURRY: Duration = Duration::from_millis(500);
/// Answers over UDP, with no question lost between, before it is trusted again.
const ANSWERS_TO_RETURN: u32 = 2;
/// A new socket is for a new network, or for a NAT that forgot us: for so long one answer is enough.
const FRESH: Duration = QUIET;

/// What carries the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Our own UDP socket.
    Udp,
    /// The stdio link, by way of Python.
    Relay,
}

/// What the caller shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a heartbeat that congestion control must not hold back.
    Beat,
    /// Ask over UDP whether it is back.
    Probe,
    /// Send packets this way from now on.
    Use(Via),
    /// Tell that nothing is heard any more.
    TellQuiet,
    /// Tell that the peer is heard again.
    TellHeard,
}

/// The state of one connection's path.
#[derive(Debug)]
pub struct Route {
    via: Via,
    relay_ready: bool,
    heard_at: Instant,
    beat_at: Instant,
    probed_at: Instant,
    rebound_at: Option<Instant>,
    is_quiet: bool,
    /// The relay went while it carried us. What was heard by it says nothing of UDP.
    is_relay_lost: bool,
    /// Heard until then was not by UDP.
    deaf_to: Option<Instant>,
    answers: u32,
    unanswered: u32,
}

impl Route {
    /// A path over UDP that was heard just now.
    pub fn new(now: Instant) -> Self {
        Self {
            via: Via::Udp,
            relay_ready: false,
            heard_at: now,
            beat_at: now,
            probed_at: now,
            rebound_at: None,
            is_quiet: false,
            is_relay_lost: false,
            deaf_to: None,
            answers: 0,
            unanswered: 0,
        }
    }

    /// Where packets go.
    pub fn via(&self) -> Via {
        self.via
    }

    /// The relay came, or went.
    pub fn set_relay(&mut self, ready: bool) -> Option<Action> {
        self.relay_ready = ready;
        if ready || self.via == Via::Udp {
            return None;
        }
        self.via = Via::Udp;
        self.is_relay_lost = true;
        Some(Action::Use(Via::Udp))
    }

    /// UDP answered a probe.
    pub fn answered(&mut self) {
        self.unanswered = 0;
        self.answers += 1;
    }

    /// The UDP socket is a new one: what the old one lacked says nothing, so ask at once.
    pub fn rebound(&mut self, now: Instant) {
        self.rebound_at = Some(now);
        (self.answers, self.unanswered) = (0, 0);
        self.probed_at = now.checked_sub(HURRY).unwrap_or(self.probed_at);
    }

    fn answers_needed(&self, now: Instant) -> u32 {
        let is_fresh = |at| now.saturating_duration_since(at) < FRESH;
        match self.rebound_at {
            Some(at) if is_fresh(at) => 1,
            _ => ANSWERS_TO_RETURN,
        }
    }

    /// Called about four times a second, and when there is news. `heard_at`: when a packet of the peer last came, any way.
    pub fn tick(&mut self, heard_at: Instant, now: Instant) -> Vec<Action> {
        self.heard_at = self.heard_at.max(heard_at);
        let silence = self.silence(heard_at, now);
        let mut actions = Vec::new();
        self.judge(silence, &mut actions);
        if self.via == Via::Relay {
            self.probe(now, &mut actions);
        }
        self.beat(silence, now, &mut actions);
        actions
    }

    /// For how long nothing came the way that is in use.
    fn silence(&mut self, heard_at: Instant, now: Instant) -> Duration {
        if std::mem::take(&mut self.is_relay_lost) {
            self.deaf_to = Some(heard_at);
        }
        let silence = now.saturating_duration_since(self.heard_at);
        match self.deaf_to {
            Some(to) if heard_at <= to => silence.max(QUIET),
            _ => {
                self.deaf_to = None;
                silence
            }
        }
    }

    fn judge(&mut self, silence: Duration, actions: &mut Vec<Action>) {
        if silence < QUIET {
            if self.is_quiet {
                self.is_quiet = false;
                actions.push(Action::TellHeard);
            }
            return;
        }
        if !self.is_quiet {
            self.is_quiet = true;
            actions.push(Action::TellQuiet);
        }
        if self.relay_ready && self.via == Via::Udp {
            self.via = Via::Relay;
            (self.answers, self.unanswered) = (0, 0);
            actions.extend([Action::Use(Via::Relay), Action::Beat]);
        }
    }

    fn probe(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.answers >= self.answers_needed(now) {
            self.via = Via::Udp;
            self.answers = 0;
            self.heard_at = now;
            actions.extend([Action::Use(Via::Udp), Action::Beat]);
        } else if now.saturating_duration_since(self.probed_at) >= HURRY {
            self.probed_at = now;
            self.unanswered += 1;
            if self.unanswered > 2 {
                self.answers = 0;
            }
            actions.push(Action::Probe);
        }
    }

    fn beat(&mut self, silence: Duration, now: Instant, actions: &mut Vec<Action>) {
        // After a while of silence the beats slow down again: a blackout may last for hours.
        let is_worried = silence > WORRY && silence < 4 * QUIET;
        let pause = if is_worried { HURRY } else { HEARTBEAT };
        if now.saturating_duration_since(self.beat_at) >= pause {
            self.beat_at = now;
            actions.push(Action::Beat);
        }
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
