use super::*;
use crate::net::pulse::Acked;

fn at(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// A connection that sends something at each look, of which what was sent until `acked` was acknowledged.
fn signs(start: Instant, ms: u64, acked: Option<u64>) -> Signs {
    Signs {
        frames: ms + 1,
        acked: acked.map(|ms| Acked {
            sent: at(start, ms),
            at: at(start, ms),
            more_in_flight: false,
        }),
        sent_since: false,
        rtt: Duration::ZERO,
    }
}

/// Look at the path every 250 ms, in this span; what was to be done, and when.
fn look(
    route: &mut Route,
    start: Instant,
    span: std::ops::Range<u64>,
    acked: Option<u64>,
) -> Vec<(u64, Action)> {
    span.step_by(250)
        .flat_map(|ms| {
            let actions = route.tick(&signs(start, ms, acked), at(start, ms));
            actions.into_iter().map(move |action| (ms, action))
        })
        .collect()
}

fn has(actions: &[(u64, Action)], action: Action) -> bool {
    actions.iter().any(|(_, one)| *one == action)
}

/// A route that went to the relay because nothing was acknowledged.
fn relayed(start: Instant) -> Route {
    let mut route = Route::new(start);
    route.set_relay(true, start);
    let actions = look(&mut route, start, 0..2750, None);
    assert!(has(&actions, Action::Use(Via::Relay)), "{actions:?}");
    route
}

#[test]
fn silence_moves_to_the_relay_and_two_answers_bring_it_back() {
    let start = Instant::now();
    let mut route = relayed(start);
    let told = look(&mut route, start, 3000..3250, Some(2900));
    assert!(has(&told, Action::ReportHeard), "{told:?}");
    route.asked(1, at(start, 3000));
    route.answered(1, at(start, 3010));
    let once = look(&mut route, start, 3250..3500, Some(3200));
    assert!(!has(&once, Action::Use(Via::Udp)), "{once:?}");
    route.asked(2, at(start, 3500));
    route.answered(2, at(start, 3510));
    let twice = look(&mut route, start, 3750..4000, Some(3700));
    assert!(has(&twice, Action::Use(Via::Udp)), "{twice:?}");
    assert_eq!(route.via(), Via::Udp);
}

#[test]
fn an_answer_counts_once_and_only_of_late() {
    let start = Instant::now();
    let mut route = relayed(start);
    route.asked(1, at(start, 3000));
    route.asked(2, at(start, 3000));
    for _ in 0..5 {
        route.answered(1, at(start, 3010)); // a copy of the one answer
    }
    route.answered(2, at(start, 9000)); // kept back by somebody
    route.answered(7, at(start, 3010)); // never asked
    let actions = look(&mut route, start, 9000..9250, Some(8900));
    assert!(!has(&actions, Action::Use(Via::Udp)), "{actions:?}");
}

#[test]
fn silence_is_told_in_time_whatever_the_phase_of_the_looks() {
    let start = Instant::now();
    for lost_ms in 1000..1250 {
        let mut route = Route::new(start);
        look(&mut route, start, 0..1000, Some(900));
        let told = (0..)
            .map(|n| 1000 + 250 * n)
            .find(|ms| {
                let mut now = signs(start, *ms, Some(900));
                now.frames = if *ms < lost_ms { 0 } else { *ms };
                let actions = route.tick(&now, at(start, *ms));
                actions.contains(&Action::ReportQuiet)
            })
            .unwrap();
        assert!(told - lost_ms <= 2500, "{told}"); // the rest of 3 s is for who moves flows
    }
}

#[test]
fn what_the_peer_says_of_its_packets_moves_ours_and_is_no_silence_here() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true, start);
    look(&mut route, start, 0..1000, Some(900));
    route.set_peer_quiet(true);
    let actions = route.tick(&signs(start, 1010, Some(1000)), at(start, 1010));
    assert!(actions.contains(&Action::Use(Via::Relay)), "{actions:?}");
    assert!(!actions.contains(&Action::ReportQuiet), "{actions:?}");
}

#[test]
fn a_lost_heartbeat_is_no_silence() {
    let (start, rtt) = (Instant::now(), 200);
    let mut route = Route::new(start);
    let (mut beats, mut due, mut now) = (0, None, Signs::default());
    for ms in (0..60_000).step_by(250) {
        if let Some((sent, _)) = due.take_if(|(_, due)| *due <= ms) {
            now.acked = Some(Acked {
                sent: at(start, sent),
                at: at(start, sent + rtt),
                more_in_flight: false,
            });
        }
        let actions = route.tick(&now, at(start, ms));
        assert!(!actions.contains(&Action::ReportQuiet), "at {ms} ms");
        if actions.contains(&Action::Beat) {
            (beats, now.frames) = (beats + 1, now.frames + 1);
            // Every other beat is lost, and nothing else is sent.
            due = due.or((beats % 2 == 0).then_some((ms, ms + rtt)));
        }
    }
    assert!(beats > 20);
}

#[test]
fn without_a_relay_the_beats_go_on() {
    let start = Instant::now();
    let mut route = Route::new(start);
    let actions = look(&mut route, start, 0..1_800_000, None);
    let beats = actions.iter().filter(|(_, one)| *one == Action::Beat);
    assert!((1840..1880).contains(&beats.count()));
    assert_eq!(route.via(), Via::Udp);
}

#[test]
fn a_new_socket_is_asked_at_once_and_one_answer_is_enough() {
    let start = Instant::now();
    let mut route = relayed(start);
    route.asked(1, at(start, 6000)); // by the old socket
    route.rebound(at(start, 6100));
    route.answered(1, at(start, 6101));
    let asked = route.tick(&signs(start, 6100, None), at(start, 6100));
    assert!(asked.contains(&Action::Probe), "{asked:?}");
    assert!(!asked.contains(&Action::Use(Via::Udp)), "{asked:?}");
    route.asked(2, at(start, 6100));
    route.answered(2, at(start, 6105));
    let back = route.tick(&signs(start, 6110, None), at(start, 6110));
    assert!(back.contains(&Action::Use(Via::Udp)), "{back:?}");
}

#[test]
fn answers_with_losses_between_do_not_count() {
    let start = Instant::now();
    let mut route = relayed(start);
    route.asked(1, at(start, 3000));
    route.answered(1, at(start, 3010));
    for n in 1..6 {
        let ms = 3000 + n * 600;
        route.tick(&signs(start, ms, None), at(start, ms));
    }
    route.asked(2, at(start, 7900));
    route.answered(2, at(start, 7910));
    let actions = look(&mut route, start, 8000..8250, None);
    assert!(!has(&actions, Action::Use(Via::Udp)), "{actions:?}");
}

#[test]
fn a_relay_that_goes_away_leaves_udp_which_has_to_prove_itself() {
    let start = Instant::now();
    let mut route = relayed(start);
    look(&mut route, start, 3000..3500, Some(2900)); // the relay answers
    let action = route.set_relay(false, at(start, 3600));
    assert_eq!(action, Some(Action::Use(Via::Udp)));
    let late = look(&mut route, start, 3750..4250, Some(3590)); // sent by the relay
    assert!(has(&late, Action::ReportQuiet), "{late:?}");
    assert!(!has(&late, Action::ReportHeard), "{late:?}");
    let told = look(&mut route, start, 4250..4500, Some(4100));
    assert!(has(&told, Action::ReportHeard), "{told:?}");
}

#[test]
fn a_relay_that_comes_is_used_at_once() {
    let start = Instant::now();
    let mut route = Route::new(start);
    look(&mut route, start, 0..60_000, None);
    route.set_relay(true, at(start, 60_001));
    let actions = route.tick(&signs(start, 60_001, None), at(start, 60_001));
    for wanted in [Action::Use(Via::Relay), Action::Beat, Action::Probe] {
        assert!(actions.contains(&wanted), "{actions:?}");
    }
}
