//! What watches have in common, of which a million watches have few.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{HookName, ProjectName, Watch};

/// More than any configuration has use for.
const MOST: usize = 1000;

/// What a watch has in common with others.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) project: ProjectName,
    pub(super) hooks: Arc<[HookName]>,
}

/// All terms, each once.
#[derive(Default)]
pub(super) struct Names {
    terms: HashMap<ProjectName, HashMap<Arc<[HookName]>, Arc<Terms>>>,
    count: usize,
}

impl Names {
    /// The terms of a watch.
    pub(super) fn terms(&mut self, watch: &Watch) -> Arc<Terms> {
        let known = self.terms.get(&watch.project);
        if let Some(terms) = known.and_then(|known| known.get(&watch.hooks)) {
            return Arc::clone(terms);
        }
        let terms = Arc::new(Terms {
            project: watch.project.clone(),
            hooks: Arc::clone(&watch.hooks),
        });
        if self.count < MOST {
            self.count += 1;
            let of_project = self.terms.entry(watch.project.clone()).or_default();
            of_project.insert(Arc::clone(&watch.hooks), Arc::clone(&terms));
        }
        terms
    }
}
