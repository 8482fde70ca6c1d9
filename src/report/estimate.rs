//! What people are told of how long a job may take.

use std::time::Duration;

use super::duration::duration;
use crate::model::Estimate;

/// From how many durations on nine of ten are not all of them.
const MANY: usize = 10;

/// How long jobs like this one take, and how much of that is left.
pub(super) fn in_full(estimate: &Estimate) -> String {
    format!("{}, {}", usually(estimate), in_short(estimate))
}

/// How much is left.
pub(super) fn in_short(estimate: &Estimate) -> String {
    match estimate.left {
        None if estimate.count == 1 => "longer this time".to_owned(),
        None => "longer than ever".to_owned(),
        Some(Duration::ZERO) => "any moment now".to_owned(),
        Some(left) => format!("about {} left", roughly(left)),
    }
}

/// How long jobs like this one take, mostly and nearly always, and how much of that is left.
#[must_use]
pub fn estimate_line(estimate: &Estimate) -> String {
    let p90 = duration(estimate.p90);
    let within = match estimate.count {
        1 => String::new(),
        count if count < MANY => format!(", at most {p90}"),
        _ => format!(", nine of ten within {p90}"),
    };
    format!("{}{within}; {}", usually(estimate), in_short(estimate))
}

fn usually(estimate: &Estimate) -> String {
    let median = duration(estimate.median);
    match estimate.count {
        1 => format!("last time {median}"),
        _ => format!("usually {median}"),
    }
}

/// As finely as an expectation deserves: in seconds, and in tens of them from a minute on.
fn roughly(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let step = if seconds < 60 { 1 } else { 10 };
    duration(Duration::from_secs(seconds.next_multiple_of(step)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::seconds;
    use super::*;

    fn estimate(count: usize, left: Option<Duration>) -> Estimate {
        Estimate {
            count,
            median: Duration::from_millis(130_312),
            p90: seconds(180),
            left,
        }
    }

    #[test]
    fn an_estimate_says_what_is_usual_and_what_is_left() {
        for (count, left, expected) in [
            (31, Some(40), "usually 2m10s, about 40s left"),
            (31, Some(0), "usually 2m10s, any moment now"),
            (31, None, "usually 2m10s, longer than ever"),
            (1, Some(40), "last time 2m10s, about 40s left"),
            (1, None, "last time 2m10s, longer this time"),
        ] {
            assert_eq!(in_full(&estimate(count, left.map(seconds))), expected);
        }
    }

    #[test]
    fn a_line_of_its_own_has_room_for_what_nine_of_ten_take() {
        for (count, expected) in [
            (
                31,
                "usually 2m10s, nine of ten within 3m00s; about 40s left",
            ),
            (9, "usually 2m10s, at most 3m00s; about 40s left"),
            (1, "last time 2m10s; about 40s left"),
        ] {
            assert_eq!(estimate_line(&estimate(count, Some(seconds(40)))), expected);
        }
    }

    #[test]
    fn what_is_left_is_counted_down_in_steps_that_grow_with_it() {
        for (millis, expected) in [
            (1, "1s"),
            (1_200, "2s"),
            (59_000, "59s"),
            (59_001, "1m00s"),
            (60_001, "1m10s"),
            (129_000, "2m10s"),
            (3_595_000, "1h00m"),
        ] {
            assert_eq!(roughly(Duration::from_millis(millis)), expected);
        }
    }
}
