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
    /// The service rejects what is asked, or where it is asked is wrong: another request would do
    /// no better. The fault has the service's words.
    Rejected,
    /// The wait was called off; the job itself goes on.
    Cancelled,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Failed,
        Self::NotFound,
        Self::Denied,
        Self::TimedOut,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The outcome that the word stands for, where it is one.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Whether it is the job itself that ended.
    #[must_use]
    pub fn is_of_the_job(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// The word in results and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::Rejected => "rejected",
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
    /// last good answer.
    pub fault: Option<Fault>,
}
