//! How often the service is asked, by all watches under one credential together.
//!
//! Requests are spaced evenly and get their turns in the order in which they ask for them, each in
//! constant time. A burst is never allowed: whatever the window that the service counts over, the
//! limit holds in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A number of requests and the time that they are counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At least 1.
    pub requests: u32,
    /// More than zero.
    pub per: Duration,
}

impl RateLimit {
    fn spacing(self) -> Duration {
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

/// Gives out the turns.
#[derive(Debug)]
pub struct Limiter {
    /// The spacing that the user allows.
    spacing: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The spacing in force: the user's, or the wider one that the service named.
    spacing: Duration,
    next: Option<Instant>,
    held_until: Option<Instant>,
}

impl Limiter {
    /// A limiter that allows `requests_per_second`, which is more than zero.
    #[must_use]
    pub fn new(requests_per_second: f64) -> Self {
        let spacing = Duration::try_from_secs_f64(1.0 / requests_per_second).unwrap_or_default();
        Self {
            spacing,
            state: Mutex::new(State {
                spacing,
                next: None,
                held_until: None,
            }),
        }
    }

    /// Takes the next turn, and says when it comes. Whoever has slept until then asks
    /// [`Limiter::is_held`], as the service may have asked for a pause meanwhile.
    pub fn reserve(&self, now: Instant) -> Instant {
        let mut state = self.state();
        let turn = [Some(now), state.next, state.held_until]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(now);
        state.next = Some(turn + state.spacing);
        turn
    }

    /// Whether nothing may be sent now.
    pub fn is_held(&self, now: Instant) -> bool {
        self.state().held_until.is_some_and(|until| now < until)
    }

    /// Sends nothing until then. Turns that were given out before that are void; those who hold
    /// them take new ones.
    pub fn hold(&self, until: Instant) {
        let mut state = self.state();
        if state.held_until.is_none_or(|held| held < until) {
            state.held_until = Some(until);
            state.next = Some(until);
        }
    }

    /// Keeps to the limit that the service named from now on, where that is stricter than the
    /// user's. The latest one named counts.
    pub fn slow_to(&self, limit: RateLimit) {
        self.state().spacing = limit.spacing().max(self.spacing);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two writes, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_spaced_evenly_in_the_order_of_asking() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        for n in 0..5 {
            assert_eq!(limiter.reserve(start), start + millis(100 * n));
        }
        assert_eq!(limiter.reserve(start + millis(900)), start + millis(900));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_the_service_names_slows_everybody_down() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let per = Duration::from_secs(300);
        limiter.slow_to(RateLimit { requests: 200, per });
        assert_eq!(limiter.reserve(start), start);
        assert_eq!(limiter.reserve(start), start + millis(1500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_wider_than_the_users_changes_nothing() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let per = Duration::from_secs(1);
        limiter.slow_to(RateLimit {
            requests: 1000,
            per,
        });
        limiter.reserve(start);
        assert_eq!(limiter.reserve(start), start + millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_during_a_pause_and_turns_go_on_spaced_after_it() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        limiter.reserve(start);
        limiter.hold(start + millis(5000));
        assert!(limiter.is_held(start + millis(4999)));
        assert!(!limiter.is_held(start + millis(5000)));
        assert_eq!(limiter.reserve(start), start + millis(5000));
        assert_eq!(limiter.reserve(start), start + millis(5100));
        limiter.hold(start + millis(1000));
        assert!(
            limiter.is_held(start + millis(4999)),
            "the longer one counts"
        );
    }

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
