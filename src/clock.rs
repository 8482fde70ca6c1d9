//! The one place that reads the wall clock, and the additions to times that can't panic.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How far ahead a time is at most that can't be shown otherwise: further than any wait lasts, and near
/// enough to be added to.
const FAR_FUTURE: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Addition to a time that never panics. `+` does where the sum is beyond what a clock can show, and
/// durations come from configurations and from services.
pub trait SaturatingAdd: Sized + Copy {
    /// The time that is later by this much; 30 years later, where no clock could show that.
    #[must_use]
    fn saturating_add(self, duration: Duration) -> Self;
}

impl SaturatingAdd for Instant {
    fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration)
            .or_else(|| self.checked_add(FAR_FUTURE))
            .unwrap_or(self)
    }
}

impl SaturatingAdd for SystemTime {
    fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration)
            .or_else(|| self.checked_add(FAR_FUTURE))
            .unwrap_or(self)
    }
}

/// Wall time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that follows another one, such as a database's: the machine's, and how far that is off.
#[derive(Debug, Default)]
pub struct FollowingClock {
    /// In milliseconds; more where the machine's is behind.
    offset: AtomicI64,
}

impl FollowingClock {
    /// Goes by what the other clock showed at the time that this machine's showed `here`.
    pub fn follow(&self, there: SystemTime, here: SystemTime) {
        let offset = match there.duration_since(here) {
            Ok(behind) => i64::try_from(behind.as_millis()).unwrap_or_default(),
            Err(ahead) => i64::try_from(ahead.duration().as_millis()).map_or(0, |ahead| -ahead),
        };
        self.offset.store(offset, Ordering::Relaxed);
    }
}

impl Clock for FollowingClock {
    fn now(&self) -> SystemTime {
        let now = SystemClock.now();
        let offset = self.offset.load(Ordering::Relaxed);
        let by = Duration::from_millis(offset.unsigned_abs());
        let then = if offset < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        then.unwrap_or(now)
    }
}

/// A clock that stands still, for tests.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedClock(pub(crate) SystemTime);

#[cfg(test)]
impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn adding_to_a_time_never_panics_and_never_goes_back(
            durations in prop::collection::vec((any::<u64>(), 0..1_000_000_000_u32), 1..20)
        ) {
            let (mut instant, mut time) = (Instant::now(), SystemTime::UNIX_EPOCH);
            for (secs, nanos) in durations {
                let duration = Duration::new(secs, nanos);
                let (later, later_time) = (instant.saturating_add(duration), time.saturating_add(duration));
                prop_assert!(later >= instant && later_time >= time);
                (instant, time) = (later, later_time);
            }
        }
    }

    #[test]
    fn what_no_clock_can_show_is_thirty_years_away() {
        let now = Instant::now();
        let far = now.saturating_add(Duration::MAX);
        assert_eq!(far.duration_since(now), FAR_FUTURE);
        let second = Duration::from_secs(1);
        assert_eq!(now.saturating_add(second), now + second);
    }
}
