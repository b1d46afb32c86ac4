//! Cubic (RFC 9438) without pacing, as the kernel runs it by default.

use super::Control;
use std::time::{Duration, Instant};

const C: f64 = 0.4;
const BETA: f64 = 0.7;

pub struct Cubic {
    mtu: f64,
    /// Packets.
    window: f64,
    threshold: f64,
    max: f64,
    epoch: Option<Instant>,
    recovery: Instant,
    least: Duration,
    reno: f64,
}

impl Cubic {
    pub fn new(now: Instant, mtu: u64) -> Self {
        Self {
            mtu: mtu as f64,
            window: 10.0,
            threshold: f64::MAX,
            max: 0.0,
            epoch: None,
            recovery: now,
            least: Duration::MAX,
            reno: 0.0,
        }
    }

    fn grow(&mut self, now: Instant) {
        let epoch = *self.epoch.get_or_insert(now);
        let k = (self.max * (1.0 - BETA) / C).max(0.0).cbrt();
        let t = (now - epoch + self.least).as_secs_f64();
        let target = (C * (t - k).powi(3) + self.max).min(1.5 * self.window);
        if target > self.window {
            self.window += (target - self.window) / self.window;
        }
        self.reno += 3.0 * (1.0 - BETA) / (1.0 + BETA) / self.window;
        self.window = self.window.max(self.reno);
    }
}

impl Control for Cubic {
    fn on_ack(&mut self, now: Instant, sent: Instant, _bytes: u64) {
        let rtt = now - sent;
        self.least = self.least.min(rtt);
        if self.window < self.threshold {
            self.window += 1.0;
            // HyStart: the queue has begun to grow.
            let limit = self.least + (self.least / 8).clamp(MS * 4, MS * 16);
            if self.window > 16.0 && rtt > limit {
                self.threshold = self.window;
                self.max = self.window;
            }
        } else {
            self.grow(now);
        }
    }

    fn on_end_acks(&mut self, _now: Instant, _in_flight: u64, _app_limited: bool) {}

    fn on_loss(&mut self, now: Instant, sent: Instant, persistent: bool, _bytes: u64) {
        if sent <= self.recovery {
            return;
        }
        self.recovery = now;
        self.epoch = None;
        let fast = self.window < self.max;
        self.max = self.window * if fast { (1.0 + BETA) / 2.0 } else { 1.0 };
        self.window = (self.window * BETA).max(2.0);
        if persistent {
            self.window = 2.0;
        }
        self.threshold = self.window;
        self.reno = self.window;
    }

    fn window(&self) -> u64 {
        ((self.window + 1.0) * self.mtu) as u64 + 1
    }
}

const MS: Duration = Duration::from_millis(1);
