//! One direction of the emulated path: decides for each packet whether and when it arrives.
//!
//! Pure: time is a number of nanoseconds that the caller passes in.

use crate::rng::Rng;

pub const NANOS_PER_S: u64 = 1_000_000_000;

/// What one direction does to packets. Zero switches a feature off.
#[derive(Clone, Debug, PartialEq)]
pub struct PathConfig {
    /// One-way delay, nanoseconds.
    pub delay: u64,
    /// Added to the delay, uniform in `0..jitter`, nanoseconds. Packets keep their order.
    pub jitter: u64,
    /// Share of the packets that are lost independently, 0 to 1.
    pub loss: f64,
    /// Chance that a burst of losses starts at a packet, 0 to 1.
    pub burst: f64,
    /// Mean length of such a burst, packets.
    pub burst_length: f64,
    /// Bits per second on the wire, IP header included; 0: no limit.
    pub rate: u64,
    /// Bytes that may wait for the rate; 0: no limit.
    pub queue: u64,
    /// Larger packets vanish without a word; 0: no limit.
    pub mtu: usize,
    /// Share of the packets that arrive late, behind those sent after them, 0 to 1.
    pub reorder: f64,
    /// How late these are, nanoseconds.
    pub reorder_by: u64,
    /// Everything is lost until this time (`u64::MAX`: until told otherwise).
    pub dark_until: u64,
}

impl Default for PathConfig {
    fn default() -> Self {
        Self {
            delay: 0,
            jitter: 0,
            loss: 0.0,
            burst: 0.0,
            burst_length: 8.0,
            rate: 0,
            queue: 0,
            mtu: 0,
            reorder: 0.0,
            reorder_by: 2_000_000,
            dark_until: 0,
        }
    }
}

/// Packets and bytes seen, by what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    pub lost: u64,
    pub queue_drops: u64,
    pub mtu_drops: u64,
    pub dark_drops: u64,
    /// Longest wait for the rate so far, nanoseconds.
    pub wait_max: u64,
}

pub struct Path {
    pub config: PathConfig,
    pub counters: Counters,
    rng: Rng,
    in_burst: bool,
    busy_until: u64,
    last_due: u64,
}

impl Path {
    pub fn new(seed: u64) -> Self {
        Self {
            config: PathConfig::default(),
            counters: Counters::default(),
            rng: Rng::new(seed),
            in_burst: false,
            busy_until: 0,
            last_due: 0,
        }
    }

    /// Returns when a packet of `bytes` that enters at `now` leaves the path; `None`: lost.
    ///
    /// The queue comes first and the random loss after it, so that a lost packet has used its
    /// share of the rate, as it does on a radio link behind the bottleneck.
    pub fn admit(&mut self, now: u64, bytes: usize) -> Option<u64> {
        self.counters.packets_in += 1;
        self.counters.bytes_in += bytes as u64;
        if now < self.config.dark_until {
            self.counters.dark_drops += 1;
            return None;
        }
        if self.config.mtu != 0 && bytes > self.config.mtu {
            self.counters.mtu_drops += 1;
            return None;
        }
        let sent = self.serialize(now, bytes)?;
        if self.is_lost() {
            self.counters.lost += 1;
            return None;
        }
        self.counters.packets_out += 1;
        self.counters.bytes_out += bytes as u64;
        Some(self.arrival(sent))
    }

    /// Bytes that wait for the rate at `now`.
    pub fn queued_bytes(&self, now: u64) -> u64 {
        let wait = self.busy_until.saturating_sub(now);
        (wait as u128 * self.config.rate as u128 / 8 / NANOS_PER_S as u128) as u64
    }

    /// When the last bit of the packet leaves the bottleneck; `None`: the queue is full.
    fn serialize(&mut self, now: u64, bytes: usize) -> Option<u64> {
        if self.config.rate == 0 {
            return Some(now);
        }
        let waiting = self.queued_bytes(now);
        if self.config.queue != 0 && waiting + bytes as u64 > self.config.queue {
            self.counters.queue_drops += 1;
            return None;
        }
        let start = self.busy_until.max(now);
        let bits = bytes as u128 * 8 * NANOS_PER_S as u128;
        self.busy_until = start + (bits / self.config.rate as u128) as u64;
        self.counters.wait_max = self.counters.wait_max.max(start - now);
        Some(self.busy_until)
    }

    fn is_lost(&mut self) -> bool {
        if self.in_burst {
            self.in_burst = !self.rng.chance(1.0 / self.config.burst_length.max(1.0));
        } else {
            self.in_burst = self.rng.chance(self.config.burst);
        }
        self.in_burst || self.rng.chance(self.config.loss)
    }

    fn arrival(&mut self, sent: u64) -> u64 {
        let jitter = if self.config.jitter == 0 {
            0
        } else {
            (self.rng.unit() * self.config.jitter as f64) as u64
        };
        let due = sent + self.config.delay + jitter;
        if self.rng.chance(self.config.reorder) {
            return due + self.config.reorder_by;
        }
        self.last_due = due.max(self.last_due.min(due + self.config.jitter));
        self.last_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn path(change: impl FnOnce(&mut PathConfig)) -> Path {
        let mut path = Path::new(42);
        change(&mut path.config);
        path
    }

    #[test]
    fn an_empty_path_passes_everything_at_once() {
        let mut path = path(|_| {});
        assert_eq!(path.admit(5, 1500), Some(5));
        assert_eq!(path.counters.bytes_out, 1500);
    }

    #[test]
    fn delay_and_rate_add_up() {
        let mut path = path(|c| {
            c.delay = 30 * MS;
            c.rate = 12_000_000; // 1500 bytes take 1 ms
        });
        assert_eq!(path.admit(0, 1500), Some(31 * MS));
        assert_eq!(path.admit(0, 1500), Some(32 * MS));
        assert_eq!(path.queued_bytes(0), 3000);
        assert_eq!(path.queued_bytes(2 * MS), 0);
        assert_eq!(path.counters.wait_max, MS);
    }

    #[test]
    fn a_full_queue_drops_and_drains_again() {
        let mut path = path(|c| {
            c.rate = 12_000_000;
            c.queue = 3000;
        });
        assert!(path.admit(0, 1500).is_some());
        assert!(path.admit(0, 1500).is_some());
        assert_eq!(path.admit(0, 1500), None);
        assert_eq!(path.counters.queue_drops, 1);
        assert!(path.admit(MS, 1500).is_some());
    }

    #[test]
    fn random_loss_comes_near_its_share() {
        let mut path = path(|c| c.loss = 0.02);
        let lost = (0..100_000).filter(|&t| path.admit(t, 100).is_none());
        let lost = lost.count();
        assert!((1800..2200).contains(&lost), "{lost}");
    }

    #[test]
    fn bursts_have_their_mean_length() {
        let mut path = path(|c| {
            c.burst = 0.001;
            c.burst_length = 10.0;
        });
        let outcome: Vec<bool> = (0..300_000).map(|t| path.admit(t, 100).is_none()).collect();
        let lost = outcome.iter().filter(|&&x| x).count();
        let starts = outcome.windows(2).filter(|w| !w[0] && w[1]).count();
        let mean = lost as f64 / starts as f64;
        assert!((8.0..12.0).contains(&mean), "{mean}");
    }

    #[test]
    fn jitter_keeps_the_order_and_its_bound() {
        let mut path = path(|c| {
            c.delay = 10 * MS;
            c.jitter = 5 * MS;
        });
        let mut last = 0;
        for t in (0..200 * MS).step_by(100_000) {
            let due = path.admit(t, 100).unwrap_or_default();
            assert!(due >= last && due >= t + 10 * MS && due <= t + 15 * MS);
            last = due;
        }
    }

    #[test]
    fn reordered_packets_come_behind_later_ones() {
        let mut path = path(|c| {
            c.reorder = 0.1;
            c.reorder_by = 3 * MS;
        });
        let dues: Vec<u64> = (0..1000)
            .filter_map(|i| path.admit(i * MS / 10, 100))
            .collect();
        let late = dues.windows(2).filter(|w| w[0] > w[1]).count();
        assert!((60..140).contains(&late), "{late}");
    }

    #[test]
    fn the_dark_and_the_mtu_swallow_packets() {
        let mut path = path(|c| {
            c.dark_until = 10;
            c.mtu = 1280;
        });
        assert_eq!(path.admit(9, 100), None);
        assert_eq!(path.admit(10, 1281), None);
        assert_eq!(path.admit(10, 1280), Some(10));
        assert_eq!((path.counters.dark_drops, path.counters.mtu_drops), (1, 1));
    }
}
