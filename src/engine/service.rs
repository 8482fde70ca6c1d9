//! The whole engine behind one handle: supervisor, recorder, dispatcher.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Retries;
use super::told::Teller;
use crate::api::Session;
use crate::clock::Clock;
use crate::hooks::Configured;
use crate::model::{DeliveryId, HookName, JobId, Meter, ProjectName, WatchId, WatchRecord};
use crate::poll::WatchSpec;
use crate::store::{Store, StoreError};

/// What an engine works with as long as it runs.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// Takes measurements.
    pub meter: Arc<dyn Meter>,
    /// Is told what happens.
    pub teller: Teller,
    /// When deliveries are tried again.
    pub retries: Retries,
    /// The seed of all jitter, and of IDs.
    pub seed: u64,
}

/// What may be replaced while an engine runs.
#[derive(Clone, Default)]
pub struct Setup {
    /// The projects that jobs are looked for in.
    pub projects: HashMap<ProjectName, Project>,
    /// The hooks.
    pub hooks: Vec<Configured>,
}

/// A project that jobs are looked for in.
#[derive(Clone)]
pub struct Project {
    /// Whom to ask.
    pub session: Arc<Session>,
    /// What is asked of each watch.
    pub watch: Arc<WatchSpec>,
    /// How long to wait where nothing else is said; `None` for no limit.
    pub timeout: Option<Duration>,
}

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

/// How an engine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether all watches of the last run are polled again.
    pub restored: bool,
    /// Why the store can't be written, if so.
    pub store_trouble: Option<String>,
    /// How many changes are held until it can.
    pub held: usize,
    /// Watches that haven't been answered yet.
    pub unseen: usize,
    /// Watches whose job goes on, by the last answer.
    pub running: usize,
    /// Watches whose last answer was trouble.
    pub in_trouble: usize,
    /// The projects, by name.
    pub projects: Vec<ProjectHealth>,
}

/// How a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectHealth {
    /// Which.
    pub name: ProjectName,
    /// What the service said when it refused the credential, while it counts as refused.
    pub refused: Option<String>,
    /// How long the service wants nothing to be sent from now on.
    pub paused: Option<Duration>,
    /// The time between two requests that is kept to now.
    pub spacing: Duration,
}

/// A handle on a running engine.
#[derive(Clone)]
pub struct Engine;

impl Engine {
    /// Starts an engine that has no projects, hooks or watches.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        unimplemented!("{}", parts.seed)
    }

    /// Replaces projects and hooks. Watches of projects that stay don't notice; those of a project
    /// that is gone sleep until it is back.
    pub fn configure(&self, setup: Setup) {
        unimplemented!("{}", setup.hooks.len())
    }

    /// Takes up the watches and deliveries that an earlier run left in the store. Says how many of
    /// each.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn restore(&self) -> Result<(usize, usize), StoreError> {
        unimplemented!()
    }

    /// Accepts an order: the watch is durable when this comes back.
    ///
    /// # Errors
    /// When it can't be accepted.
    pub async fn accept(&self, order: Order) -> Result<Accepted, AcceptError> {
        unimplemented!("{order:?}")
    }

    /// Ends a watch as cancelled.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn cancel(&self, id: WatchId) -> Result<Heard, StoreError> {
        unimplemented!("{id}")
    }

    /// Asks for a watch's job now, or as soon as the limits allow.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn poll_now(&self, id: WatchId) -> Result<Heard, StoreError> {
        unimplemented!("{id}")
    }

    /// Carries a delivery out again. False where there is none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn replay(&self, id: DeliveryId) -> Result<bool, StoreError> {
        unimplemented!("{id}")
    }

    /// What is kept. For reading only: writing is the engine's.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        unimplemented!()
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        unimplemented!()
    }

    /// Comes back once supervisor and recorder have both shown that they go on.
    pub async fn pulse(&self) {
        unimplemented!()
    }

    /// Comes back once nothing is owed for the watch any more.
    pub async fn settled(&self, id: WatchId) {
        unimplemented!("{id}")
    }

    /// Polls no more, and accepts no more. Deliveries go on until [`Engine::stop`].
    pub async fn stop_polling(&self) {
        unimplemented!()
    }

    /// Stops everything: waits for what is under way, as long as `within`, and for what is to be
    /// stored. All else stays in the store.
    pub async fn stop(&self, within: Duration) {
        unimplemented!("{within:?}")
    }
}
