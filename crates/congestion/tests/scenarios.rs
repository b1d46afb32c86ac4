//! What the model must reach on simulated bottlenecks. Seeded: a failure repeats.

mod simulator;

use port_linker_congestion::{Model, ModelConfig};
use simulator::{Flow, MTU, Path, Simulator, epoch};
use std::time::Duration;

/// Mbit/s of a single flow after its first three seconds, for three seeds: the worst.
fn steady_rate(path: &Path) -> f64 {
    let rates = [1, 2, 3].map(|seed| run(path, seed).rate(0, 3.0, 14.9));
    rates.into_iter().fold(f64::MAX, f64::min)
}

fn run(path: &Path, seed: u64) -> Simulator {
    Simulator::new(path.clone(), vec![Flow::ours()], seed).run(15.0)
}

#[track_caller]
fn assert_over(value: f64, least: f64) {
    assert!(value >= least, "{value:.1} is less than {least:.1}");
}

#[track_caller]
fn assert_under(value: f64, most: f64) {
    assert!(value <= most, "{value:.1} is more than {most:.1}");
}

#[test]
fn a_long_path_is_filled() {
    assert_over(steady_rate(&Path::new(200.0, 60)), 190.0);
}

#[test]
fn random_loss_costs_little_more_than_what_is_lost() {
    assert_over(steady_rate(&Path::new(200.0, 60).loss(0.005)), 180.0);
    assert_over(steady_rate(&Path::new(200.0, 60).loss(0.02)), 172.0);
    assert_over(steady_rate(&Path::new(200.0, 60).loss(0.05)), 160.0);
    assert_over(steady_rate(&Path::new(50.0, 300).loss(0.01)), 42.0);
}

#[test]
fn jitter_does_not_confuse() {
    assert_over(steady_rate(&Path::new(200.0, 60).jitter(10)), 170.0);
}

#[test]
fn the_start_takes_less_than_a_second_at_60_ms() {
    let run = run(&Path::new(200.0, 60), 1);
    assert_over(run.rate(0, 1.0, 3.0), 170.0);
}

#[test]
fn a_deep_queue_stays_short() {
    let run = run(&Path::new(20.0, 40).queue(20.0), 1);
    assert_over(run.rate(0, 1.0, 14.9), 19.0);
    assert_under(run.wait_quantile(1.0, 0.99), 30.0);
    assert_under(run.wait_quantile(0.0, 1.0), 100.0); // the start included
}

#[test]
fn a_shallow_buffer_is_not_kept_overflowing() {
    let run = run(&Path::new(200.0, 60).queue(0.15), 1);
    assert_over(run.rate(0, 3.0, 14.9), 180.0);
    let share = run.queue_drops as f64 / (15.0 * 200e6 / 8.0 / MTU as f64);
    assert_under(share, 0.04);
}

#[test]
fn a_path_without_delay_is_filled() {
    assert_over(steady_rate(&Path::new(940.0, 1).queue(4.0)), 900.0);
    assert_over(steady_rate(&Path::new(50.0, 2).queue(200.0)), 48.0);
}

#[test]
fn a_machine_that_stands_still_now_and_then_is_no_slow_path() {
    for (sender_ms, receiver_ms) in [(10, 0), (0, 10), (3, 3)] {
        let near = Path::new(1000.0, 1).queue(50.0);
        assert_over(steady_rate(&near.stalls(sender_ms, receiver_ms)), 700.0);
        let far = Path::new(200.0, 60).stalls(sender_ms, receiver_ms);
        assert_over(steady_rate(&far), 150.0);
    }
}

#[test]
fn a_rate_that_drops_to_a_tenth_is_found() {
    let far = Path::new(200.0, 60).queue(20.0);
    let mut simulator = Simulator::new(far, vec![Flow::ours()], 1);
    simulator.changes = vec![(5.0, Path::new(20.0, 60).queue(20.0))];
    let run = simulator.run(20.0);
    assert_over(run.rate(0, 12.0, 19.9), 18.0);
    assert_under(run.wait_quantile(12.0, 0.9), 60.0);
}

#[test]
fn a_rate_that_grows_tenfold_is_found() {
    let mut simulator = Simulator::new(Path::new(20.0, 60), vec![Flow::ours()], 1);
    simulator.changes = vec![(5.0, Path::new(200.0, 60))];
    assert_over(simulator.run(15.0).rate(0, 9.0, 14.9), 180.0);
}

#[test]
fn a_round_trip_that_grows_is_found() {
    let mut simulator = Simulator::new(Path::new(200.0, 60), vec![Flow::ours()], 1);
    simulator.changes = vec![(5.0, Path::new(200.0, 300))];
    assert_over(simulator.run(20.0).rate(0, 13.0, 19.9), 150.0);
}

#[test]
fn two_flows_of_ours_come_to_share() {
    let flows = vec![Flow::ours(), Flow::ours().from(3.0)];
    let run = Simulator::new(Path::new(200.0, 60), flows, 1).run(30.0);
    let rates = [0, 1].map(|flow| run.rate(flow, 20.0, 29.9));
    assert_over(rates[0] + rates[1], 185.0);
    assert_over(rates[0].min(rates[1]), 60.0);
}

#[test]
fn beside_two_of_ours_cubic_keeps_a_fifth() {
    for path in [
        Path::new(200.0, 60),
        Path::new(200.0, 60).queue(4.0),
        Path::new(20.0, 40),
        Path::new(20.0, 40).queue(4.0),
    ] {
        let flows = vec![Flow::ours(), Flow::ours().from(0.3), Flow::cubic()];
        let run = Simulator::new(path.clone(), flows, 7).run(40.0);
        assert_over(run.rate(2, 10.0, 39.9), 0.2 * path.rate_mbit);
    }
}

#[test]
fn an_application_that_writes_little_is_not_held_back_later() {
    let mut quiet = Flow::ours();
    quiet.demand = Some(50_000.0); // 0.4 Mbit/s
    let run = Simulator::new(Path::new(200.0, 60), vec![quiet], 1).run(10.0);
    assert_over(run.rate(0, 1.0, 9.9), 0.39);
    assert_under(run.wait_quantile(1.0, 1.0), 2.0);
}

#[test]
fn after_darkness_the_start_begins_again() {
    let now = epoch();
    let mut model = Model::new(ModelConfig::default(), now, MTU);
    let start = model.window();
    let ms = |t: u64| now + Duration::from_millis(t);
    for t in 1..200 {
        model.on_ack(ms(60 * t), ms(60 * t - 60), 20 * MTU);
        model.on_end_acks(ms(60 * t), 100 * MTU, false);
    }
    assert!(model.window() > start);
    model.on_loss(ms(60_000), ms(20_000), true, 100 * MTU);
    assert_eq!(model.window(), start);
    assert_eq!(model.rate(), 0);
}
