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
    /// The least and the most milliseconds that the service's clock can be ahead of the machine's,
    /// as its answers so far have it.
    bounds: Mutex<Option<(i64, i64)>>,
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
        let correction = self.correction.load(Ordering::Relaxed);
        let distance = Duration::from_millis(correction.unsigned_abs());
        let machine = self.machine.now();
        if correction < 0 {
            machine.checked_sub(distance).unwrap_or(machine)
        } else {
            machine.checked_add(distance).unwrap_or(machine)
        }
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
            let least = millis_between(date, arrived);
            let most = millis_between(date, sent).saturating_add(SECOND);
            *bounds = match *bounds {
                Some((low, high)) if low.max(least) <= high.min(most) => {
                    Some((low.max(least), high.min(most)))
                }
                // One of the clocks was set meanwhile, or runs faster than the other.
                _ => Some((least, most)),
            };
        }
        let ahead = bounds.map_or(0, |(low, high)| 0.clamp(low, high));
        let distance = Duration::from_millis(ahead.unsigned_abs());
        let time = if ahead < 0 {
            arrived.checked_sub(distance)
        } else {
            arrived.checked_add(distance)
        };
        time.unwrap_or(arrived)
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
    use super::*;
    use crate::clock::FixedClock;

    const HOUR: Duration = Duration::from_secs(3600);

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_684_238_400)
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
}
