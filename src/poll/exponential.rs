//! Exponential backoff with jitter: the only file that knows the `backoff` crate.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

use super::Schedule;

/// The shortest interval between requests for one job.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The longest interval: a day.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// What was asked of the backoff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackoffSpec {
    /// The first interval, 10 ms to a day.
    pub initial_interval: Duration,
    /// The longest interval, up to a day; jitter doesn't lengthen it.
    pub max_interval: Duration,
    /// What an interval is multiplied with to get the next one, 1 to 100.
    pub multiplier: f64,
    /// The share of an interval that it may be shorter or longer by chance, 0 to 1.
    pub jitter: f64,
}

impl Default for BackoffSpec {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(30),
            multiplier: 1.5,
            jitter: 0.2,
        }
    }
}

/// Why a backoff can't be as it was asked for: a fragment to follow the name of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBackoff {
    /// The first interval is out of range.
    #[error("must be from 10ms to 24h")]
    InitialInterval,
    /// The longest interval is out of range.
    #[error("must be from the initial interval to 24h; raise it, or lower the other")]
    MaxInterval,
    /// The multiplier is out of range.
    #[error("must be from 1 to 100")]
    Multiplier,
    /// The jitter is out of range.
    #[error("must be from 0 to 1")]
    Jitter,
}

impl InvalidBackoff {
    /// The name of the value, with `_` between its words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InitialInterval => "initial_interval",
            Self::MaxInterval => "max_interval",
            Self::Multiplier => "multiplier",
            Self::Jitter => "jitter",
        }
    }
}

/// A backoff whose values are in their ranges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff(BackoffSpec);

impl BackoffSpec {
    /// All that is out of range.
    #[must_use]
    pub fn mistakes(&self) -> Vec<InvalidBackoff> {
        let initial = self.initial_interval;
        [
            (
                (MIN_INTERVAL..=MAX_INTERVAL).contains(&initial),
                InvalidBackoff::InitialInterval,
            ),
            (
                (initial..=MAX_INTERVAL).contains(&self.max_interval),
                InvalidBackoff::MaxInterval,
            ),
            (
                (1.0..=100.0).contains(&self.multiplier),
                InvalidBackoff::Multiplier,
            ),
            ((0.0..=1.0).contains(&self.jitter), InvalidBackoff::Jitter),
        ]
        .into_iter()
        .filter_map(|(good, mistake)| (!good).then_some(mistake))
        .collect()
    }
}

impl TryFrom<BackoffSpec> for Backoff {
    type Error = InvalidBackoff;

    fn try_from(spec: BackoffSpec) -> Result<Self, InvalidBackoff> {
        match spec.mistakes().first() {
            Some(&mistake) => Err(mistake),
            None => Ok(Self(spec)),
        }
    }
}

/// Where in a backoff a watch is: the interval that comes next, but for jitter, in nanoseconds. The
/// longest has 47 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(u64);

impl From<Duration> for Interval {
    fn from(interval: Duration) -> Self {
        Self(interval.as_nanos().try_into().unwrap_or(u64::MAX))
    }
}

impl Schedule for Backoff {
    type Place = Interval;

    fn first(&self) -> Interval {
        self.0.initial_interval.into()
    }

    fn next(&self, place: &mut Interval, random: &mut fastrand::Rng) -> Duration {
        let Self(spec) = self;
        let mut intervals = ExponentialBackoff {
            current_interval: Duration::from_nanos(place.0),
            initial_interval: spec.initial_interval,
            max_interval: spec.max_interval,
            multiplier: spec.multiplier,
            // Its jitter comes from a generator that can't be seeded: it is added below instead.
            randomization_factor: 0.0,
            // Deadlines are the poller's.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        let interval = intervals.next_backoff().unwrap_or(spec.max_interval);
        *place = intervals.current_interval.into();
        let shortest = interval.mul_f64(1.0 - spec.jitter).max(MIN_INTERVAL);
        let longest = interval.mul_f64(1.0 + spec.jitter).min(spec.max_interval);
        shortest.saturating_add(longest.saturating_sub(shortest).mul_f64(random.f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intervals(spec: BackoffSpec, count: usize) -> Vec<u128> {
        let backoff = Backoff::try_from(spec).unwrap();
        let mut place = backoff.first();
        let mut random = fastrand::Rng::with_seed(7);
        (0..count)
            .map(|_| backoff.next(&mut place, &mut random).as_millis())
            .collect()
    }

    const STEADY: BackoffSpec = BackoffSpec {
        initial_interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(5),
        multiplier: 2.0,
        jitter: 0.0,
    };

    #[test]
    fn intervals_grow_by_the_multiplier_up_to_the_maximum() {
        assert_eq!(intervals(STEADY, 5), [1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn a_watch_that_goes_on_is_about_where_it_was() {
        let backoff = Backoff::try_from(STEADY).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        for (requests, expected) in [(0, 1), (1, 2), (2, 4), (3, 5), (u32::MAX, 5)] {
            let mut place = backoff.after(requests, &mut random);
            let next = backoff.next(&mut place, &mut random);
            assert_eq!(next, Duration::from_secs(expected), "after {requests}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_jitter() {
        let spec = BackoffSpec::default();
        assert_eq!(intervals(spec, 20), intervals(spec, 20));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        use InvalidBackoff::{InitialInterval, Jitter, MaxInterval, Multiplier};
        let day = Duration::from_secs(24 * 3600);
        let second = Duration::from_secs(1);
        let cases = [
            (
                BackoffSpec {
                    initial_interval: Duration::ZERO,
                    ..STEADY
                },
                InitialInterval,
            ),
            (
                BackoffSpec {
                    initial_interval: day + second,
                    ..STEADY
                },
                InitialInterval,
            ),
            (
                BackoffSpec {
                    max_interval: Duration::from_millis(500),
                    ..STEADY
                },
                MaxInterval,
            ),
            (
                BackoffSpec {
                    max_interval: day + second,
                    ..STEADY
                },
                MaxInterval,
            ),
            (
                BackoffSpec {
                    multiplier: 0.9,
                    ..STEADY
                },
                Multiplier,
            ),
            (
                BackoffSpec {
                    multiplier: f64::NAN,
                    ..STEADY
                },
                Multiplier,
            ),
            (
                BackoffSpec {
                    multiplier: f64::INFINITY,
                    ..STEADY
                },
                Multiplier,
            ),
            (
                BackoffSpec {
                    jitter: -0.1,
                    ..STEADY
                },
                Jitter,
            ),
            (
                BackoffSpec {
                    jitter: 1.1,
                    ..STEADY
                },
                Jitter,
            ),
        ];
        for (spec, why) in cases {
            assert_eq!(Backoff::try_from(spec), Err(why), "{spec:?}");
        }
    }

    proptest! {
        #[test]
        fn an_interval_never_leaves_the_bounds_of_its_jitter(
            seed: u64, jitter in 0.0..=1.0f64, multiplier in 1.0..=100.0f64, initial in 10u64..5000
        ) {
            let initial_interval = Duration::from_millis(initial);
            let max_interval = Duration::from_secs(60);
            let spec = BackoffSpec { initial_interval, max_interval, multiplier, jitter };
            let backoff = Backoff::try_from(spec).unwrap();
            let mut place = backoff.first();
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..30 {
                let interval = backoff.next(&mut place, &mut random);
                prop_assert!(interval >= MIN_INTERVAL);
                prop_assert!(interval <= max_interval);
                prop_assert!(interval >= initial_interval.mul_f64((1.0 - jitter) * 0.999).min(MIN_INTERVAL));
            }
        }
    }
}
