//! How a watch ended.

use std::time::Duration;

use super::{Fault, Job, JobId, ProjectId};

/// How a watch ended. Decided once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The job ended in `SUCCESS`.
    Succeeded,
    /// The job ended in `FAIL`.
    Failed,
    /// The service knows no such job.
    NotFound,
    /// The service refuses the credential, or the credential lacks the permission.
    Denied,
    /// The deadline passed first.
    TimedOut,
    /// The wait was called off, or could not go on; the job itself goes on.
    Cancelled,
}

impl Outcome {
    /// The word in results and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Everything that is known about a watch once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchReport {
    /// The job that was waited for.
    pub job_id: JobId,
    /// The project it was looked for in, where that was known.
    pub project_id: Option<ProjectId>,
    /// How the watch ended.
    pub outcome: Outcome,
    /// The last description of the job, where there was one.
    pub job: Option<Job>,
    /// How many requests were sent.
    pub polls: u32,
    /// How long the watch lasted.
    pub waited: Duration,
    /// The fault that ended the watch or, for one that timed out, the last one seen since the
    /// last good answer. A cancelled watch has one where it could not go on.
    pub fault: Option<Fault>,
}

impl WatchReport {
    /// Whether the watch was cancelled from outside, be it by a signal or as others had ended.
    #[must_use]
    pub fn was_called_off(&self) -> bool {
        self.outcome == Outcome::Cancelled && self.fault.is_none()
    }

    /// Whether the watch was cancelled because the service rejects what is asked.
    #[must_use]
    pub fn could_not_go_on(&self) -> bool {
        self.outcome == Outcome::Cancelled && self.fault.is_some()
    }
}
