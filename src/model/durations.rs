//! How long jobs of one type took, and what that lets expect of the next.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Job, JobType};

/// How many durations of a type are kept: the last ones.
pub const KEPT_DURATIONS: usize = 64;

/// The longest duration that is learned from, about 2.3 days. Beyond it, one is more likely to be a
/// clock's mistake than a job's.
pub const LONGEST_LEARNED: Duration = Duration::from_secs(196_000);

/// An odd number without a pattern: 2^32 divided by the golden ratio.
const SCRAMBLE: u32 = 0x9E37_79B9;

/// The longest name of a type that is learned from, in bytes; the service's own have up to 22.
const LONGEST_TYPE: usize = 100;

/// How long a job ran that has ended, well or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// What kind of operation it was.
    pub job_type: JobType,
    /// When it began, by the service's clock.
    pub began: SystemTime,
    /// From then to its end, by the same clock.
    pub took: Duration,
}

/// How far the age of a job may differ from what its watch has seen, at least: where the type's
/// durations are known, and where they aren't.
const LEAST_TOLERANCE: Duration = Duration::from_secs(60);
const TOLERANCE_OF_UNKNOWN: Duration = Duration::from_secs(3600);

/// By how much a job may have begun before its watch to be believed: twice the longest known duration
/// of its type. Beyond it, `begin_time` is more likely to be local time or another mistake.
#[must_use]
pub fn begin_tolerance(longest: Option<Duration>) -> Duration {
    match longest {
        Some(longest) => longest.saturating_mul(2).max(LEAST_TOLERANCE),
        None => TOLERANCE_OF_UNKNOWN,
    }
}

impl Ran {
    /// What is to be learned from a job whose watch has seen its end just `now`, after it `waited`. A
    /// duration of which only one end is by a wrong clock is none: a job that is said to have begun
    /// long before its watch and ended during it, or to end long from now.
    #[must_use]
    pub fn seen(
        job: &Job,
        now: SystemTime,
        waited: Duration,
        longest: Option<Duration>,
    ) -> Option<Self> {
        let ran = Self::of(job)?;
        let (begin, end) = (job.begin_time?, job.end_time?);
        let tolerance = begin_tolerance(longest);
        let before = |time: SystemTime| now.duration_since(time).unwrap_or_default();
        let after = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let began_early = before(begin) > waited.saturating_add(tolerance);
        let ended_here = before(end) <= waited.saturating_add(LEAST_TOLERANCE);
        let only_begin_is_early = began_early && ended_here && after(end) <= LEAST_TOLERANCE;
        let only_end_is_late = after(end) > TOLERANCE_OF_UNKNOWN && after(begin).is_zero();
        (!only_begin_is_early && !only_end_is_late).then_some(ran)
    }

    /// What is to be learned from a job; `None` while it goes on, and where its times make no sense.
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        let has_ended = job.status.is_terminal();
        let ran = Self::new(job.job_type.clone()?, job.begin_time?, job.duration()?);
        ran.filter(|_| has_ended)
    }

    /// Likewise, as it was kept; `None` where it makes no sense.
    #[must_use]
    pub fn new(job_type: JobType, began: SystemTime, took: Duration) -> Option<Self> {
        let is_sound =
            took <= LONGEST_LEARNED && (1..=LONGEST_TYPE).contains(&job_type.raw().len());
        is_sound.then_some(Self {
            job_type,
            began,
            took,
        })
    }
}

/// How long the last [`KEPT_DURATIONS`] jobs of one type took, in the order in which they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(VecDeque<Kept>);

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    /// Since 1970.
    began: u64,
    took: u32,
}

impl Durations {
    /// Adds the newest; the oldest goes, where there are too many.
    pub fn add(&mut self, began: SystemTime, took: Duration) {
        let since_epoch = began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let kept = Kept {
            began: since_epoch.as_millis().try_into().unwrap_or(u64::MAX),
            took: took.as_millis().try_into().unwrap_or(u32::MAX),
        };
        if self.0.len() == KEPT_DURATIONS {
            self.0.pop_front();
        }
        self.0.push_back(kept);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, the newest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Duration> + ExactSizeIterator {
        self.0.iter().map(|one| of_millis(one.took))
    }

    /// All of them with when the jobs began, the newest last.
    pub fn with_begin(&self) -> impl Iterator<Item = (SystemTime, Duration)> {
        let began = |one: &Kept| {
            UNIX_EPOCH
                .checked_add(Duration::from_millis(one.began))
                .unwrap_or(UNIX_EPOCH)
        };
        self.0
            .iter()
            .map(move |one| (began(one), of_millis(one.took)))
    }

    /// All of them in the order in which the jobs began. Of jobs that began together, the short ones
    /// end first: in the order of their ends, it would look as if they took longer and longer.
    #[must_use]
    pub fn by_begin(&self) -> Vec<Duration> {
        let mut all: Vec<Kept> = self.0.iter().copied().collect();
        // Those of the same moment are put into an order that has nothing to do with their length.
        all.sort_by_key(|one| (one.began, one.took.wrapping_mul(SCRAMBLE).rotate_left(16)));
        all.into_iter().map(|one| of_millis(one.took)).collect()
    }

    /// The longest of them, where there are any.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.iter().max()
    }

    /// All of them by their length.
    #[must_use]
    pub fn ranked(&self) -> Ranked {
        let mut millis: Vec<u32> = self.0.iter().map(|one| one.took).collect();
        millis.sort_unstable();
        Ranked(millis.into())
    }
}

/// Those of jobs that began one after the other.
impl FromIterator<Duration> for Durations {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut all = Self::default();
        let mut began = UNIX_EPOCH;
        for took in durations {
            began = began.checked_add(Duration::from_millis(1)).unwrap_or(began);
            all.add(began, took);
        }
        all
    }
}

fn of_millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

/// Durations from the shortest to the longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked(Box<[u32]>);

impl Ranked {
    /// The shortest one that at least this share of all, from 0 to 1, doesn't exceed; `None` where
    /// there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        quantile(&self.0, share)
    }

    /// What they let expect of a job that has run for so long; `None` where there are none.
    #[must_use]
    pub fn estimate(&self, age: Duration) -> Option<Estimate> {
        let longer = self.0.partition_point(|&one| of_millis(one) <= age);
        let longer = self.0.get(longer..).unwrap_or_default();
        Some(Estimate {
            count: self.0.len(),
            median: self.quantile(0.5)?,
            p90: self.quantile(0.9)?,
            left: quantile(longer, 0.5).map(|one| one.saturating_sub(age)),
        })
    }
}

fn quantile(sorted: &[u32], share: f64) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    // Nearest rank: a share of 0 is the first one, of 1 the last.
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = rank.saturating_sub(1).min(last);
    sorted.get(at).map(|&one| of_millis(one))
}

/// What the jobs of a type before it let expect of a job that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// How many jobs that is known from; at least one.
    pub count: usize,
    /// What half of them didn't exceed.
    pub median: Duration,
    /// What nine of ten didn't exceed.
    pub p90: Duration,
    /// How much longer it goes on, where it does as half of those that took longer than it has
    /// already. `None` where none of them has.
    pub left: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::model::JobStatus;

    fn seconds(all: &[u64]) -> Durations {
        all.iter().copied().map(Duration::from_secs).collect()
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn job(status: JobStatus, took: Option<Duration>) -> Job {
        let begin = SystemTime::UNIX_EPOCH + secs(1_684_191_545);
        Job {
            status,
            job_type: Some("masterStandbySwapJob".into()),
            begin_time: Some(begin),
            end_time: took.map(|took| begin + took),
            fail_reason: None,
        }
    }

    #[test]
    fn the_oldest_durations_go() {
        let durations: Durations = (1..=100).map(secs).collect();
        assert_eq!(durations.len(), KEPT_DURATIONS);
        assert_eq!(durations.iter().next(), Some(secs(37)));
        assert_eq!(durations.iter().next_back(), Some(secs(100)));
    }

    #[test]
    fn jobs_that_began_together_are_in_no_order() {
        let mut durations = Durations::default();
        let began = SystemTime::UNIX_EPOCH + secs(1_684_191_545);
        for took in 1..=32 {
            durations.add(began, secs(took));
        }
        durations.add(began - secs(60), secs(100));
        let by_begin = durations.by_begin();
        assert_eq!(by_begin[0], secs(100));
        let rises = by_begin.windows(2).filter(|two| two[0] < two[1]).count();
        assert!((8..24).contains(&rises), "{by_begin:?}");
    }

    #[test]
    fn quantiles_are_durations_that_there_were() {
        let ranked = seconds(&[10, 1, 2, 9, 3, 8, 4, 7, 5, 6]).ranked();
        for (share, expected) in [(0.0, 1), (0.5, 5), (0.9, 9), (0.91, 10), (1.0, 10)] {
            assert_eq!(ranked.quantile(share), Some(secs(expected)), "{share}");
        }
        assert_eq!(Durations::default().ranked().quantile(0.5), None);
    }

    #[test]
    fn what_is_left_is_as_with_half_of_those_that_took_longer() {
        let ranked = seconds(&[20, 20, 20, 300, 310, 320]).ranked();
        let left = |age| ranked.estimate(secs(age)).and_then(|one| one.left);
        assert_eq!(left(0), Some(secs(20)));
        assert_eq!(left(15), Some(secs(5)));
        assert_eq!(left(20), Some(secs(290)));
        assert_eq!(left(305), Some(secs(5)));
        assert_eq!(left(320), None);
        assert_eq!(Durations::default().ranked().estimate(secs(1)), None);
    }

    #[test]
    fn jobs_are_learned_from_whether_they_succeed_or_fail() {
        for status in [JobStatus::Success, JobStatus::Fail] {
            let ran = Ran::of(&job(status, Some(secs(3)))).unwrap();
            assert_eq!(ran.job_type.raw(), "masterStandbySwapJob");
            assert_eq!(ran.took, secs(3));
        }
    }

    #[test]
    fn a_duration_with_one_end_by_a_wrong_clock_is_not_learned() {
        let now = SystemTime::UNIX_EPOCH + secs(1_684_191_545);
        let hours = secs(8 * 3600);
        let seen = |begin: SystemTime, end: SystemTime, waited| {
            let job = Job {
                begin_time: Some(begin),
                end_time: Some(end),
                ..job(JobStatus::Success, None)
            };
            Ran::seen(&job, now, waited, Some(secs(30))).map(|ran| ran.took)
        };
        let (begin, end) = (now - secs(20), now - secs(1));
        for (begin, end, waited, expected) in [
            (begin, end, secs(20), Some(secs(19))),
            (begin, end, secs(0), Some(secs(19))),
            // Both by the same wrong clock.
            (begin - hours, end - hours, secs(20), Some(secs(19))),
            (begin + hours, end + hours, secs(20), Some(secs(19))),
            // It had ended before it was watched.
            (
                begin - 2 * hours,
                end - hours,
                secs(1),
                Some(hours + secs(19)),
            ),
            (begin - hours, end, secs(20), None),
            (begin, end + hours, secs(20), None),
            (begin + hours, end, secs(20), None),
            (begin, end - hours, secs(20), None),
        ] {
            assert_eq!(seen(begin, end, waited), expected, "{begin:?} {end:?}");
        }
    }

    #[test]
    fn nothing_is_learned_from_a_job_that_goes_on_or_whose_times_make_no_sense() {
        let ended = |took| job(JobStatus::Success, Some(took));
        let backwards = Job {
            begin_time: ended(secs(3)).end_time,
            end_time: ended(secs(3)).begin_time,
            ..ended(secs(3))
        };
        let long_name = Job {
            job_type: Some("x".repeat(LONGEST_TYPE + 1).as_str().into()),
            ..ended(secs(3))
        };
        for job in [
            job(JobStatus::Running, Some(secs(3))),
            job(JobStatus::Success, None),
            ended(LONGEST_LEARNED + secs(1)),
            backwards,
            long_name,
            Job {
                job_type: None,
                ..ended(secs(3))
            },
        ] {
            assert_eq!(Ran::of(&job), None, "{job:?}");
        }
    }
}
