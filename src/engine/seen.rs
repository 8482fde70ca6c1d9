//! What a watch that goes on keeps of its job's description.

use std::sync::Arc;

use super::history::{since_epoch, time};
use crate::model::{Job, JobStatus, JobType, Progress};

/// The last description of a job, where there was one. Nearly all that go on are of few words, which
/// take a third of the room.
#[derive(Debug, Default)]
pub(super) enum Seen {
    #[default]
    Nothing,
    Plain {
        /// `RUNNING`, or else `INIT`.
        is_running: bool,
        job_type: Option<JobType>,
        /// Milliseconds since 1970; [`NEVER`] where there is none.
        begin: u64,
    },
    Whole(Box<Job>),
}

const NEVER: u64 = u64::MAX;

impl Seen {
    pub(super) fn is_something(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Takes a description in. One that is like the last costs next to nothing.
    pub(super) fn see(&mut self, job: &Job) {
        if self.job().as_ref() != Some(job) {
            *self = Self::from(job);
        }
    }

    pub(super) fn job(&self) -> Option<Job> {
        match self {
            Self::Nothing => None,
            Self::Plain {
                is_running,
                job_type,
                begin,
            } => Some(Job {
                status: match is_running {
                    true => JobStatus::Running,
                    false => JobStatus::Init,
                },
                job_type: job_type.clone(),
                begin_time: (*begin != NEVER).then(|| time(*begin)),
                end_time: None,
                fail_reason: None,
            }),
            Self::Whole(job) => Some((**job).clone()),
        }
    }

    /// How far a watch has come that has sent so many requests.
    pub(super) fn progress(&self, polls: u32) -> Progress {
        Progress {
            polls,
            job: self.job().map(Arc::new),
        }
    }
}

impl From<&Job> for Seen {
    fn from(job: &Job) -> Self {
        let begin = job.begin_time.map_or(NEVER, since_epoch);
        let is_running = job.status == JobStatus::Running;
        let plain = Self::Plain {
            is_running,
            job_type: job.job_type.clone(),
            begin,
        };
        // What isn't the same again is kept whole.
        match plain.job() {
            Some(again) if again == *job => plain,
            _ => Self::Whole(Box::new(job.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn every_description_is_kept_as_it_was() {
        let begin = UNIX_EPOCH + Duration::from_millis(1_684_191_545_379);
        let plain = Job {
            status: JobStatus::Running,
            job_type: Some("masterStandbySwapJob".into()),
            begin_time: Some(begin),
            end_time: None,
            fail_reason: None,
        };
        let with = |status: &str| Job {
            status: status.into(),
            ..plain.clone()
        };
        let jobs = [
            with("INIT"),
            with("SUCCESS"),
            with("FAIL"),
            with("PAUSED"),
            Job {
                job_type: None,
                begin_time: None,
                ..plain.clone()
            },
            Job {
                begin_time: Some(begin + Duration::from_nanos(1)),
                ..plain.clone()
            },
            Job {
                begin_time: Some(UNIX_EPOCH - Duration::from_secs(1)),
                ..plain.clone()
            },
            Job {
                end_time: Some(begin),
                fail_reason: Some("no room".into()),
                ..plain.clone()
            },
            plain,
        ];
        for job in jobs {
            assert_eq!(Seen::from(&job).job(), Some(job));
        }
        assert_eq!(Seen::default().job(), None);
    }
}
