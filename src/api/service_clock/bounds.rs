//! How far the service's clock can be ahead of the machine's.

use std::time::{Duration, SystemTime};

use super::evidence::millis_between;

/// In milliseconds.
const SECOND: i64 = 1000;

/// In how long two clocks drift apart by as much as one unit of it: 100 ppm is more than most do.
const DRIFT: i64 = 10_000;

/// How far a clock can be ahead of the machine's, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: i64,
    pub(super) most: i64,
    /// Up to when, by the machine's clock, they allow for drift.
    until: SystemTime,
}

impl Bounds {
    /// What an answer with this `Date` shows that has just arrived.
    pub(super) fn of(date: SystemTime, took: Duration, arrived: SystemTime) -> Self {
        let sent = arrived.checked_sub(took).unwrap_or(arrived);
        Self {
            least: millis_between(date, arrived),
            most: millis_between(date, sent).saturating_add(SECOND),
            until: arrived,
        }
    }

    /// What they have become since: clocks drift.
    pub(super) fn at(self, now: SystemTime) -> Self {
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
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            least: self.least.max(other.least),
            most: self.most.min(other.most),
            ..self
        };
        (both.least <= both.most).then_some(both)
    }
}
