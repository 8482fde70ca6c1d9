//! How times and durations are written in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
