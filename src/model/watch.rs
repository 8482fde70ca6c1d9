//! A watch as it is kept, and what is owed once it has ended.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{DeliveryId, Fault, Fence, HookName, Job, JobId, Outcome, ProjectName, WatchId};

/// One job to wait for, as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Its own ID.
    pub id: WatchId,
    /// The project, by its name in the configuration.
    pub project: ProjectName,
    /// The job that is waited for.
    pub job_id: JobId,
    /// The hooks that may fire, each once, in their order.
    pub hooks: Arc<[HookName]>,
    /// When it was accepted, by this machine's clock.
    pub accepted_at: SystemTime,
    /// When it times out; `None` for never.
    pub deadline_at: Option<SystemTime>,
}

impl Watch {
    /// Adds hooks, each once. Says whether there were new ones.
    pub fn join(&mut self, hooks: &[HookName]) -> bool {
        let mut new: Vec<&HookName> = Vec::new();
        for hook in hooks {
            if !self.hooks.contains(hook) && !new.contains(&hook) {
                new.push(hook);
            }
        }
        if !new.is_empty() {
            self.hooks = self
                .hooks
                .iter()
                .chain(new.iter().copied())
                .cloned()
                .collect();
            return true;
        }
        false
    }
}

/// How far a watch has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests sent so far.
    pub polls: u32,
    /// The last description of the job, where there was one.
    pub job: Option<Arc<Job>>,
}

/// How a watch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How, decided once.
    pub outcome: Outcome,
    /// The fault that ended it or, for one that timed out, the last one since a good answer.
    pub fault: Option<Fault>,
    /// When, by this machine's clock.
    pub at: SystemTime,
}

/// Everything that is kept of a watch, beside its history and its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRecord {
    /// What was asked.
    pub watch: Watch,
    /// How far it has come.
    pub progress: Progress,
    /// How it ended, once it has.
    pub end: Option<End>,
    /// The fence of the last acquisition.
    pub fence: Fence,
}

/// Like answers in a row: a line of a watch's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The job's status as it came, or what there was in its place, in one line without secrets.
    pub answer: Cow<'static, str>,
    /// How many there were, at least one.
    pub count: u32,
    /// When the first came.
    pub first_at: SystemTime,
    /// When the last came.
    pub last_at: SystemTime,
}

/// One hook's due for one ended watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its own ID: the `webhook-id` of every attempt.
    pub id: DeliveryId,
    /// The watch that ended.
    pub watch_id: WatchId,
    /// The hook to carry it out.
    pub hook: HookName,
    /// What is delivered: JSON, the same for every attempt.
    pub body: Arc<str>,
    /// When it came to be.
    pub created_at: SystemTime,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts so far, of all tries.
    pub attempts: u32,
    /// Attempts since it was made or replayed: what the next interval depends on.
    pub tries: u32,
    /// The fence of the last acquisition.
    pub fence: Fence,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be carried out at this time.
    Pending(SystemTime),
    /// It arrived.
    Delivered,
    /// It was given up. It stays, and can be replayed.
    Dead,
}

impl DeliveryState {
    /// The word in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// One attempt to carry a delivery out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number within the delivery, from 1.
    pub number: u32,
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What came of it, in one line without secrets.
    pub answer: String,
    /// Whether it arrived.
    pub delivered: bool,
}
