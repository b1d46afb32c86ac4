use super::*;

struct Case {
    start: Instant,
    life: Life,
    signs: Signs,
}

impl Case {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            life: Life::new(start),
            signs: Signs::default(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn acked(&mut self, sent: u64, at: u64, more_in_flight: bool) {
        let (sent, at) = (self.at(sent), self.at(at));
        self.signs.acked = Some(Acked {
            sent,
            at,
            more_in_flight,
        });
    }

    /// Milliseconds without an answer, as seen by a look each 250 ms until `ms`.
    fn silence(&mut self, ms: u64) -> u128 {
        let from = self.life.looked_at.duration_since(self.start).as_millis() as u64;
        for ms in (from + 250..ms).step_by(250) {
            self.life.silence(&self.signs, self.at(ms));
        }
        self.life.silence(&self.signs, self.at(ms)).as_millis()
    }
}

#[test]
fn who_sends_nothing_waits_for_nothing() {
    let mut case = Case::new();
    assert_eq!(case.silence(60_000), 0);
}

#[test]
fn what_was_sent_waits_for_its_acknowledgement() {
    let mut case = Case::new();
    case.silence(1000);
    case.signs.frames = 1;
    assert_eq!(case.silence(2000), 1000);
    case.acked(1100, 2100, false);
    assert_eq!(case.silence(2250), 0);
    assert_eq!(case.silence(9000), 0);
}

#[test]
fn acknowledgements_of_what_was_sent_before_do_not_end_the_wait() {
    let mut case = Case::new();
    case.acked(800, 900, false);
    case.silence(1000);
    case.signs.frames = 1;
    case.acked(990, 1010, false);
    assert_eq!(case.silence(3000), 1990);
}

#[test]
fn others_in_flight_are_waited_for() {
    let mut case = Case::new();
    case.signs.frames = 9;
    case.acked(100, 130, true);
    assert_eq!(case.silence(3130), 3000);
    case.acked(3200, 3230, false);
    assert_eq!(case.silence(3250), 0);
}

#[test]
fn what_followed_the_acknowledgement_before_the_look_is_waited_for() {
    let mut case = Case::new();
    case.signs.frames = 2;
    case.signs.sent_since = true;
    case.acked(10, 40, false);
    assert_eq!(case.silence(2040), 2000);
    case.acked(2050, 2060, false);
    case.signs.sent_since = false;
    assert_eq!(case.silence(2250), 0);
}

#[test]
fn a_long_queue_that_moves_is_no_silence() {
    let mut case = Case::new();
    for ms in (250..20_000).step_by(250) {
        case.signs.frames += 1;
        if ms > 3000 {
            case.acked(ms - 3000, ms, true);
            assert!(case.silence(ms) <= 250);
        }
    }
}

#[test]
fn an_acknowledgement_of_long_ago_proves_nothing() {
    let mut case = Case::new();
    case.signs.frames = 1;
    case.silence(250);
    case.acked(10, 30_000, false);
    assert_eq!(case.silence(30_000), 30_000);
}

#[test]
fn a_look_that_was_held_up_is_not_the_paths_silence() {
    let mut case = Case::new();
    case.signs.frames = 1;
    case.silence(500);
    let now = case.at(9000);
    assert_eq!(case.life.silence(&case.signs, now), Duration::ZERO);
    assert_eq!(case.silence(10_000), 1000);
}

#[test]
fn another_path_has_to_prove_itself() {
    let mut case = Case::new();
    case.life.change_path(false, case.at(1000));
    case.acked(990, 1100, false); // went the other way
    assert_eq!(case.silence(1500), 500);
    assert!(!case.life.is_proven());
    case.acked(1600, 1700, false);
    assert_eq!(case.silence(1750), 0);
    assert!(case.life.is_proven());
}
