//! Comparing the `Date`s of answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How much two `Date`s may differ from each other beyond what their answers took: each counts in
/// whole seconds.
const RESOLUTION: Duration = Duration::from_secs(2);

/// No service answers before 2023 or from 2100 on, in seconds since 1970.
const EARLIEST: Duration = Duration::from_secs(1_672_531_200);
const LATEST: Duration = Duration::from_secs(4_102_444_800);

/// Whether a `Date` can be the time of a service at all.
pub(super) fn plausible(date: SystemTime) -> bool {
    date.duration_since(UNIX_EPOCH)
        .is_ok_and(|since| (EARLIEST..LATEST).contains(&since))
}

/// A dated answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dated {
    pub(super) date: SystemTime,
    arrived: Instant,
    pub(super) took: Duration,
}

impl Dated {
    pub(super) fn new(date: SystemTime, arrived: Instant, took: Duration) -> Self {
        Self {
            date,
            arrived,
            took,
        }
    }

    /// Whether a later answer's `Date` has advanced by as much as the time between the two.
    pub(super) fn agrees_with(self, later: Self) -> bool {
        let passed = later.arrived.saturating_duration_since(self.arrived);
        let expected = self.date.checked_add(passed).unwrap_or(self.date);
        let room = RESOLUTION.saturating_add(self.took.max(later.took));
        distance(later.date, expected).0 <= room
    }
}

/// A time this many milliseconds later, or earlier; the same, where there is no such time.
pub(super) fn moved(time: SystemTime, millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let moved = if millis < 0 {
        time.checked_sub(distance)
    } else {
        time.checked_add(distance)
    };
    moved.unwrap_or(time)
}

/// Milliseconds from `b` to `a`.
pub(super) fn millis_between(a: SystemTime, b: SystemTime) -> i64 {
    let (distance, ahead) = distance(a, b);
    let millis = i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    if ahead { millis } else { -millis }
}

/// How far `a` is from `b`, and whether it is ahead of it.
pub(super) fn distance(a: SystemTime, b: SystemTime) -> (Duration, bool) {
    match a.duration_since(b) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    }
}
