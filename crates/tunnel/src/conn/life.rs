//! Measure how long what was sent has waited for an acknowledgement, the only sign of life. Pure.
//!
//! Bytes that arrive prove nothing: anybody who saw a connection id can send some, and a path that
//! passes one way only brings them, too. An acknowledgement is authenticated by QUIC, and it
//! proves that both directions work. Signs of another path (before a switch, by the relay) do not count.

use std::time::{Duration, Instant};

use crate::net::pulse::Acked;

/// An acknowledgement of what was sent longer ago proves nothing about the current path.
const LATELY: Duration = Duration::from_secs(10);
/// A look that comes so late was held up here, and so was the reading of acknowledgements.
const LATE: Duration = Duration::from_secs(1);

/// What a connection shows at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs {
    /// Frames sent so far that the peer has to acknowledge.
    pub frames: u64,
    /// The newest acknowledgement.
    pub acked: Option<Acked>,
    /// Whether any packet was sent since it came.
    pub sent_since: bool,
    /// The round trip.
    pub rtt: Duration,
}

/// Whether the path in use answers.
#[derive(Debug)]
pub struct Life {
    frames: u64,
    /// What was sent then, or a little later, is not acknowledged.
    waits_since: Option<Instant>,
    looked_at: Instant,
    path_since: Instant,
    is_proven: bool,
}

impl Life {
    /// Start with a path that has just answered.
    pub fn new(now: Instant) -> Self {
        Self {
            frames: 0,
            waits_since: None,
            looked_at: now,
            path_since: now,
            is_proven: true,
        }
    }

    /// Start to measure another path. `is_proven`: it has just answered.
    pub fn change_path(&mut self, is_proven: bool, now: Instant) {
        self.path_since = now;
        self.waits_since = None;
        self.is_proven = is_proven;
    }

    /// Return whether the path has answered at all.
    pub fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Return for how long what was sent has waited for an answer.
    pub fn silence(&mut self, signs: &Signs, now: Instant) -> Duration {
        let mut since = std::mem::replace(&mut self.looked_at, now).max(self.path_since);
        if now.saturating_duration_since(since) > LATE {
            since = now;
            self.waits_since = self.waits_since.map(|_| now);
        }
        let is_more = signs.frames > self.frames;
        if is_more {
            self.frames = signs.frames;
            self.waits_since.get_or_insert(since);
        }
        let answer = signs.acked.filter(|acked| self.counts(acked));
        if let Some(acked) = answer {
            self.is_proven = true;
            if self.waits_since.is_some_and(|since| acked.sent >= since) {
                // Of what was sent between two looks some may have followed the acknowledgement.
                self.waits_since = if acked.more_in_flight {
                    Some(acked.sent)
                } else {
                    (is_more && signs.sent_since).then_some(acked.at)
                };
            }
        }
        if !self.is_proven {
            return now.saturating_duration_since(self.path_since);
        }
        let Some(waits_since) = self.waits_since else {
            return Duration::ZERO;
        };
        let since = answer.map_or(waits_since, |acked| waits_since.max(acked.at));
        now.saturating_duration_since(since)
    }

    fn counts(&self, acked: &Acked) -> bool {
        acked.sent > self.path_since && acked.at.saturating_duration_since(acked.sent) <= LATELY
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
