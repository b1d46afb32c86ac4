//! Decide how much each flow's sender may have under way: per-flow credit on top of QUIC. Pure.
//!
//! QUIC's own stream window is one number for all streams, and must be large for a long fat path;
//! two hundred flows whose readers have stopped would then hold gigabytes. So a receiver grants
//! each flow credit of its own: `START_BYTES` at first, doubled whenever a window is read within two round
//! trips, and never more than half of what is left of the pool. Many greedy flows thus share
//! the pool evenly, a stalled one keeps little, and there is always a start for a new one. Half of
//! the pool is kept for readers that have proved that they read: however many flows stall at their
//! beginning, one that is read grows.

use std::time::{Duration, Instant};

/// What a new flow may send before it is granted any. Both sides use this number.
pub const START_BYTES: u64 = 64 * 1024;
/// The most that one flow may have under way; also QUIC's stream window.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What all flows together are granted beyond what was read, on top of each one's start.
pub const POOL_BYTES: u64 = 64 * 1024 * 1024;
/// Whoever took so much is a reader. Before that it may have been buffers, which take up to 1 MiB of a
/// flow that nobody reads. Readers may have half of the pool, and larger buffers in the kernel.
pub const PROOF_BYTES: u64 = 2 * 1024 * 1024;

/// Slack for the round trip of a path so short that scheduling is the longer part.
const PROMPT_SLACK: Duration = Duration::from_millis(2);

/// Credit of all flows of one connection that is granted and not yet read.
#[derive(Debug, Default)]
pub struct Pool {
    outstanding: u64,
    /// Each open flow's start, on top of the pool.
    starts: u64,
}

impl Pool {
    /// Return what one flow may have now: half of the free part, within the limits of a window.
    fn share(&self, is_proven: bool) -> u64 {
        let pool = if is_proven {
            POOL_BYTES
        } else {
            POOL_BYTES / 2
        };
        let free = (pool + self.starts).saturating_sub(self.outstanding);
        (free / 2).clamp(START_BYTES, MAX_BYTES)
    }

    /// Return the bytes that are granted and not yet read.
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }
}

/// The receiver's side of one flow.
#[derive(Debug)]
pub struct RecvCredit {
    granted: u64,
    read: u64,
    window: u64,
    granted_at: Instant,
}

impl RecvCredit {
    /// Enter a new flow, which owns its start.
    pub fn new(pool: &mut Pool, now: Instant) -> Self {
        pool.outstanding += START_BYTES;
        pool.starts += START_BYTES;
        Self {
            granted: START_BYTES,
            read: 0,
            window: START_BYTES,
            granted_at: now,
        }
    }

    /// Count bytes that the flow's reader took; return the new limit if it is to be sent.
    pub fn read(
        &mut self,
        bytes: u64,
        now: Instant,
        rtt: Duration,
        pool: &mut Pool,
    ) -> Option<u64> {
        // A grant that crossed with a give-back lets the sender run ahead of this account: then there
        // is nothing of this flow left to release.
        let released = bytes.min(self.granted.saturating_sub(self.read));
        pool.outstanding = pool.outstanding.saturating_sub(released);
        self.read += bytes;
        if !self.is_due() {
            return None;
        }
        if now.duration_since(self.granted_at) <= 2 * rtt + PROMPT_SLACK {
            self.window = (self.window * 2).min(MAX_BYTES);
        }
        self.renew(now, pool)
    }

    /// Return the bytes read so far.
    pub fn total(&self) -> u64 {
        self.read
    }

    /// Take credit back: the sender stays below `limit`. A limit that is nonsense changes nothing.
    /// Return the new limit if the sender has used that up by now and waits for more.
    pub fn give_back(&mut self, limit: u64, now: Instant, pool: &mut Pool) -> Option<u64> {
        if limit >= self.granted || limit < self.read {
            return None;
        }
        pool.outstanding = pool.outstanding.saturating_sub(self.granted - limit);
        self.granted = limit;
        self.window = START_BYTES;
        if self.is_due() {
            self.renew(now, pool)
        } else {
            None
        }
    }

    fn is_due(&self) -> bool {
        self.granted.saturating_sub(self.read) <= self.window / 2
    }

    fn renew(&mut self, now: Instant, pool: &mut Pool) -> Option<u64> {
        self.window = self.window.min(pool.share(self.read >= PROOF_BYTES));
        let limit = self.read + self.window;
        if limit <= self.granted {
            return None;
        }
        pool.outstanding += limit - self.granted.max(self.read);
        self.granted = limit;
        self.granted_at = now;
        Some(limit)
    }

    /// Leave the pool when the flow ends, once.
    pub fn close(&mut self, pool: &mut Pool) {
        pool.starts = pool.starts.saturating_sub(START_BYTES);
        let held = self.granted.saturating_sub(self.read);
        pool.outstanding = pool.outstanding.saturating_sub(held);
        self.granted = self.read;
    }
}

/// The sender's side of one flow.
#[derive(Debug)]
pub struct SendCredit {
    limit: u64,
    sent: u64,
    sent_at_tick: u64,
}

impl Default for SendCredit {
    fn default() -> Self {
        Self {
            limit: START_BYTES,
            sent: 0,
            sent_at_tick: 0,
        }
    }
}

impl SendCredit {
    /// Return the bytes that may be sent now.
    pub fn available(&self) -> u64 {
        self.limit - self.sent
    }

    /// Return the bytes sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Take credit for bytes that will be sent; never more than is available.
    pub fn take(&mut self, bytes: u64) {
        self.sent += bytes.min(self.available());
    }

    /// Take a grant up to `limit`. An older grant that comes late changes nothing.
    pub fn grant(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Return the limit to give back down to, if the flow was idle with much credit. Called once a second.
    pub fn tick(&mut self) -> Option<u64> {
        let idle = self.sent == self.sent_at_tick;
        self.sent_at_tick = self.sent;
        if !idle || self.available() <= 2 * START_BYTES {
            return None;
        }
        self.limit = self.sent + START_BYTES;
        Some(self.limit)
    }
}

#[cfg(test)]
#[path = "credits_tests.rs"]
mod tests;
