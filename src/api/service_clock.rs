//! The service's clock, as far as its answers show it. A signature is refused when its time is
//! more than 15 minutes off, so requests are signed with this clock and not the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// Differences below this are left alone: `Date` counts in seconds, and answers travel.
const TOLERANCE: Duration = Duration::from_secs(60);

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
}

impl ServiceClock {
    /// A clock that trusts the machine's until an answer tells otherwise.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            correction: AtomicI64::new(0),
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
