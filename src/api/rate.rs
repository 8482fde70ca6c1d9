//! A limit that the service names when it throttles.

use std::time::Duration;

/// The longest period of a limit, and so the longest time between two requests: a service that names a
/// longer one is asked once in this time all the same, as it may have meant something else.
const MAX_PERIOD: Duration = Duration::from_secs(3600);

/// A number of requests and the time that they are counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At least 1.
    pub requests: u32,
    /// More than zero, and an hour at most.
    pub per: Duration,
}

impl RateLimit {
    /// The time between two requests that are spaced evenly, an hour at most.
    pub(super) fn spacing(self) -> Duration {
        let spacing = self.per.checked_div(self.requests).unwrap_or(self.per);
        spacing.min(MAX_PERIOD)
    }

    /// Reads what a throttled answer says, such as
    /// `... policy user over ratelimit,limit:200,time:5 minute`. A limit over more than an hour becomes
    /// what it allows in an hour, one request at least. One that allows nothing, or whose numbers or
    /// unit can't be read, names no limit.
    pub(super) fn of_message(message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("limit:")?;
        let (requests, rest) = leading_number(rest)?;
        let (_, rest) = rest.split_once("time:")?;
        let (count, unit) = leading_number(rest)?;
        let second = match unit.trim_start().get(..3)?.to_ascii_lowercase().as_str() {
            "sec" => 1,
            "min" => 60,
            "hou" => 3600,
            "day" => 86_400,
            _ => return None,
        };
        let seconds = count.saturating_mul(second);
        if requests == 0 || seconds == 0 {
            return None;
        }
        Some(match requests.checked_mul(MAX_PERIOD.as_secs()) {
            Some(in_all) if seconds > MAX_PERIOD.as_secs() => Self {
                requests: u32::try_from(in_all / seconds).unwrap_or(u32::MAX).max(1),
                per: MAX_PERIOD,
            },
            _ => Self {
                requests: u32::try_from(requests).unwrap_or(u32::MAX),
                per: Duration::from_secs(seconds).min(MAX_PERIOD),
            },
        })
    }
}

/// A number at the start of a text, and what follows it. One that is too large is the largest there is.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    if number.is_empty() {
        return None;
    }
    Some((number.parse().unwrap_or(u64::MAX), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limit_is_read_out_of_the_services_message() {
        let cases = [
            (
                "Throttled. policy user over ratelimit,limit:200,time:5 minute",
                Some((200, 300)),
            ),
            ("limit:1,time:1 second", Some((1, 1))),
            ("limit: 3000 , time: 1 hour", Some((3000, 3600))),
            // Over more than an hour: as much of it as an hour has.
            ("limit:200,time:1 day", Some((8, 3600))),
            ("limit:10,time:2 days", Some((1, 3600))),
            ("limit:1,time:4294967295 day", Some((1, 3600))),
            (
                "limit:1,time:99999999999999999999999 second",
                Some((1, 3600)),
            ),
            (
                "limit:99999999999999999999999,time:1 minute",
                Some((u32::MAX, 60)),
            ),
            (
                "limit:99999999999999999999999,time:99999999999999999999999 day",
                Some((u32::MAX, 3600)),
            ),
            ("limit:99999999999,time:1 minute", Some((u32::MAX, 60))),
            ("limit:-1,time:1 minute", None),
            ("limit:1,time:-1 minute", None),
            ("limit:1,time:1.5 minute", None),
            ("limit:1,time:5", None),
            ("limit:1,time:5 \u{1f550}", None),
            ("limit:,time:1 minute", None),
            ("limit:0,time:1 minute", None),
            ("limit:5,time:0 minute", None),
            ("limit:5,time:1 fortnight", None),
            ("The throttling threshold has been reached.", None),
            ("", None),
        ];
        for (message, expected) in cases {
            let limit = RateLimit::of_message(message);
            let expected = expected.map(|(requests, seconds)| RateLimit {
                requests,
                per: Duration::from_secs(seconds),
            });
            assert_eq!(limit, expected, "{message}");
        }
    }

    proptest! {
        #[test]
        fn whatever_limit_is_named_a_request_is_sent_within_an_hour(
            requests in "[-+]?[0-9]{0,30}", count in "[-+]?[0-9]{0,30}",
            unit in "(second|minute|hour|day|week| |\\PC{0,5})"
        ) {
            let message = format!("over ratelimit,limit:{requests},time:{count} {unit}");
            if let Some(limit) = RateLimit::of_message(&message) {
                prop_assert!(limit.requests > 0 && !limit.per.is_zero());
                prop_assert!(limit.per <= MAX_PERIOD && limit.spacing() <= MAX_PERIOD);
            }
        }
    }
}
