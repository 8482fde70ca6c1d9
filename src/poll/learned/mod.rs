//! The learned schedule: asks for a job when jobs of its type usually end.
//!
//! A wait costs `κ · requests + delay`, where κ is how much delay one request is worth. Where the
//! chance that a running job ends is h(t) a second, the best interval is √(2κ / h(t)) (Barlow, Hunter
//! and Proschan 1963; Keller 1974): without history it grows like √t. With history, [`survival`] says
//! how likely a job is to run longer than any time, and [`plan`] when it is best asked for then.

mod grid;
mod plan;
mod survival;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::plan::Plan;
use self::survival::{PRIOR_MEDIAN, Survival};
use super::Schedule;
use crate::model::{Durations, Estimate, Ranked};

/// An interval is shorter or longer by up to this share, and one that was planned longer: it may
/// well be meant for the moment after which a job has nearly always ended.
const JITTER: f64 = 0.1;

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
    /// Made when it is first asked for: not every schedule does.
    plan: OnceLock<(DelayPerRequest, Plan)>,
}

impl Experience {
    /// What these durations tell.
    #[must_use]
    pub fn of(durations: &Durations) -> Self {
        Self {
            ranked: durations.ranked(),
            durations: durations.clone(),
            plan: OnceLock::new(),
        }
    }

    /// What they let expect of a job that has run for so long; `None` where there are none.
    #[must_use]
    pub fn estimate(&self, age: Duration) -> Option<Estimate> {
        self.ranked.estimate(age)
    }

    /// The plan where a request is worth that much; one that was made for another worth is none.
    fn plan(&self, worth: DelayPerRequest) -> Option<&Plan> {
        let make = || {
            let survival = Survival::of(&self.durations);
            (worth, Plan::of(&survival, worth.0.as_secs_f64()))
        };
        let (made_for, plan) = self.plan.get_or_init(make);
        (*made_for == worth && !self.durations.is_empty()).then_some(plan)
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
            Some(planned) => planned.interval + JITTER * planned.leeway * random.f64(),
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
