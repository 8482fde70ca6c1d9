//! Durations as people read them.

use std::time::Duration;

/// The duration in at most two units, rounded to the finer: `850ms`, `2.9s`, `1m30s`, `2h05m`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    let minutes = (seconds + 30) / 60;
    if millis == 0 {
        "0s".to_owned()
    } else if millis < 1000 {
        format!("{millis}ms")
    } else if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{}s", tenths / 10, tenths % 10)
    } else if seconds < 60 {
        format!("{seconds}s")
    } else if seconds < 3600 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h{:02}m", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_takes_the_units_that_suit_it() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (850, "850ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (2_869, "2.9s"),
            (2_999, "3s"),
            (9_949, "9.9s"),
            (9_999, "10s"),
            (10_000, "10s"),
            (59_499, "59s"),
            (59_500, "1m00s"),
            (60_000, "1m00s"),
            (90_000, "1m30s"),
            (3_599_499, "59m59s"),
            (3_599_999, "1h00m"),
            (7_500_000, "2h05m"),
            (360_000_000, "100h00m"),
        ];
        for (millis, expected) in cases {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }
}
