//! The learned schedule: asks for a job when jobs of its type usually end.
//!
//! A wait costs `κ · requests + delay`, where κ is how much delay one request is worth. Where the
//! chance that a running job ends is h(t) a second, the best interval is √(2κ / h(t)) (Barlow, Hunter
//! and Proschan 1963; Keller 1974): without history it grows like √t. With history, [`survival`] says
//! how likely a job is to run longer than any time, and [`plan`] when it is best asked for then.

mod grid;
mod plan;
mod survival;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::plan::Plan;
use self::survival::{PRIOR_MEDIAN, Survival};
use super::Schedule;
use crate::model::{Durations, Estimate, Ranked};

/// An interval is shorter or longer by up to this share, and one that was planned longer: it may
/// well be meant for the moment after which a job has nearly always ended.
const JITTER: f64 = 0.1;

/// Whatever is planned, a job is asked for by the time that it is twice as old, or at first within so
/// many times the delay that a request is worth: even one that nearly always takes a day may fail early.
const LONGEST_IN_WORTHS: f64 = 600.0;

/// From how many durations on they say enough.
const ENOUGH: usize = 16;

/// How much delay one request is worth, 10 ms to an hour: κ. No interval is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayPerRequest(Duration);

impl DelayPerRequest {
    /// The least.
    pub const MIN: Duration = Duration::from_millis(10);
    /// The most.
    pub const MAX: Duration = Duration::from_secs(3600);
}

impl Default for DelayPerRequest {
    fn default() -> Self {
        Self(Duration::from_millis(500))
    }
}

/// Why a delay can't be what a request is worth: a fragment to follow its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 10ms to 1h")]
pub struct InvalidDelayPerRequest;

impl TryFrom<Duration> for DelayPerRequest {
    type Error = InvalidDelayPerRequest;

    fn try_from(delay: Duration) -> Result<Self, InvalidDelayPerRequest> {
        if (Self::MIN..=Self::MAX).contains(&delay) {
            Ok(Self(delay))
        } else {
            Err(InvalidDelayPerRequest)
        }
    }
}

/// What the jobs of one type that have ended tell about the next.
#[derive(Debug)]
pub struct Experience {
    durations: Durations,
    ranked: Ranked,
    /// Made when it is first asked for, as not every schedule does; and once more, where the worth of a
    /// request has changed.
    plan: Mutex<Option<(DelayPerRequest, Arc<Plan>)>>,
}

impl Experience {
    /// What these durations tell.
    #[must_use]
    pub fn of(durations: &Durations) -> Self {
        Self {
            ranked: durations.ranked(),
            durations: durations.clone(),
            plan: Mutex::default(),
        }
    }

    /// Whether a job that goes on has no use for more. Of jobs that begin together the short ones end
    /// first, and what they tell would mislead about the rest; where little is known, it is better
    /// than nothing.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.durations.len() >= ENOUGH
    }

    /// The longest duration, where any is known.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.ranked.quantile(1.0)
    }

    /// What they let expect of a job that has run for so long; `None` where there are none.
    #[must_use]
    pub fn estimate(&self, age: Duration) -> Option<Estimate> {
        self.ranked.estimate(age)
    }

    /// The plan where a request is worth that much; `None` where nothing is known.
    fn plan(&self, worth: DelayPerRequest) -> Option<Arc<Plan>> {
        if self.durations.is_empty() {
            return None;
        }
        let mut made = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, plan)) = &*made
            && *made_for == worth
        {
            return Some(Arc::clone(plan));
        }
        let survival = Survival::of(&self.durations);
        let plan = Arc::new(Plan::of(&survival, worth.0.as_secs_f64()));
        *made = Some((worth, Arc::clone(&plan)));
        Some(plan)
    }
}

/// The schedule of jobs of one type.
#[derive(Debug, Clone)]
pub struct Learned {
    /// How much delay one request is worth.
    pub delay_per_request: DelayPerRequest,
    /// What is known of the type, where anything is.
    pub experience: Option<Arc<Experience>>,
}

impl Schedule for Learned {
    /// How long the job has run.
    type Place = Duration;

    fn first(&self) -> Duration {
        Duration::ZERO
    }

    fn next(&self, age: &mut Duration, random: &mut fastrand::Rng) -> Duration {
        let DelayPerRequest(worth) = self.delay_per_request;
        let secs = age.as_secs_f64();
        let experience = self.experience.as_ref();
        let planned = experience
            .and_then(|experience| experience.plan(self.delay_per_request))
            .and_then(|plan| plan.next(secs));
        let interval = match planned {
            Some(planned) => {
                let most = secs.max(LONGEST_IN_WORTHS * worth.as_secs_f64());
                let interval = planned.interval.min(most);
                interval + JITTER * planned.leeway.min(interval) * random.f64()
            }
            None => {
                let interval = (2.0 * worth.as_secs_f64() * (secs + PRIOR_MEDIAN)).sqrt();
                interval * (1.0 + JITTER * (2.0 * random.f64() - 1.0))
            }
        };
        let interval = Duration::try_from_secs_f64(interval).unwrap_or(worth);
        let interval = interval.max(worth);
        *age = age.saturating_add(interval);
        interval
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn learned(secs: &[u64]) -> Learned {
        let durations: Durations = secs.iter().copied().map(Duration::from_secs).collect();
        Learned {
            delay_per_request: DelayPerRequest::default(),
            experience: Some(Arc::new(Experience::of(&durations))),
        }
    }

    fn random() -> fastrand::Rng {
        fastrand::Rng::with_seed(7)
    }

    /// When a job is asked for from its start on, up to this age.
    fn times(schedule: &Learned, up_to: u64) -> Vec<f64> {
        let mut random = random();
        let mut age = schedule.first();
        let mut times = Vec::new();
        while age < Duration::from_secs(up_to) {
            schedule.next(&mut age, &mut random);
            times.push(age.as_secs_f64());
        }
        times
    }

    #[test]
    fn without_history_intervals_grow_like_the_root_of_the_age() {
        let schedule = learned(&[]);
        let mut random = random();
        for secs in [0, 1, 100, 10_000, 1_000_000] {
            let right = (2.0 * 0.5 * (secs as f64 + 10.0)).sqrt();
            let interval = schedule.next(&mut Duration::from_secs(secs), &mut random);
            let share = interval.as_secs_f64() / right;
            assert!((0.9..=1.1).contains(&share), "{share} at {secs}");
        }
    }

    #[test]
    fn with_history_a_job_is_asked_for_around_when_those_before_it_ended() {
        let minutes: Vec<u64> = (0..30).map(|n| 50 + n * 7 % 20).collect();
        let before = |times: &[f64]| times.iter().filter(|time| **time < 45.0).count();
        let known = times(&learned(&minutes), 70);
        assert!(before(&known) <= 2, "{known:?}");
        assert!(known.len() >= 5, "{known:?}");
        assert!(before(&times(&learned(&[]), 70)) >= 8);
    }

    #[test]
    fn even_a_job_of_a_type_that_takes_a_day_is_asked_for_before_it_is_twice_as_old() {
        let day = 24 * 3600;
        let times = times(&learned(&[day; 64]), day / 2);
        let mut before = 0.0;
        for time in &times {
            assert!(time - before <= 1.1 * before.max(300.0), "{times:?}");
            before = *time;
        }
        assert!(times.len() < 12, "{times:?}");
    }

    #[test]
    fn no_interval_is_shorter_than_the_delay_that_a_request_is_worth() {
        for schedule in [learned(&[0; 64]), learned(&[1; 64]), learned(&[])] {
            let mut random = random();
            let mut age = Duration::ZERO;
            for _ in 0..50 {
                let interval = schedule.next(&mut age, &mut random);
                assert!(interval >= Duration::from_millis(500));
            }
        }
    }

    #[test]
    fn the_same_seed_asks_at_the_same_times() {
        let schedule = learned(&[20, 60, 21, 59]);
        assert_eq!(times(&schedule, 300), times(&schedule, 300));
    }

    #[test]
    fn a_plan_is_made_anew_for_another_worth() {
        let worth = |schedule: Learned, secs| Learned {
            delay_per_request: Duration::from_secs(secs).try_into().unwrap(),
            ..schedule
        };
        let history: Vec<u64> = (0..30).map(|n| 50 + n * 7 % 20).collect();
        let schedule = learned(&history);
        for secs in [1, 20, 1] {
            let expected = times(&worth(learned(&history), secs), 100);
            let known = worth(schedule.clone(), secs);
            assert_eq!(times(&known, 100), expected, "{secs}");
        }
    }

    #[test]
    fn what_a_request_is_worth_has_bounds() {
        let hour = Duration::from_secs(3600);
        for good in [DelayPerRequest::MIN, hour] {
            assert!(DelayPerRequest::try_from(good).is_ok());
        }
        for bad in [Duration::from_millis(9), hour + Duration::from_millis(1)] {
            assert_eq!(DelayPerRequest::try_from(bad), Err(InvalidDelayPerRequest));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_age_and_any_history_have_an_interval_in_bounds(
            millis in prop::collection::vec(0..200_000_000_u64, 0..64),
            age in prop_oneof![Just(u64::MAX), 0..1_000_000_000_u64, 0..100_000_u64],
            worth in 10..3_600_000_u64,
        ) {
            let durations = millis.into_iter().map(Duration::from_millis).collect();
            let worth = Duration::from_millis(worth);
            let schedule = Learned {
                delay_per_request: worth.try_into().unwrap(),
                experience: Some(Arc::new(Experience::of(&durations))),
            };
            let age = Duration::from_millis(age);
            let mut after = age;
            let interval = schedule.next(&mut after, &mut random());
            prop_assert!(interval >= worth);
            prop_assert_eq!(after, age + interval);
            // What is planned is within the grid, and all else grows like the root.
            let root = (2.0 * worth.as_secs_f64() * (age.as_secs_f64() + 10.0)).sqrt();
            let reach = 200_000.0_f64.max(1.1 * root);
            prop_assert!(interval.as_secs_f64() <= reach);
        }
    }
}
