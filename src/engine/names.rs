//! The names that watches have in common, of which ten thousand watches have few.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{HookName, ProjectName, Watch};

/// More than any configuration has use for.
const MOST: usize = 1000;

/// Each name or list of names once.
#[derive(Default)]
pub(super) struct Names {
    projects: HashSet<ProjectName>,
    hooks: HashSet<Arc<[HookName]>>,
}

impl Names {
    /// Has the watch share its names with those before.
    pub(super) fn share(&mut self, watch: &mut Watch) {
        watch.project = shared(&mut self.projects, &watch.project);
        watch.hooks = shared(&mut self.hooks, &watch.hooks);
    }
}

fn shared<T: Clone + Eq + std::hash::Hash>(known: &mut HashSet<T>, one: &T) -> T {
    if let Some(shared) = known.get(one) {
        return shared.clone();
    }
    if known.len() < MOST {
        known.insert(one.clone());
    }
    one.clone()
}
