//! How much faster than the window says the pacer must go to fill it.
//!
//! quinn's pacer saves up no more than two milliseconds, so a sender that gets to run less often
//! (a busy machine, a slow timer) loses what it did not use: with a window per round trip of 60 ms
//! and a turn every 10 ms, nine tenths. What was then delivered says nothing of the path; taken for
//! its rate it would make the window smaller, and so on down to nothing.

/// quinn sends so many packets between two looks at the window.
pub(super) const BURST_PACKETS: u64 = 10;

/// The most by which the pacer is hurried.
const MOST: f64 = 16.0;

/// How much faster it goes after a round that did not fill the window, and after one that did.
const FASTER: f64 = 2.0;
const SLOWER: f64 = 0.8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    factor: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { factor: 1.0 }
    }
}

impl Pace {
    /// A round has ended; `filled`: all of the window was under way at least once.
    pub(super) fn learn(&mut self, filled: bool, app_limited: bool) {
        if filled {
            self.factor = (self.factor * SLOWER).max(1.0);
        } else if !app_limited {
            self.factor = (self.factor * FASTER).min(MOST);
        }
    }

    pub(super) fn boost(self, window: u64) -> u64 {
        (window as f64 * self.factor) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_the_pacer_left_empty_hurry_it_and_full_ones_calm_it() {
        let mut pace = Pace::default();
        assert_eq!(pace.boost(1000), 1000);
        pace.learn(false, true);
        assert_eq!(pace.boost(1000), 1000);
        for _ in 0..10 {
            pace.learn(false, false);
        }
        assert_eq!(pace.boost(1000), 16_000);
        for _ in 0..20 {
            pace.learn(true, false);
        }
        assert_eq!(pace.boost(1000), 1000);
    }
}
