//! Medians and the like.

use std::fmt;
use std::time::Duration;

/// Durations in order.
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    pub(crate) fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort();
        Self(durations)
    }

    /// One of those that were given: that percentage of them is no longer.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "median {:.2?}, p90 {:.2?}, p99 {:.2?}, longest {:.2?}",
            self.percentile(50),
            self.percentile(90),
            self.percentile(99),
            self.percentile(100)
        )
    }
}
