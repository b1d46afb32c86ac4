//! The sending half of a QUIC connection as far as congestion control sees it.

use super::{Control, MTU};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Packet {
    pub number: u64,
    pub bytes: u64,
}

pub struct Sender {
    control: Box<dyn Control>,
    sent: BTreeMap<u64, Instant>,
    next: u64,
    largest_acked: u64,
    in_flight: u64,
    srtt: Option<Duration>,
    pacer: Option<Pacer>,
    paced_until: Option<Instant>,
    last_ack: Instant,
    probes: u32,
    wake_at: Option<Instant>,
    app_limited: bool,
    total: u64,
    pub lost: u64,
}

const PACKET_THRESHOLD: u64 = 8;
const HALF_MS: Duration = Duration::from_micros(500);

impl Sender {
    pub fn new(control: Box<dyn Control>, now: Instant, paced: bool) -> Self {
        Self {
            control,
            sent: BTreeMap::new(),
            next: 1,
            largest_acked: 0,
            in_flight: 0,
            srtt: None,
            pacer: paced.then(|| Pacer::new(now)),
            paced_until: None,
            last_ack: now,
            probes: 0,
            wake_at: None,
            app_limited: false,
            total: 0,
            lost: 0,
        }
    }

    pub fn describe(&self) -> String {
        format!(
            "W {} fl {} srtt {:.1} {}",
            self.control.window() / 1000,
            self.in_flight / 1000,
            self.rtt().as_secs_f64() * 1e3,
            self.control.describe()
        )
    }

    /// The next packet if one may go now. `budget`: bytes that the application has written.
    pub fn poll(&mut self, now: Instant, budget: Option<f64>) -> Option<Packet> {
        self.paced_until = None;
        let probing = self.probes > 0;
        if !probing {
            if budget.is_some_and(|budget| (self.total + MTU) as f64 > budget) {
                self.app_limited = true;
                return None;
            }
            self.app_limited = false;
            let window = self.control.window();
            if self.in_flight + MTU >= window {
                return None;
            }
            let rtt = self.rtt();
            if let Some(pacer) = &mut self.pacer
                && let Some(until) = pacer.delay(rtt, window, now)
            {
                self.paced_until = Some(until);
                return None;
            }
        }
        self.probes = self.probes.saturating_sub(1);
        let number = self.next;
        self.next += 1;
        self.total += MTU;
        if self.in_flight == 0 {
            self.last_ack = now;
        }
        self.in_flight += MTU;
        self.control.on_sent(MTU);
        self.sent.insert(number, now);
        if let Some(pacer) = &mut self.pacer {
            pacer.tokens = pacer.tokens.saturating_sub(MTU);
        }
        Some(Packet { number, bytes: MTU })
    }

    /// When to call `on_timer` and `poll` next, if that is earlier than what was asked before.
    pub fn next_wake(&mut self, now: Instant, limited: bool) -> Option<Instant> {
        let mut wake = now + self.time_out();
        if let Some(until) = self.paced_until {
            // Timers of user space have a resolution of a millisecond.
            wake = wake.min(until + HALF_MS);
        }
        if limited && self.app_limited {
            wake = wake.min(now + Duration::from_millis(1));
        }
        if self.wake_at.is_some_and(|at| at <= wake && at > now) {
            return None;
        }
        self.wake_at = Some(wake);
        Some(wake)
    }

    pub fn on_timer(&mut self, now: Instant) {
        if self.in_flight > 0 && now >= self.last_ack + self.time_out() {
            self.probes = 2;
            self.last_ack = now;
        }
    }

    pub fn on_ack(&mut self, now: Instant, numbers: &[u64]) {
        self.last_ack = now;
        let mut newest = None;
        for number in numbers {
            let Some(sent) = self.sent.remove(number) else {
                continue;
            };
            self.in_flight -= MTU;
            self.control.on_ack(now, sent, MTU);
            if *number > self.largest_acked {
                self.largest_acked = *number;
                newest = Some(now - sent);
            }
        }
        let limited = self.app_limited;
        self.control.on_end_acks(now, self.in_flight, limited);
        if let Some(rtt) = newest {
            self.srtt = Some(self.srtt.map_or(rtt, |old| (7 * old + rtt) / 8));
        }
        self.detect_losses(now);
    }

    fn detect_losses(&mut self, now: Instant) {
        let old = self.rtt().mul_f64(1.125).max(Duration::from_millis(1));
        let lost: Vec<(u64, Instant)> = self
            .sent
            .range(..self.largest_acked)
            .take_while(|(number, sent)| {
                **number + PACKET_THRESHOLD <= self.largest_acked || now - **sent >= old
            })
            .map(|(number, sent)| (*number, *sent))
            .collect();
        let (Some(first), Some(last)) = (lost.first(), lost.last()) else {
            return;
        };
        let run = last.0 - first.0 + 1 == lost.len() as u64;
        let persistent = run && last.1 - first.1 > 3 * self.time_out();
        let last_sent = last.1;
        for (number, _) in &lost {
            self.sent.remove(number);
        }
        let bytes = lost.len() as u64 * MTU;
        self.in_flight -= bytes;
        self.lost += bytes;
        self.control.on_loss(now, last_sent, persistent, bytes);
    }

    fn rtt(&self) -> Duration {
        self.srtt.unwrap_or(Duration::from_millis(100))
    }

    fn time_out(&self) -> Duration {
        2 * self.rtt() + Duration::from_millis(25)
    }
}

/// quinn's token bucket: 1.25 windows per round trip, bursts of 2 ms but 10 to 256 packets.
struct Pacer {
    tokens: u64,
    prev: Instant,
}

impl Pacer {
    fn new(now: Instant) -> Self {
        Self {
            tokens: 10 * MTU,
            prev: now,
        }
    }

    fn delay(&mut self, rtt: Duration, window: u64, now: Instant) -> Option<Instant> {
        let per_s = window as f64 / rtt.as_secs_f64();
        let capacity = ((per_s * 0.002) as u64).clamp(10 * MTU, 256 * MTU);
        self.tokens = self.tokens.min(capacity);
        if self.tokens >= MTU {
            return None;
        }
        let elapsed = now.saturating_duration_since(self.prev).as_secs_f64();
        self.tokens = (self.tokens + (per_s * 1.25 * elapsed) as u64).min(capacity);
        self.prev = now;
        if self.tokens >= MTU {
            return None;
        }
        let missing = (capacity - self.tokens) as f64;
        Some(now + Duration::from_secs_f64(missing / per_s * 0.8))
    }
}
