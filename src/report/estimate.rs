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
        Some(left) => match roughly(left) {
            Duration::ZERO => "any moment now".to_owned(),
            left => format!("about {} left", duration(left)),
        },
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

/// As finely as an expectation deserves: in seconds, and in tens of them from a minute on. To the
/// nearest, as the median is: at the begin of a job, both are to be one number.
fn roughly(left: Duration) -> Duration {
    let seconds = left.saturating_add(Duration::from_millis(500)).as_secs();
    let step = if seconds < 60 { 1 } else { 10 };
    Duration::from_secs((seconds + step / 2) / step * step)
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
            (499, "any moment now"),
            (500, "about 1s left"),
            (1_499, "about 1s left"),
            (3_011, "about 3s left"),
            (59_499, "about 59s left"),
            (59_500, "about 1m00s left"),
            (64_499, "about 1m00s left"),
            (64_500, "about 1m10s left"),
            (130_312, "about 2m10s left"),
            (3_595_000, "about 1h00m left"),
        ] {
            let left = Some(Duration::from_millis(millis));
            assert_eq!(in_short(&estimate(31, left)), expected);
        }
    }
}
