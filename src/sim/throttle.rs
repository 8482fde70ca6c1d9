//! The limit that the gateway sets.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// So many requests in so long a time. The service counts in whole seconds: a fraction of one is
/// rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests are admitted.
    pub requests: u32,
    /// The time that they are counted over.
    pub per: Duration,
}

impl RateLimit {
    fn seconds(self) -> u64 {
        let fraction = u64::from(self.per.subsec_nanos() > 0);
        self.per.as_secs().saturating_add(fraction).max(1)
    }
}

/// The words of the gateway's message: `limit:200,time:5 minute`.
impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (unit, name) = [(86_400, "day"), (3_600, "hour"), (60, "minute")]
            .into_iter()
            .find(|(unit, _)| seconds.is_multiple_of(*unit))
            .unwrap_or((1, "second"));
        write!(f, "limit:{},time:{} {name}", self.requests, seconds / unit)
    }
}

/// Why a text is no rate limit.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no rate limit; write requests and the time they are counted over, such as 200/5m"
)]
pub struct InvalidRateLimit(String);

/// Reads `200/5m`.
impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        let parse = || {
            let (requests, per) = text.split_once('/')?;
            let per = humantime::parse_duration(per.trim()).ok()?;
            let requests = requests.trim().parse().ok()?;
            (requests > 0 && !per.is_zero()).then_some(Self { requests, per })
        };
        parse().ok_or_else(|| InvalidRateLimit(text.to_owned()))
    }
}

/// Counts requests in windows, each of which begins with the first request after the one before.
pub(super) struct Throttle {
    limit: RateLimit,
    window: Mutex<Option<Window>>,
}

struct Window {
    began: Instant,
    admitted: u32,
}

impl Throttle {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            window: Mutex::new(None),
        }
    }

    /// Counts a request in, or says which limit it exceeds.
    pub(super) fn admit(&self, now: Instant) -> Result<(), RateLimit> {
        let length = Duration::from_secs(self.limit.seconds());
        let mut window = lock(&self.window);
        let current = window
            .take()
            .filter(|current| now.duration_since(current.began) < length)
            .unwrap_or(Window {
                began: now,
                admitted: 0,
            });
        let room = current.admitted < self.limit.requests;
        *window = Some(Window {
            admitted: current.admitted + u32::from(room),
            ..current
        });
        if room { Ok(()) } else { Err(self.limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: u32, seconds: u64) -> RateLimit {
        RateLimit {
            requests,
            per: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_message_names_the_limit_in_the_largest_unit_that_fits() {
        for (limit, words) in [
            (limit(200, 300), "limit:200,time:5 minute"),
            (limit(10, 1), "limit:10,time:1 second"),
            (limit(10, 90), "limit:10,time:90 second"),
            (limit(1, 7_200), "limit:1,time:2 hour"),
            (limit(1, 86_400), "limit:1,time:1 day"),
        ] {
            assert_eq!(limit.to_string(), words);
        }
        let short = RateLimit {
            requests: 3,
            per: Duration::from_millis(1_500),
        };
        assert_eq!(short.to_string(), "limit:3,time:2 second");
    }

    #[test]
    fn a_limit_is_read_as_people_write_it() {
        assert_eq!("200/5m".parse::<RateLimit>().unwrap(), limit(200, 300));
        for text in ["", "200", "/5m", "200/", "-1/5m", "0/5m", "200/0s"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_exceeds_the_limit_is_refused_until_the_window_has_passed() {
        let throttle = Throttle::new(limit(2, 10));
        let start = Instant::now();
        let admitted = |after| {
            let now = start + Duration::from_secs(after);
            throttle.admit(now).is_ok()
        };
        assert_eq!(
            [0, 1, 2, 9, 10, 11, 12].map(admitted),
            [true, true, false, false, true, true, false]
        );
    }
}
