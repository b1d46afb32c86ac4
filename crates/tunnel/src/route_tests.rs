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
