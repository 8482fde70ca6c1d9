//! How times, durations and what is made of them are written in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Estimate;

/// The first second that RFC 3339 has no year for.
const YEAR_10000: u64 = 253_402_300_800;

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// UTC with milliseconds. A service may name any time; those outside the years 1970 to 9999 can't
/// be written, and are left out.
pub(crate) fn rfc3339(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    (since_epoch.as_secs() < YEAR_10000).then(|| humantime::format_rfc3339_millis(time).to_string())
}

/// What the jobs of a type before it let expect of a job that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EstimateShape {
    /// How many jobs that is known from, at least one.
    pub count: u32,
    /// What half of them didn't exceed.
    pub median_ms: u64,
    /// What nine of ten didn't exceed.
    pub p90_ms: u64,
    /// How much longer it goes on, where it does as half of those that took longer than it has
    /// already; `null` where none of them has.
    pub left_ms: Option<u64>,
}

impl From<Estimate> for EstimateShape {
    fn from(estimate: Estimate) -> Self {
        Self {
            count: estimate.count.try_into().unwrap_or(u32::MAX),
            median_ms: millis(estimate.median),
            p90_ms: millis(estimate.p90),
            left_ms: estimate.left.map(millis),
        }
    }
}

impl From<EstimateShape> for Estimate {
    fn from(shape: EstimateShape) -> Self {
        Self {
            count: shape.count.try_into().unwrap_or(usize::MAX),
            median: Duration::from_millis(shape.median_ms),
            p90: Duration::from_millis(shape.p90_ms),
            left: shape.left_ms.map(Duration::from_millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_rfc_3339_has_no_year_for_is_left_out() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(rfc3339(UNIX_EPOCH).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            rfc3339(at(YEAR_10000 - 1)).unwrap(),
            "9999-12-31T23:59:59.000Z"
        );
        assert_eq!(rfc3339(at(YEAR_10000)), None);
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_millis(1)), None);
    }
}
