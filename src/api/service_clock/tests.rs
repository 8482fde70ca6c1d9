use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::SignatureCheck::{Accepted, Refused, Unknown};
use super::*;
use crate::clock::FixedClock;

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: i64 = 1000;

/// What the service tolerates.
const SERVICE_TOLERANCE: Duration = Duration::from_secs(15 * 60);

/// The fractions of a second, in milliseconds, that answers are made at.
const FRACTIONS: [u64; 6] = [0, 1, 250, 500, 900, 999];

fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_684_238_400)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn fixed() -> ServiceClock {
    ServiceClock::new(Arc::new(FixedClock(noon())))
}

/// An answer to a signed request.
fn answered(
    clock: &ServiceClock,
    date: impl Into<Option<SystemTime>>,
    signature: SignatureCheck,
) -> Observed {
    let evidence = Evidence {
        date: date.into(),
        took: Duration::ZERO,
        signature,
    };
    clock.observe(Some(clock.signing_time()), &evidence)
}

/// What the next request is signed with.
fn next(clock: &ServiceClock) -> SystemTime {
    clock.signing_time().at()
}

#[test]
fn one_answer_corrects_nothing_and_two_that_agree_do() {
    for (date, ahead) in [(noon() - HOUR, true), (noon() + HOUR, false)] {
        let clock = fixed();
        assert_eq!(answered(&clock, date, Accepted).clock_off, None);
        assert_eq!(next(&clock), noon());
        let off_by = HOUR;
        let second = answered(&clock, date, Accepted);
        assert_eq!(second.clock_off, Some(ClockOffset { off_by, ahead }));
        assert_eq!(next(&clock), date);
        assert_eq!(
            answered(&clock, date, Accepted).clock_off,
            None,
            "told once"
        );
        let at = answered(&clock, date, Accepted).at;
        assert!(distance(at, date).0 <= Duration::from_secs(1), "{at:?}");
    }
}

#[test]
fn dates_that_alternate_correct_nothing() {
    let clock = fixed();
    for _ in 0..10 {
        for date in [noon() + HOUR, noon(), noon() - HOUR, noon() + 2 * HOUR] {
            assert_eq!(answered(&clock, date, Unknown).clock_off, None);
            assert_eq!(next(&clock), noon());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_that_stands_still_agrees_with_nothing() {
    let clock = fixed();
    for _ in 0..10 {
        assert_eq!(answered(&clock, noon() - HOUR, Unknown).clock_off, None);
        tokio::time::advance(Duration::from_secs(30)).await;
    }
}

#[test]
fn a_refusal_whose_date_is_far_off_corrects_the_clock_at_once() {
    let clock = fixed();
    let date = noon() + 400 * 24 * HOUR;
    let refused = answered(&clock, date, Refused);
    assert!(refused.sign_again);
    assert_eq!(
        refused.clock_off.map(|off| off.off_by),
        Some(400 * 24 * HOUR)
    );
    assert_eq!(next(&clock), date);
    assert_eq!(answered(&clock, date, Accepted).clock_off, None);
    assert_eq!(next(&clock), date);
}

#[test]
fn a_refusal_whose_date_is_near_is_about_the_credential() {
    let clock = fixed();
    for date in [Some(noon() + Duration::from_secs(200)), Some(noon()), None] {
        let refused = answered(&clock, date, Refused);
        assert!(!refused.sign_again, "{date:?}");
        assert_eq!(next(&clock), noon());
    }
}

#[test]
fn agreement_beyond_a_day_takes_a_refusal() {
    let clock = fixed();
    for days in [2, 3000] {
        let date = noon() + days * 24 * HOUR;
        for _ in 0..3 {
            assert_eq!(answered(&clock, date, Accepted).clock_off, None);
            assert_eq!(next(&clock), noon());
        }
    }
}

#[test]
fn a_date_that_no_service_can_have_counts_for_nothing() {
    let clock = fixed();
    for secs in [0, 946_684_800, 4_102_444_800, 253_402_300_799] {
        let date = UNIX_EPOCH + Duration::from_secs(secs);
        for signature in [Accepted, Accepted, Refused, Refused] {
            let observed = answered(&clock, date, signature);
            assert_eq!((observed.clock_off, observed.sign_again), (None, false));
            assert_eq!(observed.at, noon());
            assert_eq!(next(&clock), noon());
        }
    }
}

#[test]
fn only_one_request_tries_what_answers_agree_on() {
    let clock = fixed();
    for _ in 0..2 {
        answered(&clock, noon() + HOUR, Accepted);
    }
    let trial = clock.signing_time();
    assert_eq!(trial.at(), noon() + HOUR);
    assert_eq!(next(&clock), noon());
    drop(trial);
    assert_eq!(
        next(&clock),
        noon() + HOUR,
        "no answer came, so it is tried again"
    );
}

#[test]
fn a_correction_that_is_refused_is_taken_back_and_never_agreed_on_again() {
    let clock = fixed();
    for _ in 0..2 {
        answered(&clock, noon() - 5 * HOUR, Accepted);
    }
    let refused = answered(&clock, noon() - 5 * HOUR, Refused);
    assert!(refused.sign_again);
    assert_eq!(refused.at, noon(), "and so is the time of answers");
    for _ in 0..5 {
        assert_eq!(next(&clock), noon());
        answered(&clock, noon() - 5 * HOUR, Accepted);
        answered(&clock, noon() + 3 * HOUR, Accepted);
        answered(&clock, noon() + 3 * HOUR, Accepted);
    }
    // The credential expires behind a proxy that writes its own dates.
    assert!(!answered(&clock, noon() - 5 * HOUR, Refused).sign_again);
    assert_eq!(next(&clock), noon());
}

#[test]
fn a_correction_by_a_refusal_that_is_refused_as_well_is_final() {
    let clock = fixed();
    assert!(answered(&clock, noon() + HOUR, Refused).sign_again);
    assert!(!answered(&clock, noon() + HOUR, Refused).sign_again);
    assert_eq!(next(&clock), noon(), "the machine's clock is what is left");
}

#[test]
fn a_correction_that_held_falls_back_to_the_machines_clock_once() {
    let clock = fixed();
    answered(&clock, noon() + HOUR, Refused);
    answered(&clock, noon() + HOUR, Accepted);
    let refused = answered(&clock, None, Refused);
    assert!(refused.sign_again);
    assert_eq!(next(&clock), noon());
    assert!(!answered(&clock, None, Refused).sign_again);
}

#[test]
fn a_request_from_before_a_correction_is_signed_again() {
    let clock = fixed();
    let early = [clock.signing_time(), clock.signing_time()];
    let evidence = Evidence {
        date: Some(noon() + HOUR),
        took: Duration::ZERO,
        signature: Refused,
    };
    for signed in early {
        assert!(clock.observe(Some(signed), &evidence).sign_again);
    }
    assert_eq!(next(&clock), noon() + HOUR);
}

#[test]
fn a_clock_that_is_set_right_meanwhile_is_no_longer_corrected() {
    let clock = fixed();
    answered(&clock, noon() + HOUR, Refused);
    answered(&clock, noon(), Accepted);
    answered(&clock, noon(), Accepted);
    answered(&clock, noon(), Accepted);
    assert_eq!(next(&clock), noon());
}

#[test]
fn a_minute_is_within_what_an_answer_can_show() {
    let clock = fixed();
    for _ in 0..3 {
        assert_eq!(
            answered(&clock, noon() + TOLERANCE, Accepted).clock_off,
            None
        );
    }
    assert_eq!(next(&clock), noon());
}

#[test]
fn where_nothing_is_signed_agreement_is_enough() {
    let clock = fixed();
    let evidence = Evidence {
        date: Some(noon() + HOUR),
        took: Duration::ZERO,
        signature: Unknown,
    };
    assert_eq!(clock.observe(None, &evidence).at, noon());
    let at = clock.observe(None, &evidence).at;
    assert!(
        distance(at, noon() + HOUR).0 <= Duration::from_secs(1),
        "{at:?}"
    );
}

/// A machine whose clock is ahead of the service's or behind it, and can be set.
struct Machine {
    clock: ServiceClock,
    time: Arc<Mutex<SystemTime>>,
    /// In milliseconds.
    ahead: i64,
}

struct SetClock(Arc<Mutex<SystemTime>>);

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

impl Machine {
    fn ahead_by(ahead: i64) -> Self {
        let time = Arc::new(Mutex::new(noon()));
        let clock = ServiceClock::new(Arc::new(SetClock(Arc::clone(&time))));
        Self { clock, time, ahead }
    }

    /// A machine whose clock is corrected already, as far as that is needed.
    fn corrected(ahead: i64) -> Self {
        let machine = Self::ahead_by(ahead);
        machine.set(noon());
        for _ in 0..2 {
            machine
                .clock
                .observe(None, &evidence(noon(), Duration::ZERO));
        }
        machine
    }

    /// Sets the machine's clock to what it shows when it is `at` at the service.
    fn set(&self, at: SystemTime) {
        *self.time.lock().unwrap() = moved(at, self.ahead);
    }

    /// How far off, in milliseconds, the time of an answer is that arrives when it is `at` at the
    /// service. It travels as long as its request before it.
    fn is_off_by(&self, at: SystemTime, travels: Duration) -> i64 {
        self.set(at);
        let made = (at - travels).duration_since(UNIX_EPOCH).unwrap();
        let date = UNIX_EPOCH + Duration::from_secs(made.as_secs());
        let observed = self.clock.observe(None, &evidence(date, 2 * travels));
        millis_between(observed.at, at)
    }
}

fn evidence(date: impl Into<Option<SystemTime>>, took: Duration) -> Evidence {
    Evidence {
        date: date.into(),
        took,
        signature: Unknown,
    }
}

#[test]
fn a_machine_in_step_with_the_service_is_right_at_any_fraction_of_a_second() {
    for travels in [0, 40, 3000] {
        let machine = Machine::ahead_by(0);
        for fraction in FRACTIONS {
            let at = noon() + millis(fraction);
            assert_eq!(machine.is_off_by(at, millis(travels)), 0, "{fraction}");
        }
    }
}

#[test]
fn a_machine_that_is_off_is_up_to_a_second_off_at_first_and_hardly_after_a_few_answers() {
    for ahead in [10_000, -10_000, 7_200_000] {
        for first in FRACTIONS {
            let machine = Machine::corrected(ahead);
            let off = machine.is_off_by(noon() + millis(first), Duration::ZERO);
            assert!(off.abs() <= SECOND, "{ahead}, {first}: {off}");
            for fraction in FRACTIONS {
                machine.is_off_by(noon() + millis(fraction), Duration::ZERO);
            }
            let off = machine.is_off_by(noon() + millis(first), Duration::ZERO);
            assert!(off.abs() <= 2, "{ahead}, {first}: {off}");
        }
    }
}

#[test]
fn a_clock_that_drifts_is_followed() {
    let mut machine = Machine::ahead_by(10_000);
    // A day with an answer a minute; the machine gains 50 ms every 1000 s.
    for minute in 0..1440 {
        machine.ahead = 10_000 + minute as i64 * 3;
        let at = noon() + Duration::from_secs(minute * 60) + millis(minute * 377 % 1000);
        let off = machine.is_off_by(at, millis(5));
        assert!(
            minute < 20 || off.abs() <= 250,
            "{off} after {minute} minutes"
        );
    }
}

#[test]
fn answers_that_take_longer_leave_more_room() {
    let off_after = |travels| {
        let machine = Machine::ahead_by(10_000);
        let offs = FRACTIONS.map(|fraction| {
            let at = noon() + millis(fraction + travels);
            machine.is_off_by(at, millis(travels))
        });
        offs[FRACTIONS.len() - 1].abs()
    };
    assert!(off_after(0) <= 1);
    assert!((99..=101).contains(&off_after(100)));
    assert!((1999..=2001).contains(&off_after(2000)));
}

#[test]
fn an_answer_that_took_long_does_not_undo_what_quick_ones_have_shown() {
    let machine = Machine::ahead_by(10_000);
    for fraction in FRACTIONS {
        machine.is_off_by(noon() + millis(fraction), Duration::ZERO);
    }
    assert!(machine.is_off_by(noon(), millis(4000)).abs() <= 2);
}

#[test]
fn an_answer_without_a_date_has_the_time_that_those_before_it_have_shown() {
    let machine = Machine::ahead_by(10_000);
    let undated = |machine: &Machine| machine.clock.observe(None, &evidence(None, millis(40))).at;
    assert_eq!(undated(&machine), noon(), "that of the machine");
    for fraction in FRACTIONS {
        machine.is_off_by(noon() + millis(fraction), Duration::ZERO);
    }
    *machine.time.lock().unwrap() = noon() + HOUR;
    let off = millis_between(undated(&machine), noon() + HOUR);
    assert!((off + 10_000).abs() <= 2, "{off}");
}

#[test]
fn a_clock_that_is_set_meanwhile_is_found_out_about_afresh() {
    let mut machine = Machine::ahead_by(10_000);
    for ahead in [10_000, -3_600_000, 0, 700_000] {
        machine.ahead = ahead;
        machine.is_off_by(noon(), Duration::ZERO);
        let off = machine.is_off_by(noon(), Duration::ZERO);
        assert!(off.abs() <= SECOND, "{ahead}: {off}");
        for fraction in FRACTIONS {
            machine.is_off_by(noon() + millis(fraction), Duration::ZERO);
        }
        let off = machine.is_off_by(noon(), Duration::ZERO);
        assert!(off.abs() <= 2, "{ahead}: {off}");
    }
}

#[test]
fn a_time_that_makes_no_sense_does_no_harm() {
    let ends = [0, i64::MAX as u64 / 1000, i64::MAX as u64]
        .map(|secs| UNIX_EPOCH + Duration::from_secs(secs));
    for machine in ends {
        let clock = ServiceClock::new(Arc::new(FixedClock(machine)));
        for date in ends.into_iter().chain([noon()]) {
            for took in [Duration::ZERO, HOUR, Duration::MAX] {
                for signature in [Accepted, Refused, Unknown] {
                    let evidence = Evidence {
                        date: Some(date),
                        took,
                        signature,
                    };
                    clock.observe(Some(clock.signing_time()), &evidence);
                    clock.observe(None, &evidence);
                }
            }
        }
    }
}

/// What is between a client and a service that checks signatures.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// The service's own, with this many seconds added to its `Date`.
    OfService(i64),
    /// The service's own, without a usable `Date`.
    Undated,
    /// The service's own words, but it never saw the request: this many seconds are added to `Date`.
    Unchecked(i64),
}

fn answers() -> impl Strategy<Value = Answer> {
    let wrong = prop_oneof![
        3 => Just(0_i64),
        2 => prop::sample::select(vec![-18_000_i64, 18_000, 36_000, 600, -600]),
        1 => -200_000..200_000_i64,
        1 => Just(251_700_000_000_i64),
    ];
    (0..8, wrong).prop_map(|(kind, off)| match kind {
        0 => Answer::Undated,
        1 | 2 => Answer::Unchecked(off),
        _ => Answer::OfService(off),
    })
}

proptest! {
    #[test]
    fn the_time_of_an_answer_is_never_off_by_more_than_a_second_and_its_way(
        ahead in -86_000_000..86_000_000i64,
        answers in prop::collection::vec((0..50_000u64, 0..5000u64), 1..20),
    ) {
        let machine = Machine::corrected(ahead);
        for (after, travels) in answers {
            let off = machine.is_off_by(noon() + millis(after), millis(travels));
            let room = SECOND + travels as i64;
            prop_assert!(off.abs() <= room, "{off} of {room}");
        }
    }

    #[test]
    fn no_sequence_of_answers_causes_more_than_two_refused_requests(
        ahead in prop_oneof![
            Just(0), -890_000..890_000_i64, -100_000_000..100_000_000_i64, Just(-50_000_000_000),
        ],
        answers in prop::collection::vec(answers(), 1..60),
    ) {
        let machine = Machine::ahead_by(ahead);
        machine.set(noon());
        let mut refused = 0;
        let mut is_second_chance = false;
        for answer in answers {
            let signed = machine.clock.signing_time();
            let off = distance(signed.at(), noon()).0;
            let (date, signature) = match answer {
                Answer::Unchecked(seconds) => (Some(moved(noon(), seconds * 1000)), Unknown),
                _ if off > SERVICE_TOLERANCE => (date_of(answer), Refused),
                _ => (date_of(answer), Accepted),
            };
            let evidence = Evidence { date, took: Duration::ZERO, signature };
            let observed = machine.clock.observe(Some(signed), &evidence);
            if signature == Refused {
                refused += 1;
                // As the poller does: the credential is the only one there is.
                if is_second_chance || !observed.sign_again {
                    break;
                }
            }
            is_second_chance = signature == Refused;
        }
        prop_assert!(refused <= 2, "{refused}");
    }

    #[test]
    fn a_service_that_dates_its_answers_right_is_reached_from_any_clock(
        ahead in -100_000_000..100_000_000_i64,
        count in 2..20_u32,
    ) {
        let machine = Machine::ahead_by(ahead);
        machine.set(noon());
        let mut refused = 0;
        for _ in 0..count {
            let signed = machine.clock.signing_time();
            let is_off = distance(signed.at(), noon()).0 > SERVICE_TOLERANCE;
            let signature = if is_off { Refused } else { Accepted };
            refused += u32::from(is_off);
            let evidence = Evidence { date: Some(noon()), took: Duration::ZERO, signature };
            machine.clock.observe(Some(signed), &evidence);
        }
        prop_assert!(refused <= 1, "{refused}");
    }
}

fn date_of(answer: Answer) -> Option<SystemTime> {
    match answer {
        Answer::OfService(seconds) | Answer::Unchecked(seconds) => {
            Some(moved(noon(), seconds * 1000))
        }
        Answer::Undated => None,
    }
}
