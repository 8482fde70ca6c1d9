//! A job as the service describes it.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use crate::sanitize::ForeignText;

/// The longest status or type that is kept, in bytes. Those of the service have up to 30.
const MAX_WORD: usize = 256;

/// What the service says that a job is doing.
///
/// The service publishes no closed list, so a value that is none of the four known ones is kept
/// as it came, and does not end a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStatus {
    /// `INIT`: accepted, not begun.
    Init,
    /// `RUNNING`: under way.
    Running,
    /// `SUCCESS`: ended well.
    Success,
    /// `FAIL`: ended badly; [`Job::fail_reason`] may say why.
    Fail,
    /// Any other value, as it came.
    Other(ForeignText),
}

impl JobStatus {
    /// The status in the service's own spelling, verbatim.
    #[must_use]
    pub fn raw(&self) -> &str {
        match self {
            Self::Other(text) => text.raw(),
            known => known.known_as().unwrap_or_default(),
        }
    }

    /// The same, where it is one of the four known ones.
    #[must_use]
    pub fn known_as(&self) -> Option<&'static str> {
        match self {
            Self::Init => Some("INIT"),
            Self::Running => Some("RUNNING"),
            Self::Success => Some("SUCCESS"),
            Self::Fail => Some("FAIL"),
            Self::Other(_) => None,
        }
    }

    /// Whether the job has ended.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Success | Self::Fail)
    }
}

impl From<&str> for JobStatus {
    fn from(text: &str) -> Self {
        match text {
            "INIT" => Self::Init,
            "RUNNING" => Self::Running,
            "SUCCESS" => Self::Success,
            "FAIL" => Self::Fail,
            other => Self::Other(ForeignText::within(other, MAX_WORD)),
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => fmt::Display::fmt(text, f),
            known => f.pad(known.known_as().unwrap_or_default()),
        }
    }
}

/// The kinds of operation that are known by name.
const KNOWN_TYPES: [&str; 9] = [
    "masterStandbySwapJob",
    "modifyClientIpTransJob",
    "modifyBandwidth",
    "createDCSInstance",
    "closeDCSInstance",
    "deleteDCSInstance",
    "backupDCSInstance",
    "restoreDCSInstance",
    "extendDCSInstance",
];

/// The kind of operation, such as `masterStandbySwapJob`; an open list.
// A hundred thousand watches have few of them: those that are known are shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobType(ForeignText);

impl From<&str> for JobType {
    fn from(text: &str) -> Self {
        static KNOWN: LazyLock<[ForeignText; 9]> =
            LazyLock::new(|| KNOWN_TYPES.map(ForeignText::from));
        let known = KNOWN.iter().find(|known| **known == *text);
        let new = || ForeignText::within(text, MAX_WORD);
        Self(known.map_or_else(new, ForeignText::clone))
    }
}

impl From<ForeignText> for JobType {
    fn from(text: ForeignText) -> Self {
        Self::from(text.raw())
    }
}

impl JobType {
    /// Returns the type in the service's own spelling, verbatim.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.0.raw()
    }

    /// Returns it as text that is shown sanitized.
    #[must_use]
    pub fn text(&self) -> &ForeignText {
        &self.0
    }
}

impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One answer of the service about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What the job is doing.
    pub status: JobStatus,
    /// The kind of operation.
    pub job_type: Option<JobType>,
    /// When it began, by the service's clock.
    pub begin_time: Option<SystemTime>,
    /// When it ended, by the service's clock; absent while it runs.
    pub end_time: Option<SystemTime>,
    /// Why it failed, in the service's words.
    pub fail_reason: Option<ForeignText>,
}

impl Job {
    /// How long the job ran, where both times are known and in order.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.end_time?.duration_since(self.begin_time?).ok()
    }
}
