//! Bound the associations of one side in number and idle time. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// An association ends when nothing has passed for this long.
pub const IDLE: Duration = Duration::from_secs(60);
/// Associations at a time; the one that was idle longest leaves first.
pub const MAX_ASSOCIATIONS: usize = 2048;

/// One that was used within this time is not ended for a new one. So new clients open some thousand
/// associations a second at most, which leaves a slow link to its other flows: with two thousand a
/// TCP flow on 20 Mbit/s had 0.75 to 0.95 of its rate, 2026-11.
const SILENT: Duration = Duration::from_secs(2);

/// Entries by id, with the time of their last use.
pub struct Table<T> {
    entries: HashMap<u32, (T, Instant)>,
    /// While the table is full nobody has been silent for long enough before this.
    full_until: Option<Instant>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            full_until: None,
        }
    }
}

impl<T> Table<T> {
    /// Look an entry up and mark it as used.
    pub fn touch(&mut self, id: u32, now: Instant) -> Option<&mut T> {
        let (entry, used) = self.entries.get_mut(&id)?;
        *used = now;
        Some(entry)
    }

    /// Return whether another one may enter: there is a place, or a silent one may leave for it.
    pub fn has_room(&mut self, now: Instant) -> bool {
        if self.entries.len() < MAX_ASSOCIATIONS {
            return true;
        }
        if self.full_until.is_some_and(|until| now < until) {
            return false;
        }
        let oldest = self.entries.values().map(|(_, used)| *used).min();
        self.full_until = oldest.map(|used| used + SILENT);
        self.full_until.is_none_or(|until| now >= until)
    }

    /// Enter one; return the entry that had to leave for it.
    pub fn insert(&mut self, id: u32, entry: T, now: Instant) -> Option<(u32, T)> {
        let leaves = (self.entries.len() >= MAX_ASSOCIATIONS)
            .then(|| {
                self.entries
                    .iter()
                    .min_by_key(|(_, (_, used))| *used)
                    .map(|(id, _)| *id)
            })
            .flatten();
        let left = leaves.and_then(|id| self.remove(id).map(|entry| (id, entry)));
        self.entries.insert(id, (entry, now));
        left
    }

    /// Remove one.
    pub fn remove(&mut self, id: u32) -> Option<T> {
        self.entries.remove(&id).map(|(entry, _)| entry)
    }

    /// Remove those that were idle for too long or for which `is_over` is true.
    pub fn expire(&mut self, now: Instant, is_over: impl Fn(&T) -> bool) -> Vec<(u32, T)> {
        let over: Vec<u32> = self
            .entries
            .iter()
            .filter(|(_, (entry, used))| now.duration_since(*used) >= IDLE || is_over(entry))
            .map(|(id, _)| *id)
            .collect();
        over.into_iter()
            .filter_map(|id| self.remove(id).map(|entry| (id, entry)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_leaves_first() {
        let start = Instant::now();
        let mut table = Table::default();
        for id in 0..MAX_ASSOCIATIONS as u32 {
            assert!(
                table
                    .insert(id, id, start + Duration::from_millis(u64::from(id)))
                    .is_none()
            );
        }
        table.touch(0, start + IDLE);
        assert_eq!(table.insert(u32::MAX, 7, start + IDLE), Some((1, 1)));
    }

    #[test]
    fn what_is_in_use_does_not_leave_for_what_is_new() {
        let start = Instant::now();
        let mut table = Table::default();
        for id in 0..MAX_ASSOCIATIONS as u32 {
            assert!(table.has_room(start));
            table.insert(id, id, start);
        }
        assert!(!table.has_room(start));
        for id in 1..MAX_ASSOCIATIONS as u32 {
            table.touch(id, start + SILENT / 2);
        }
        assert!(!table.has_room(start + SILENT / 2));
        assert!(table.has_room(start + SILENT));
        assert_eq!(table.insert(u32::MAX, 7, start + SILENT), Some((0, 0)));
        assert!(!table.has_room(start + SILENT));
        table.remove(1);
        assert!(table.has_room(start + SILENT));
    }

    #[test]
    fn what_sits_idle_for_a_minute_goes() {
        let start = Instant::now();
        let mut table = Table::default();
        table.insert(1, "a", start);
        table.insert(2, "b", start);
        table.touch(2, start + IDLE / 2);
        assert_eq!(table.expire(start + IDLE, |_| false), [(1, "a")]);
        assert_eq!(
            table.expire(start + IDLE, |entry| *entry == "b"),
            [(2, "b")]
        );
    }
}
