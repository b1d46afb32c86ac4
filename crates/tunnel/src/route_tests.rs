use super::*;

fn at(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn silence_moves_to_the_relay_and_two_answers_bring_it_back() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true);
    assert_eq!(route.tick(start, at(start, 1000)), []);
    assert_eq!(
        route.tick(start, at(start, 3000)),
        [
            Action::TellQuiet,
            Action::Use(Via::Relay),
            Action::Beat,
            Action::Probe,
            Action::Beat
        ]
    );
    let relayed = at(start, 3300);
    assert_eq!(route.tick(relayed, at(start, 3400)), [Action::TellHeard]);
    route.answered();
    assert!(
        !route
            .tick(relayed, at(start, 3500))
            .contains(&Action::Use(Via::Udp))
    );
    route.answered();
    assert!(
        route
            .tick(relayed, at(start, 4000))
            .contains(&Action::Use(Via::Udp))
    );
    assert_eq!(route.via(), Via::Udp);
}

#[test]
fn silence_is_told_in_time_whatever_the_phase_of_the_ticks() {
    let start = Instant::now();
    for phase in 0..250 {
        let mut route = Route::new(start);
        route.set_relay(true);
        let told = (0..).map(|n| phase + 250 * n).find(|ms| {
            route
                .tick(start, at(start, *ms))
                .contains(&Action::TellQuiet)
        });
        assert!(told.unwrap() < 2800, "{told:?} of 3000 ms"); // the rest is for who moves flows
    }
}

#[test]
fn a_lost_heartbeat_is_no_silence() {
    let (start, rtt) = (Instant::now(), 200);
    let (mut route, mut heard_ms, mut due_ms, mut lost) = (Route::new(start), 0, None, 0);
    for ms in (0..60_000).step_by(250) {
        if due_ms.is_some_and(|due| due <= ms) {
            heard_ms = due_ms.take().unwrap();
        }
        let actions = route.tick(at(start, heard_ms), at(start, ms));
        assert!(!actions.contains(&Action::TellQuiet), "at {ms} ms");
        if actions.contains(&Action::Beat) {
            lost += 1;
            // Every other beat is lost, and the peer sends none of its own.
            due_ms = due_ms.or((lost % 2 == 0).then_some(ms + rtt));
        }
    }
    assert!(lost > 20);
}

#[test]
fn without_a_relay_the_beats_go_on() {
    let start = Instant::now();
    let mut route = Route::new(start);
    let mut beats = 0;
    for ms in (0..1_800_000).step_by(250) {
        beats += route
            .tick(start, at(start, ms))
            .iter()
            .filter(|a| **a == Action::Beat)
            .count();
    }
    assert!((890..950).contains(&beats), "{beats}");
    assert_eq!(route.via(), Via::Udp);
}

#[test]
fn a_new_socket_is_asked_at_once_and_one_answer_is_enough() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true);
    route.tick(start, at(start, 6000));
    route.rebound(at(start, 6100));
    let asked = route.tick(start, at(start, 6100));
    assert!(asked.contains(&Action::Probe), "{asked:?}");
    route.answered();
    let back = route.tick(start, at(start, 6110));
    assert!(back.contains(&Action::Use(Via::Udp)), "{back:?}");
}

#[test]
fn answers_with_losses_between_do_not_count() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true);
    route.tick(start, at(start, 3000));
    route.answered();
    for n in 1..6 {
        route.tick(start, at(start, 3000 + n * 600));
    }
    route.answered();
    assert!(
        !route
            .tick(start, at(start, 8000))
            .contains(&Action::Use(Via::Udp))
    );
}

#[test]
fn a_relay_that_goes_away_leaves_udp() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true);
    route.tick(start, at(start, 3000));
    assert_eq!(route.set_relay(false), Some(Action::Use(Via::Udp)));
}

#[test]
fn what_the_lost_relay_brought_is_no_sign_of_udp() {
    let start = Instant::now();
    let mut route = Route::new(start);
    route.set_relay(true);
    route.tick(start, at(start, 3000));
    let relayed = at(start, 3400);
    assert!(
        route
            .tick(relayed, at(start, 3500))
            .contains(&Action::TellHeard)
    );
    route.set_relay(false);
    let late = at(start, 3600); // came by the relay before it went
    let told = route.tick(late, at(start, 3750));
    assert!(told.contains(&Action::TellQuiet), "{told:?}");
    let told = route.tick(late, at(start, 4000));
    assert!(!told.contains(&Action::TellHeard), "{told:?}");
    let told = route.tick(at(start, 4100), at(start, 4250));
    assert!(told.contains(&Action::TellHeard), "{told:?}");
}
