//! The service's clock, as far as its answers show it. A signature is refused when its time is
//! more than 15 minutes off, so requests are signed with this clock and not the machine's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// Differences below this are left alone: `Date` counts in seconds, and answers travel.
const TOLERANCE: Duration = Duration::from_secs(60);

/// In milliseconds.
const SECOND: i64 = 1000;

/// In how long two clocks drift apart by as much as one unit of it: 100 ppm is more than most do.
const DRIFT: i64 = 10_000;

/// How far the machine's clock is from the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// The distance.
    pub off_by: Duration,
    /// Whether the machine's clock is ahead.
    pub ahead: bool,
}

/// The machine's clock, corrected by what the service's answers say.
pub struct ServiceClock {
    machine: Arc<dyn Clock>,
    /// Milliseconds to add to the machine's time.
    correction: AtomicI64,
    /// How far the service's clock can be ahead of the machine's, as its answers so far have it.
    bounds: Mutex<Option<Bounds>>,
}

/// How far a clock can be ahead of the machine's, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    least: i64,
    most: i64,
    /// Up to when, by the machine's clock, they allow for drift.
    until: SystemTime,
}

impl Bounds {
    /// What they have become since: clocks drift.
    fn at(self, now: SystemTime) -> Self {
        let passed = now.duration_since(self.until).unwrap_or_default();
        let drift = passed.as_millis() as i64 / DRIFT;
        let allowed = Duration::from_millis((drift * DRIFT).unsigned_abs());
        Self {
            least: self.least.saturating_sub(drift),
            most: self.most.saturating_add(drift),
            until: self.until.checked_add(allowed).unwrap_or(now),
        }
    }

    /// What both leave, where they agree.
    fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            least: self.least.max(other.least),
            most: self.most.min(other.most),
            ..self
        };
        (both.least <= both.most).then_some(both)
    }
}

impl ServiceClock {
    /// A clock that trusts the machine's until an answer tells otherwise.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            correction: AtomicI64::new(0),
            bounds: Mutex::new(None),
        }
    }

    /// The service's time now.
    pub fn now(&self) -> SystemTime {
        moved(self.machine.now(), self.correction.load(Ordering::Relaxed))
    }

    /// The service's time now, to a fraction of a second: that of an answer that has just arrived and
    /// took so long, with its `Date` where it has one.
    ///
    /// `Date` counts in whole seconds. But each answer says between which two times the service's
    /// clock was when it was made, and few answers leave little room between all of them. Where the
    /// machine's clock fits in, it is right.
    pub fn time_of_answer(&self, date: Option<SystemTime>, took: Duration) -> SystemTime {
        let arrived = self.machine.now();
        let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(date) = date {
            let sent = arrived.checked_sub(took).unwrap_or(arrived);
            let by_this = Bounds {
                least: millis_between(date, arrived),
                most: millis_between(date, sent).saturating_add(SECOND),
                until: arrived,
            };
            let before = bounds.map(|before| before.at(arrived));
            // Where they contradict each other, one of the clocks was set meanwhile.
            let both = before.and_then(|before| before.and(by_this));
            *bounds = both.or(Some(by_this));
        }
        let ahead = bounds.map_or(0, |bounds| 0.clamp(bounds.least, bounds.most));
        moved(arrived, ahead)
    }

    /// Takes in the time of an answer that has just arrived. When it shows that this clock is more
    /// than a minute off, corrects it and tells how far the machine's is off.
    pub fn observe(&self, date: SystemTime) -> Option<ClockOffset> {
        if distance(self.now(), date).0 <= TOLERANCE {
            return None;
        }
        let (off_by, ahead) = distance(self.machine.now(), date);
        let millis = i64::try_from(off_by.as_millis()).ok()?;
        self.correction
            .store(if ahead { -millis } else { millis }, Ordering::Relaxed);
        Some(ClockOffset { off_by, ahead })
    }
}

/// So many milliseconds later, or earlier; the same, where no time can be shown that is.
fn moved(time: SystemTime, millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let moved = if millis < 0 {
        time.checked_sub(distance)
    } else {
        time.checked_add(distance)
    };
    moved.unwrap_or(time)
}

/// Milliseconds from `b` to `a`.
fn millis_between(a: SystemTime, b: SystemTime) -> i64 {
    let (distance, ahead) = distance(a, b);
    let millis = i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    if ahead { millis } else { -millis }
}

/// How far `a` is from `b`, and whether it is ahead of it.
fn distance(a: SystemTime, b: SystemTime) -> (Duration, bool) {
    match a.duration_since(b) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::FixedClock;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The fractions of a second, in milliseconds, that answers are made at.
    const FRACTIONS: [u64; 6] = [0, 1, 250, 500, 900, 999];

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_684_238_400)
    }

    const fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
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

        /// How far off, in milliseconds, the time of an answer is that arrives when it is `at` at the
        /// service. It travels so long, as its request has before it.
        fn is_off_by(&self, at: SystemTime, travels: Duration) -> i64 {
            let off = millis(self.ahead.unsigned_abs());
            *self.time.lock().unwrap() = if self.ahead < 0 { at - off } else { at + off };
            let made = (at - travels).duration_since(UNIX_EPOCH).unwrap();
            let date = UNIX_EPOCH + Duration::from_secs(made.as_secs());
            let time = self.clock.time_of_answer(Some(date), 2 * travels);
            millis_between(time, at)
        }
    }

    #[test]
    fn a_clock_that_is_off_is_corrected_and_told_once() {
        for (date, ahead) in [(noon() - HOUR, true), (noon() + HOUR, false)] {
            let clock = ServiceClock::new(Arc::new(FixedClock(noon())));
            let off_by = HOUR;
            assert_eq!(clock.observe(date), Some(ClockOffset { off_by, ahead }));
            assert_eq!(clock.now(), date);
            assert_eq!(clock.observe(date), None);
        }
    }

    #[test]
    fn a_clock_that_is_set_right_meanwhile_is_no_longer_corrected() {
        let clock = ServiceClock::new(Arc::new(FixedClock(noon())));
        clock.observe(noon() + HOUR);
        clock.observe(noon());
        assert_eq!(clock.now(), noon());
    }

    #[test]
    fn a_minute_is_within_what_an_answer_can_tell() {
        let clock = ServiceClock::new(Arc::new(FixedClock(noon())));
        assert_eq!(clock.observe(noon() + TOLERANCE), None);
        assert_eq!(clock.now(), noon());
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
        for ahead in [10_000, -10_000] {
            for first in FRACTIONS {
                let machine = Machine::ahead_by(ahead);
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
        let undated = |machine: &Machine| machine.clock.time_of_answer(None, millis(40));
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
    fn a_time_that_makes_no_sense_is_as_good_as_any() {
        let ends = [0, i64::MAX as u64 / 1000, i64::MAX as u64]
            .map(|secs| UNIX_EPOCH + Duration::from_secs(secs));
        for machine in ends {
            let clock = ServiceClock::new(Arc::new(FixedClock(machine)));
            for date in ends {
                for took in [Duration::ZERO, HOUR, Duration::MAX] {
                    clock.time_of_answer(Some(date), took);
                    clock.time_of_answer(None, took);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_time_of_an_answer_is_never_off_by_more_than_a_second_and_its_way(
            ahead in -100_000_000..100_000_000i64,
            answers in prop::collection::vec((0..100_000u64, 0..5000u64), 1..20),
        ) {
            let machine = Machine::ahead_by(ahead);
            for (after, travels) in answers {
                let off = machine.is_off_by(noon() + millis(after), millis(travels));
                let room = SECOND + travels as i64;
                prop_assert!(off.abs() <= room, "{off} of {room}");
            }
        }
    }
}
