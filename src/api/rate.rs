//! A limit that the service names when it throttles.

use std::time::Duration;

/// A number of requests and the time that they are counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At least 1.
    pub requests: u32,
    /// More than zero.
    pub per: Duration,
}

impl RateLimit {
    /// The time between two requests that are spaced evenly.
    pub(super) fn spacing(self) -> Duration {
        self.per / self.requests.max(1)
    }

    /// Reads what a throttled answer says, such as
    /// `... policy user over ratelimit,limit:200,time:5 minute`.
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
        let per = Duration::from_secs(u64::from(count) * second);
        (requests > 0 && !per.is_zero()).then_some(Self { requests, per })
    }
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_out_of_the_services_message() {
        let cases = [
            (
                "Throttled. policy user over ratelimit,limit:200,time:5 minute",
                Some((200, 300)),
            ),
            ("limit:1,time:1 second", Some((1, 1))),
            ("limit: 3000 , time: 1 hour", Some((3000, 3600))),
            ("limit:10,time:2 days", Some((10, 172_800))),
            ("limit:0,time:1 minute", None),
            ("limit:5,time:0 minute", None),
            ("limit:5,time:1 fortnight", None),
            ("limit:99999999999,time:1 minute", None),
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
}
