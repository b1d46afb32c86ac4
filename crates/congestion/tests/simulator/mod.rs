//! A bottleneck in memory: senders that behave like quinn's (window, pacer, loss detection) and
//! a Cubic that behaves like the kernel's, seeded and without a clock of its own.

#![allow(dead_code)] // each user of the simulator needs a part of it

pub mod cubic;
pub mod sender;

use port_linker_congestion::{Model, ModelConfig};
use sender::{Packet, Sender};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

pub const MTU: u64 = 1500;

/// What a sender asks of its congestion control.
pub trait Control {
    fn on_sent(&mut self, _bytes: u64) {}
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64);
    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool);
    fn on_loss(&mut self, now: Instant, sent: Instant, persistent: bool, bytes: u64);
    fn window(&self) -> u64;
    fn describe(&self) -> String {
        String::new()
    }
}

impl Control for Model {
    fn on_sent(&mut self, bytes: u64) {
        Model::on_sent(self, bytes);
    }
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64) {
        Model::on_ack(self, now, sent, bytes);
    }
    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool) {
        Model::on_end_acks(self, now, in_flight, app_limited);
    }
    fn on_loss(&mut self, now: Instant, sent: Instant, persistent: bool, bytes: u64) {
        Model::on_loss(self, now, sent, persistent, bytes);
    }
    fn window(&self) -> u64 {
        Model::pacing_window(self)
    }
    fn describe(&self) -> String {
        format!(
            "{:?} rate {:.1} rtt {:.1} base {:.3} cap {}",
            self.phase(),
            self.rate() as f64 * 8e-6,
            self.min_rtt().unwrap_or_default().as_secs_f64() * 1e3,
            self.base_loss(),
            self.cap().unwrap_or(0)
        )
    }
}

/// One path that all flows of a run share.
#[derive(Clone, Debug)]
pub struct Path {
    pub rate_mbit: f64,
    /// Round trip without a queue, half of it each way.
    pub rtt: Duration,
    pub queue: u64,
    /// Share of the packets lost at random, each way.
    pub loss: f64,
    pub jitter: Duration,
    /// The sender's and the receiver's machine stand still: up to twice so long, then run for up
    /// to once so long.
    pub stalls: [Duration; 2],
}

impl Path {
    pub fn new(rate_mbit: f64, rtt_ms: u64) -> Self {
        let product = rate_mbit * 125.0 * rtt_ms as f64;
        Self {
            rate_mbit,
            rtt: Duration::from_millis(rtt_ms),
            queue: product as u64,
            loss: 0.0,
            jitter: Duration::ZERO,
            stalls: [Duration::ZERO; 2],
        }
    }
    pub fn stalls(mut self, sender_ms: u64, receiver_ms: u64) -> Self {
        self.stalls = [sender_ms, receiver_ms].map(Duration::from_millis);
        self
    }
    pub fn loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }
    /// The queue as a share of the product of rate and round trip.
    pub fn queue(mut self, products: f64) -> Self {
        self.queue = (self.rate_mbit * 125.0 * self.rtt.as_secs_f64() * 1e3 * products) as u64;
        self
    }
    pub fn jitter(mut self, ms: u64) -> Self {
        self.jitter = Duration::from_millis(ms);
        self
    }
}

/// A flow: its control, when it starts, and what it has done.
pub struct Flow {
    pub sender: Sender,
    pub start: Duration,
    /// Application bytes per second; none: as much as goes.
    pub demand: Option<f64>,
}

impl Flow {
    pub fn ours() -> Self {
        Self::ours_with(ModelConfig::default())
    }
    pub fn ours_with(config: ModelConfig) -> Self {
        Self::of(|now| Box::new(Model::new(config, now, MTU)), true)
    }
    pub fn cubic() -> Self {
        Self::of(|now| Box::new(cubic::Cubic::new(now, MTU)), false)
    }
    pub fn of(build: impl FnOnce(Instant) -> Box<dyn Control>, paced: bool) -> Self {
        let epoch = epoch();
        Self {
            sender: Sender::new(build(epoch), epoch, paced),
            start: Duration::ZERO,
            demand: None,
        }
    }
    pub fn from(mut self, second: f64) -> Self {
        self.start = Duration::from_secs_f64(second);
        self
    }
}

/// One epoch for all: `Instant` has no zero.
pub fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// What was seen each tenth of a second.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Mbit/s delivered, by flow.
    pub rates: Vec<f64>,
    /// Longest wait in the queue, milliseconds.
    pub wait_ms: f64,
    pub note: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A flow may send again (pacing), or has a timer.
    Wake {
        flow: usize,
    },
    Arrive {
        flow: usize,
        packet: Packet,
    },
    Ack {
        flow: usize,
        index: usize,
    },
    Receiver {
        flow: usize,
    },
    Sample,
}

pub struct Simulator {
    pub path: Path,
    pub flows: Vec<Flow>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    order: u64,
    random: u64,
    busy_until: Instant,
    frozen: [(Instant, Instant); 2],
    receivers: Vec<Receiver>,
    acks: Vec<Vec<u64>>,
    pub samples: Vec<Sample>,
    delivered: Vec<u64>,
    wait: Duration,
    last_arrival: Instant,
    /// Changes of the path while it runs.
    pub changes: Vec<(f64, Path)>,
    pub queue_drops: u64,
    pub waits: Vec<Duration>,
}

#[derive(Default)]
struct Receiver {
    pending: Vec<u64>,
    last: u64,
    timer: bool,
}

const ACK_DELAY: Duration = Duration::from_millis(25);
const SAMPLE: Duration = Duration::from_millis(100);

impl Simulator {
    pub fn new(path: Path, flows: Vec<Flow>, seed: u64) -> Self {
        let n = flows.len();
        Self {
            path,
            flows,
            events: BinaryHeap::new(),
            order: 0,
            random: seed,
            busy_until: epoch(),
            frozen: [(epoch(), epoch()); 2],
            receivers: (0..n).map(|_| Receiver::default()).collect(),
            acks: Vec::new(),
            samples: Vec::new(),
            delivered: vec![0; n],
            wait: Duration::ZERO,
            last_arrival: epoch(),
            changes: Vec::new(),
            queue_drops: 0,
            waits: Vec::new(),
        }
    }

    /// Runs for so many seconds of simulated time.
    pub fn run(mut self, seconds: f64) -> Self {
        let end = epoch() + Duration::from_secs_f64(seconds);
        for flow in 0..self.flows.len() {
            let start = epoch() + self.flows[flow].start;
            self.at(start, Event::Wake { flow });
        }
        self.at(epoch() + SAMPLE, Event::Sample);
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now > end {
                break;
            }
            self.handle(now, event);
        }
        self
    }

    /// Mean Mbit/s of a flow between two times.
    pub fn rate(&self, flow: usize, from: f64, to: f64) -> f64 {
        let part = &self.samples[(from * 10.0) as usize..(to * 10.0) as usize];
        part.iter().map(|s| s.rates[flow]).sum::<f64>() / part.len() as f64
    }

    /// A quantile of the longest queueing times of tenths of a second, milliseconds.
    pub fn wait_quantile(&self, from: f64, quantile: f64) -> f64 {
        let mut waits: Vec<f64> = self.samples[(from * 10.0) as usize..]
            .iter()
            .map(|s| s.wait_ms)
            .collect();
        waits.sort_by(f64::total_cmp);
        waits[((waits.len() - 1) as f64 * quantile) as usize]
    }

    fn at(&mut self, when: Instant, event: Event) {
        self.order += 1;
        self.events.push(Reverse((when, self.order, event)));
    }

    fn unit(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// When a machine gets to work on what happens now.
    fn awake(&mut self, now: Instant, machine: usize) -> Instant {
        let stall = self.path.stalls[machine];
        while !stall.is_zero() && self.frozen[machine].1 <= now {
            let (run, still) = (self.unit(), 2.0 * self.unit());
            let from = self.frozen[machine].1 + stall.mul_f64(run);
            self.frozen[machine] = (from, from + stall.mul_f64(still));
        }
        let (from, to) = self.frozen[machine];
        if from <= now { now.max(to) } else { now }
    }

    fn handle(&mut self, now: Instant, event: Event) {
        let machine = match event {
            Event::Wake { .. } | Event::Ack { .. } => Some(0),
            Event::Arrive { .. } | Event::Receiver { .. } => Some(1),
            Event::Sample => None,
        };
        let awake = machine.map_or(now, |machine| self.awake(now, machine));
        if awake > now {
            return self.at(awake, event);
        }
        match event {
            Event::Wake { flow } => self.flows[flow].sender.on_timer(now),
            Event::Arrive { flow, packet } => self.receive(now, flow, packet),
            Event::Receiver { flow } => {
                self.receivers[flow].timer = false;
                self.send_ack(now, flow);
            }
            Event::Ack { flow, index } => {
                let numbers = std::mem::take(&mut self.acks[index]);
                self.flows[flow].sender.on_ack(now, &numbers);
            }
            Event::Sample => self.sample(now),
        }
        if let Event::Wake { flow } | Event::Ack { flow, .. } = event {
            self.send(now, flow);
        }
    }

    fn send(&mut self, now: Instant, flow: usize) {
        let demand = self.flows[flow].demand;
        let started = epoch() + self.flows[flow].start;
        let budget = demand.map(|d| (now - started).as_secs_f64() * d);
        while let Some(packet) = self.flows[flow].sender.poll(now, budget) {
            self.enqueue(now, flow, packet);
        }
        if let Some(when) = self.flows[flow].sender.next_wake(now, demand.is_some()) {
            self.at(when, Event::Wake { flow });
        }
    }

    fn enqueue(&mut self, now: Instant, flow: usize, packet: Packet) {
        let rate = self.path.rate_mbit * 125_000.0;
        let wait = self.busy_until.saturating_duration_since(now);
        let queued = (wait.as_secs_f64() * rate) as u64;
        if queued + packet.bytes > self.path.queue.max(4 * MTU) {
            self.queue_drops += 1;
            return;
        }
        self.wait = self.wait.max(wait);
        self.waits.push(wait);
        let start = self.busy_until.max(now);
        self.busy_until = start + Duration::from_secs_f64(packet.bytes as f64 / rate);
        if self.path.loss > 0.0 && self.unit() < self.path.loss {
            return;
        }
        let due = self.busy_until + self.path.rtt / 2 + self.draw_jitter();
        self.last_arrival = due.max(self.last_arrival.min(due + self.path.jitter));
        let when = self.last_arrival;
        self.at(when, Event::Arrive { flow, packet });
    }

    fn draw_jitter(&mut self) -> Duration {
        if self.path.jitter.is_zero() {
            return Duration::ZERO;
        }
        let unit = self.unit();
        self.path.jitter.mul_f64(unit)
    }

    fn receive(&mut self, now: Instant, flow: usize, packet: Packet) {
        self.delivered[flow] += packet.bytes;
        let receiver = &mut self.receivers[flow];
        let gap = packet.number != receiver.last + 1;
        receiver.last = receiver.last.max(packet.number);
        receiver.pending.push(packet.number);
        if receiver.pending.len() >= 2 || gap {
            self.send_ack(now, flow);
        } else if !receiver.timer {
            receiver.timer = true;
            self.at(now + ACK_DELAY, Event::Receiver { flow });
        }
    }

    /// Acknowledgements repeat what came before, so a lost one only delays: its packets go with
    /// the next one.
    fn send_ack(&mut self, now: Instant, flow: usize) {
        if self.path.loss > 0.0 && self.unit() < self.path.loss {
            return;
        }
        let numbers = std::mem::take(&mut self.receivers[flow].pending);
        if numbers.is_empty() {
            return;
        }
        self.acks.push(numbers);
        let index = self.acks.len() - 1;
        let when = now + self.path.rtt / 2;
        self.at(when, Event::Ack { flow, index });
    }

    fn sample(&mut self, now: Instant) {
        let rates = self.delivered.iter();
        let rates = rates.map(|bytes| *bytes as f64 * 8e-6 / SAMPLE.as_secs_f64());
        self.samples.push(Sample {
            rates: rates.collect(),
            wait_ms: self.wait.as_secs_f64() * 1e3,
            note: self.flows[0].sender.describe(),
        });
        self.delivered.fill(0);
        self.wait = Duration::ZERO;
        let second = (now - epoch()).as_secs_f64();
        if self
            .changes
            .first()
            .is_some_and(|change| change.0 <= second)
        {
            self.path = self.changes.remove(0).1;
        }
        self.at(now + SAMPLE, Event::Sample);
    }
}
