//! The two memories of the model: the best of the last rounds, the least of the last seconds.

use std::time::{Duration, Instant};

/// Rounds over which the highest rate counts. A cycle of the model has eight, so that one rate
/// measured with a filled pipe is always among them.
const ROUNDS: usize = 10;

/// The highest of the last ten values.
#[derive(Clone, Debug, Default)]
pub struct RecentMax {
    values: [u64; ROUNDS],
    next: usize,
}

impl RecentMax {
    pub fn push(&mut self, value: u64) {
        self.values[self.next] = value;
        self.next = (self.next + 1) % ROUNDS;
    }

    pub fn get(&self) -> u64 {
        self.values.iter().copied().max().unwrap_or(0)
    }

    /// Forgets everything but one value.
    pub fn reset(&mut self, value: u64) {
        *self = Self::default();
        self.push(value);
    }
}

/// Spans of time into which the minimum's memory is divided, and the length of one.
const SPANS: usize = 5;
const SPAN: Duration = Duration::from_secs(2);

/// The least of the last ten seconds, give or take a span.
#[derive(Clone, Debug)]
pub struct RecentMin {
    spans: [Option<Duration>; SPANS],
    current: usize,
    since: Instant,
}

impl RecentMin {
    pub fn new(now: Instant) -> Self {
        Self {
            spans: [None; SPANS],
            current: 0,
            since: now,
        }
    }

    pub fn push(&mut self, now: Instant, value: Duration) {
        let passed = now.saturating_duration_since(self.since).as_secs() / SPAN.as_secs();
        for _ in 0..passed.min(SPANS as u64) {
            self.current = (self.current + 1) % SPANS;
            self.spans[self.current] = None;
        }
        if passed > 0 {
            self.since = now;
        }
        let span = &mut self.spans[self.current];
        *span = Some(span.map_or(value, |old| old.min(value)));
    }

    pub fn get(&self) -> Option<Duration> {
        self.spans.iter().flatten().min().copied()
    }

    /// Forgets everything but one value.
    pub fn reset(&mut self, now: Instant, value: Duration) {
        *self = Self::new(now);
        self.push(now, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_highest_value_is_forgotten_after_ten() {
        let mut max = RecentMax::default();
        assert_eq!(max.get(), 0);
        max.push(9);
        for _ in 0..9 {
            max.push(3);
            assert_eq!(max.get(), 9);
        }
        max.push(4);
        assert_eq!(max.get(), 4);
        max.reset(2);
        assert_eq!(max.get(), 2);
    }

    #[test]
    fn the_least_value_is_forgotten_after_ten_seconds() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut min = RecentMin::new(start);
        assert_eq!(min.get(), None);
        min.push(at(0), 60 * MS);
        for s in 1..10 {
            min.push(at(s), 90 * MS);
            assert_eq!(min.get(), Some(60 * MS));
        }
        min.push(at(10), 80 * MS);
        assert_eq!(min.get(), Some(80 * MS));
        min.reset(at(11), 300 * MS);
        assert_eq!(min.get(), Some(300 * MS));
    }

    #[test]
    fn after_a_long_silence_only_the_new_value_counts() {
        let start = Instant::now();
        let mut min = RecentMin::new(start);
        min.push(start, 60 * MS);
        min.push(start + Duration::from_secs(3600), 70 * MS);
        assert_eq!(min.get(), Some(70 * MS));
    }
}
