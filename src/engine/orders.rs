//! What an engine is asked for, and what it answers.

use std::time::Duration;

use crate::model::{HookName, JobId, ProjectName, WatchRecord};
use crate::store::StoreError;

/// A job that somebody wants to be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// In which project; where there is only one, that one.
    pub project: Option<ProjectName>,
    /// Which job.
    pub job_id: JobId,
    /// The hooks to fire; those that are there by default, where none is named.
    pub hooks: Option<Vec<HookName>>,
    /// How long to wait, where it is said: `Some(None)` for no limit.
    pub timeout: Option<Option<Duration>>,
}

/// A watch that was accepted, and is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The watch as it is kept.
    pub record: WatchRecord,
    /// Whether it was there before.
    pub joined: bool,
    /// Whether this daemon polls it; another may, where they share the store.
    pub held: bool,
}

/// Why an order can't be accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// There is no such project.
    #[error("there is no project {0:?} in the configuration; there are: {1}")]
    UnknownProject(ProjectName, String),
    /// There are several projects, or none, and none is named.
    #[error("name the project; there are: {0}")]
    WhichProject(String),
    /// There is no such hook.
    #[error("there is no hook {0:?} in the configuration; there are: {1}")]
    UnknownHook(HookName, String),
    /// The engine is about to end.
    #[error("this daemon is stopping; ask the next one")]
    Stopping,
    /// The watch could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why none of several orders is accepted.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// Which of them can't be, from 0; `None` where it is about none in particular.
    pub index: Option<usize>,
    /// Why it can't.
    pub why: AcceptError,
}

impl From<AcceptError> for Refused {
    fn from(why: AcceptError) -> Self {
        Self { index: None, why }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        AcceptError::from(error).into()
    }
}

/// How a watch answers to being cancelled or polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It does so.
    Yes,
    /// It has ended already.
    Ended,
    /// There is no such watch.
    Unknown,
}
