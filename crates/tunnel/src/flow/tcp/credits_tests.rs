use super::*;
use proptest::prelude::*;

const RTT: Duration = Duration::from_millis(60);

/// Read greedily: the whole window each round trip, for `rounds` rounds. Returns the last window.
fn run_greedy(flow: &mut RecvCredit, pool: &mut Pool, start: Instant, rounds: u32) -> u64 {
    let mut now = start;
    for _ in 0..rounds {
        now += RTT;
        let take = flow.granted - flow.read;
        flow.read(take, now, RTT, pool);
    }
    flow.granted - flow.read
}

#[test]
fn a_reader_that_keeps_up_grows_to_the_most() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut flow = RecvCredit::new(&mut pool, now);
    assert_eq!(run_greedy(&mut flow, &mut pool, now, 12), MAX_BYTES);
}

#[test]
fn a_slow_reader_keeps_its_start() {
    let mut now = Instant::now();
    let mut pool = Pool::default();
    let mut flow = RecvCredit::new(&mut pool, now);
    for _ in 0..50 {
        now += 10 * RTT;
        flow.read(START_BYTES / 2, now, RTT, &mut pool);
    }
    assert_eq!(flow.window, START_BYTES);
}

#[test]
fn a_thousand_stalled_flows_stay_within_the_pool_and_their_starts() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut flows: Vec<_> = (0..1000).map(|_| RecvCredit::new(&mut pool, now)).collect();
    for flow in &mut flows {
        run_greedy(flow, &mut pool, now, 6);
    }
    assert!(pool.outstanding() <= POOL_BYTES + 1000 * START_BYTES);
    assert!(pool.outstanding() >= 1000 * START_BYTES);
}

#[test]
fn a_flow_beside_two_hundred_stalled_ones_still_grows() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut stalled: Vec<_> = (0..200).map(|_| RecvCredit::new(&mut pool, now)).collect();
    for flow in &mut stalled {
        run_greedy(flow, &mut pool, now, 2);
    }
    let mut flow = RecvCredit::new(&mut pool, now);
    assert!(run_greedy(&mut flow, &mut pool, now, 40) >= 1024 * 1024);
}

/// The kernel's buffers take a flow's first megabyte at once, whether anybody reads or not.
#[test]
fn a_flow_beside_thousands_that_stalled_at_their_beginning_grows_to_the_most() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut stalled: Vec<_> = (0..4000).map(|_| RecvCredit::new(&mut pool, now)).collect();
    for flow in &mut stalled {
        while flow.read < 1024 * 1024 {
            run_greedy(flow, &mut pool, now, 1);
        }
    }
    let mut flow = RecvCredit::new(&mut pool, now);
    assert!(run_greedy(&mut flow, &mut pool, now, 60) >= POOL_BYTES / 8);
    assert!(pool.outstanding() <= POOL_BYTES + 4001 * START_BYTES);
}

#[test]
fn an_idle_sender_gives_its_credit_back() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut receiver = RecvCredit::new(&mut pool, now);
    let mut sender = SendCredit::default();
    run_greedy(&mut receiver, &mut pool, now, 10);
    sender.grant(receiver.granted);
    sender.take(receiver.read);
    assert_eq!(sender.tick(), None);
    let limit = sender.tick();
    assert_eq!(limit, Some(receiver.read + START_BYTES));
    assert_eq!(receiver.give_back(limit.unwrap(), now, &mut pool), None);
    assert_eq!(pool.outstanding(), START_BYTES);
}

#[test]
fn a_closed_flow_leaves_nothing_behind() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut flow = RecvCredit::new(&mut pool, now);
    run_greedy(&mut flow, &mut pool, now, 5);
    flow.close(&mut pool);
    assert_eq!((pool.outstanding(), pool.starts), (0, 0));
}

/// Bytes overtake the word that credit was given back, and use all that is left of it.
#[test]
fn a_give_back_that_comes_late_does_not_stop_the_flow() {
    let now = Instant::now();
    let mut pool = Pool::default();
    let mut receiver = RecvCredit::new(&mut pool, now);
    let mut sender = SendCredit::default();
    run_greedy(&mut receiver, &mut pool, now, 10);
    sender.grant(receiver.granted);
    sender.take(receiver.read);
    sender.tick();
    let given_back = sender.tick().unwrap();
    sender.take(START_BYTES);
    assert_eq!(sender.available(), 0);
    assert_eq!(receiver.read(START_BYTES, now, RTT, &mut pool), None);
    let limit = receiver.give_back(given_back, now, &mut pool).unwrap();
    sender.grant(limit);
    assert!(sender.available() > 0);
}

/// What two ends do to each other; messages and bytes arrive in any order between the streams.
#[derive(Clone, Debug)]
enum Step {
    Send(u64),
    Read(u64),
    Tick,
    DeliverGrant,
    DeliverGiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..300_000).prop_map(Step::Send),
        (1u64..300_000).prop_map(Step::Read),
        Just(Step::Tick),
        Just(Step::DeliverGrant),
        Just(Step::DeliverGiveBack),
    ]
}

#[derive(Default)]
struct Wire {
    bytes: u64,
    grants: std::collections::VecDeque<u64>,
    given_back: std::collections::VecDeque<u64>,
}

fn take_step(
    step: &Step,
    wire: &mut Wire,
    sender: &mut SendCredit,
    receiver: &mut RecvCredit,
    pool: &mut Pool,
) {
    let now = Instant::now();
    match step {
        Step::Send(bytes) => {
            let bytes = (*bytes).min(sender.available());
            sender.take(bytes);
            wire.bytes += bytes;
        }
        Step::Read(bytes) => {
            let bytes = (*bytes).min(wire.bytes);
            wire.bytes -= bytes;
            wire.grants.extend(receiver.read(bytes, now, RTT, pool));
        }
        Step::Tick => wire.given_back.extend(sender.tick()),
        Step::DeliverGrant => {
            if let Some(limit) = wire.grants.pop_front() {
                sender.grant(limit);
            }
        }
        Step::DeliverGiveBack => {
            if let Some(limit) = wire.given_back.pop_front() {
                wire.grants.extend(receiver.give_back(limit, now, pool));
            }
        }
    }
}

proptest! {
    /// Once all that is under way has arrived, the sender may send.
    #[test]
    fn no_order_of_things_stops_a_flow(steps in proptest::collection::vec(step(), 1..300)) {
        let mut pool = Pool::default();
        let mut receiver = RecvCredit::new(&mut pool, Instant::now());
        let mut sender = SendCredit::default();
        let mut wire = Wire::default();
        for step in &steps {
            take_step(step, &mut wire, &mut sender, &mut receiver, &mut pool);
        }
        let settle = [Step::Read(u64::MAX), Step::DeliverGiveBack, Step::DeliverGrant];
        for _ in 0..steps.len() {
            for step in &settle {
                take_step(step, &mut wire, &mut sender, &mut receiver, &mut pool);
            }
        }
        prop_assert!(sender.available() > 0);
        prop_assert!(pool.outstanding() <= POOL_BYTES + START_BYTES);
    }

    /// Whatever is read, the sender is never stuck: unread credit, or a grant that is sent.
    #[test]
    fn credit_never_runs_dry(steps in proptest::collection::vec((1u64..200_000, 0u64..500), 1..200)) {
        let mut now = Instant::now();
        let mut pool = Pool::default();
        let mut receiver = RecvCredit::new(&mut pool, now);
        let mut sender = SendCredit::default();
        for (bytes, pause_ms) in steps {
            now += Duration::from_millis(pause_ms);
            let bytes = bytes.min(sender.available());
            sender.take(bytes);
            if let Some(limit) = receiver.read(bytes, now, RTT, &mut pool) {
                sender.grant(limit);
            }
            prop_assert!(sender.available() > 0);
            prop_assert_eq!(pool.outstanding(), receiver.granted - receiver.read);
        }
    }
}
