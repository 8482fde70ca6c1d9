//! What an engine is configured with, and what an order means by it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::told::Teller;
use super::{AcceptError, Membership, Order, Retries};
use crate::api::Session;
use crate::clock::Clock;
use crate::hooks::{Configured, DEFAULT_ON};
use crate::model::{HookName, Meter, Outcome, ProjectName};
use crate::poll::WatchSpec;
use crate::store::Store;

/// What an engine works with as long as it runs.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The same store, where several daemons share it.
    pub membership: Option<Membership>,
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
    /// The runtime of the polling loops, which needs timers and sockets. It may be that of all else.
    pub polling: Handle,
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
    /// Whom to ask. A project keeps its session for as long as it is the same.
    pub session: Arc<Session>,
    /// What is asked of each watch.
    pub watch: Arc<WatchSpec>,
    /// How long to wait where nothing else is said; `None` for no limit.
    pub timeout: Option<Duration>,
}

impl Project {
    /// Whether watches are asked for in the same way.
    pub(super) fn is_asked_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.session, &other.session) && self.watch == other.watch
    }
}

impl Setup {
    /// The project that an order is for.
    pub(super) fn project_of(
        &self,
        order: &Order,
    ) -> Result<(&ProjectName, &Project), AcceptError> {
        match &order.project {
            Some(name) => self
                .projects
                .get_key_value(name)
                .ok_or_else(|| AcceptError::UnknownProject(name.clone(), self.project_names())),
            None => {
                let mut projects = self.projects.iter();
                match (projects.next(), projects.next()) {
                    (Some(only), None) => Ok(only),
                    _ => Err(AcceptError::WhichProject(self.project_names())),
                }
            }
        }
    }

    /// The hooks that an order is for, each once.
    pub(super) fn hooks_of(&self, order: &Order) -> Result<Vec<HookName>, AcceptError> {
        let Some(names) = &order.hooks else {
            let default = self.hooks.iter().filter(|hook| hook.by_default);
            return Ok(default.map(|hook| hook.name.clone()).collect());
        };
        let mut hooks = Vec::new();
        for name in names {
            let hook = self.hook(name).ok_or_else(|| {
                let names = self.hooks.iter().map(|hook| hook.name.as_str());
                AcceptError::UnknownHook(name.clone(), list(names.collect()))
            })?;
            if !hooks.contains(&hook.name) {
                hooks.push(hook.name.clone());
            }
        }
        Ok(hooks)
    }

    /// Whether the hook fires for the outcome. One that isn't configured any more does so by
    /// default: what was promised stays, and shows.
    pub(super) fn fires(&self, name: &HookName, outcome: Outcome) -> bool {
        let hook = self.hook(name);
        hook.map_or(DEFAULT_ON.as_slice(), |hook| &hook.on)
            .contains(&outcome)
    }

    fn hook(&self, name: &HookName) -> Option<&Configured> {
        self.hooks.iter().find(|hook| hook.name == *name)
    }

    fn project_names(&self) -> String {
        list(self.projects.keys().map(ProjectName::as_str).collect())
    }
}

/// The names in a sentence.
fn list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
