//! The one place that reads the wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

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
