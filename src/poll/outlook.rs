//! How long a job that goes on has run, what is to be expected of it, and when to ask for it next.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Backoff, DelayPerRequest, Experience, Interval, Learned, Schedule as _};
use crate::model::{Estimate, Job, LONGEST_LEARNED, begin_tolerance};

/// How requests follow each other while a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleSpec {
    /// As jobs of its type usually end.
    Learned(DelayPerRequest),
    /// As after failures.
    Exponential,
}

/// What an answer about a job that goes on lets expect.
pub(super) struct Outlook {
    age: Duration,
    experience: Option<Arc<Experience>>,
}

impl Outlook {
    pub(super) fn new(age: Duration, experience: Option<Arc<Experience>>) -> Self {
        Self { age, experience }
    }

    pub(super) fn estimate(&self) -> Option<Estimate> {
        self.experience.as_ref()?.estimate(self.age)
    }

    /// The time until the next request; moves `place`, which is where in the backoff a watch is.
    pub(super) fn next(
        &self,
        spec: ScheduleSpec,
        backoff: &Backoff,
        place: &mut Interval,
        random: &mut fastrand::Rng,
    ) -> Duration {
        match spec {
            ScheduleSpec::Exponential => backoff.next(place, random),
            ScheduleSpec::Learned(delay_per_request) => {
                let learned = Learned {
                    delay_per_request,
                    experience: self.experience.clone(),
                };
                let mut age = self.age;
                learned.next(&mut age, random)
            }
        }
    }
}

/// How long a job has run, by the service's clock. It is as old as its watch where its beginning or
/// the time isn't known, or the two make no sense together, or it is said to have begun longer before
/// its watch than twice as long as jobs of its type take: `begin_time` may be local time.
#[must_use]
pub fn age_of(
    job: &Job,
    at: Option<SystemTime>,
    waited: Duration,
    longest: Option<Duration>,
) -> Duration {
    let oldest = waited.saturating_add(begin_tolerance(longest));
    let age = || at?.duration_since(job.begin_time?).ok();
    let age = age().filter(|age| *age <= oldest.min(LONGEST_LEARNED));
    age.unwrap_or(waited)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::model::JobStatus;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_job_is_as_old_as_the_service_says_or_as_its_watch() {
        let now = UNIX_EPOCH + secs(1_684_191_545);
        let waited = secs(7);
        for (begin, at, expected) in [
            (Some(now - secs(60)), Some(now), secs(60)),
            (Some(now), Some(now), secs(0)),
            (None, Some(now), waited),
            (Some(now - secs(60)), None, waited),
            // Clocks that disagree.
            (Some(now + secs(60)), Some(now), waited),
            (Some(UNIX_EPOCH), Some(now), waited),
            (Some(now - LONGEST_LEARNED - secs(1)), Some(now), waited),
        ] {
            let job = Job {
                status: JobStatus::Running,
                job_type: None,
                begin_time: begin,
                end_time: None,
                fail_reason: None,
            };
            assert_eq!(
                age_of(&job, at, waited, None),
                expected,
                "{begin:?}, {at:?}"
            );
        }
    }

    #[test]
    fn a_job_that_began_long_before_its_watch_is_as_old_as_the_watch() {
        let now = UNIX_EPOCH + secs(1_684_191_545);
        let minutes = |n: u64| secs(60 * n);
        for (age, waited, longest, expected) in [
            (minutes(8 * 60), secs(7), None, secs(7)),
            (minutes(61), secs(7), None, secs(7)),
            (minutes(60), secs(7), None, minutes(60)),
            (minutes(8 * 60), secs(7), Some(minutes(2)), secs(7)),
            (minutes(5), secs(7), Some(minutes(2)), secs(7)),
            (minutes(4), secs(7), Some(minutes(2)), minutes(4)),
            (minutes(30), minutes(28), Some(minutes(2)), minutes(30)),
            (
                minutes(9 * 60),
                secs(7),
                Some(minutes(5 * 60)),
                minutes(9 * 60),
            ),
            // One that waited for its turn first began after its watch.
            (secs(5), minutes(60), Some(minutes(2)), secs(5)),
            (secs(50), secs(0), Some(secs(1)), secs(50)),
        ] {
            let job = Job {
                status: JobStatus::Running,
                job_type: None,
                begin_time: Some(now - age),
                end_time: None,
                fail_reason: None,
            };
            let found = age_of(&job, Some(now), waited, longest);
            assert_eq!(found, expected, "{age:?} {waited:?} {longest:?}");
        }
    }
}
