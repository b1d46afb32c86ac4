//! Whatever quinn tells, in whatever order: no panic, and a window that makes sense.

use port_linker_congestion::{Model, ModelConfig};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const MAX_WINDOW: u64 = 64 << 20;

#[derive(Clone, Debug)]
enum Call {
    /// Time goes on by so many microseconds.
    Pass(u64),
    /// A packet arrived, sent so many microseconds ago.
    Ack(u64, u64),
    EndAcks(u64, bool),
    Loss(u64, bool, u64),
    Mtu(u16),
}

fn call() -> impl Strategy<Value = Call> {
    let time = prop_oneof![0..1000u64, 0..1_000_000u64, 0..100_000_000u64];
    let bytes = prop_oneof![0..10_000u64, 0..u64::from(u32::MAX)];
    prop_oneof![
        time.clone().prop_map(Call::Pass),
        (time.clone(), bytes.clone()).prop_map(|(ago, bytes)| Call::Ack(ago, bytes)),
        (bytes.clone(), any::<bool>()).prop_map(|(flight, idle)| Call::EndAcks(flight, idle)),
        (time, prop::bool::weighted(0.1), bytes).prop_map(|(ago, p, b)| Call::Loss(ago, p, b)),
        any::<u16>().prop_map(Call::Mtu),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_window_stays_within_bounds(
        mtu in 1..9000u64,
        calls in prop::collection::vec(call(), 0..400),
    ) {
        let epoch = Instant::now() + Duration::from_secs(1000);
        let config = ModelConfig { max_window: MAX_WINDOW, ..ModelConfig::default() };
        let mut now = epoch;
        let mut mtu = mtu;
        let mut model = Model::new(config, now, mtu);
        for call in calls {
            let ago = |us: u64| now - Duration::from_micros(us);
            match call {
                Call::Pass(us) => now += Duration::from_micros(us),
                Call::Ack(us, bytes) => model.on_ack(now, ago(us), bytes),
                Call::EndAcks(in_flight, limited) => model.on_end_acks(now, in_flight, limited),
                Call::Loss(us, persistent, bytes) => model.on_loss(now, ago(us), persistent, bytes),
                Call::Mtu(new) => {
                    mtu = u64::from(new).max(1);
                    model.on_mtu(mtu);
                }
            }
            prop_assert!(model.window() >= 4 * mtu);
            prop_assert!(model.window() <= MAX_WINDOW);
            prop_assert!((0.0..=0.12).contains(&model.base_loss()));
        }
    }

    /// A path that delivers at a steady rate: the model finds rate and round trip, and its window
    /// is neither less than the path holds nor twice as much and the slack.
    #[test]
    fn a_steady_path_is_found(rtt_ms in 5..400u64, mbit in 1..1000u64) {
        let start = Instant::now();
        let mut model = Model::new(ModelConfig::default(), start, 1500);
        let rate = mbit as f64 * 125_000.0;
        let rtt = Duration::from_millis(rtt_ms);
        let step = Duration::from_secs_f64(15_000.0 / rate);
        let mut now = start + rtt;
        let end = now + Duration::from_secs(3) + 40 * rtt;
        while now < end {
            model.on_ack(now, now - rtt, 15_000);
            model.on_end_acks(now, model.window(), false);
            now += step;
        }
        let product = rate * rtt.as_secs_f64();
        let window = model.window() as f64;
        let slack = rate * 0.004 + 10_000.0;
        prop_assert!(window >= 0.85 * product, "{window} {product}");
        prop_assert!(window <= 2.0 * product + 2.0 * slack + 30_000.0, "{window} {product}");
    }
}
