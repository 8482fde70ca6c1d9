//! What came back for one question, not yet judged.

use std::time::{Duration, SystemTime};

use super::{ClockOffset, RateLimit};
use crate::http::Trouble;
use crate::model::{Fault, Job, JobStatus};

/// What came back for one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer itself, or the lack of one.
    pub content: Content,
    /// How far the machine's clock is off, where this answer showed it for the first time.
    /// Requests after this one are signed with the corrected time.
    pub clock_off: Option<ClockOffset>,
    /// Whether the signature was refused, and the next request is signed with another time, which may
    /// be all that was wrong.
    pub sign_again: bool,
    /// Its `Date`, where the service itself wrote it.
    pub date: Option<SystemTime>,
    /// When it came, by the service's clock, as far as that is known.
    pub at: Option<SystemTime>,
}

/// The kinds of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The service described the job.
    Job(Job),
    /// The service answered with an error.
    Refused(Refusal),
    /// There was an answer of 200, and it can't be understood.
    Unreadable(Fault),
    /// There was no whole answer.
    NoAnswer(Trouble),
    /// Nothing was asked, as there was no credential to ask with.
    NoCredential(Fault),
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The service's own words.
    pub fault: Fault,
    /// How long the service asks to wait, at most an hour.
    pub retry_after: Option<Duration>,
    /// The limit that a 429 names.
    pub limit: Option<RateLimit>,
}

impl Content {
    /// The job's description, or what there is in its place.
    ///
    /// # Errors
    /// With the fault, where there is no description.
    pub fn reading(&self) -> Result<&Job, Fault> {
        match self {
            Self::Job(job) => Ok(job),
            Self::Refused(refusal) => Err(refusal.fault.clone()),
            Self::Unreadable(fault) | Self::NoCredential(fault) => Err(fault.clone()),
            Self::NoAnswer(trouble) => Err(Fault::local(trouble.to_string())),
        }
    }

    /// Its word in measurements, one of a closed set.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Job(job) => match job.status {
                JobStatus::Init => "init",
                JobStatus::Running => "running",
                JobStatus::Success => "success",
                JobStatus::Fail => "fail",
                JobStatus::Other(_) => "other",
            },
            Self::Refused(refusal) => match refusal.status {
                401 => "refused",
                403 => "forbidden",
                404 => "not_found",
                429 => "throttled",
                500.. => "server_error",
                _ => "rejected",
            },
            Self::Unreadable(_) => "unreadable",
            Self::NoAnswer(_) => "no_answer",
            Self::NoCredential(_) => "no_credential",
        }
    }
}

impl From<Content> for Answer {
    fn from(content: Content) -> Self {
        Self {
            content,
            clock_off: None,
            sign_again: false,
            date: None,
            at: None,
        }
    }
}
