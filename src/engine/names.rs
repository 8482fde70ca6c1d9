//! What watches have in common, of which a million watches have few.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Fence, HookName, ProjectName, Watch};

/// More than any configuration has use for.
const MOST: usize = 1000;

/// What a watch has in common with others.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) project: ProjectName,
    pub(super) hooks: Arc<[HookName]>,
    /// Under which it is held: most have been acquired as often as most others.
    pub(super) fence: Fence,
}

/// What tells the terms of one project apart.
type Key = (Arc<[HookName]>, Fence);

/// All terms, each once.
#[derive(Default)]
pub(super) struct Names {
    terms: HashMap<ProjectName, HashMap<Key, Arc<Terms>>>,
    count: usize,
}

impl Names {
    /// The terms of a watch that is held under this fence.
    pub(super) fn terms(&mut self, watch: &Watch, fence: Fence) -> Arc<Terms> {
        let key = (Arc::clone(&watch.hooks), fence);
        let known = self.terms.get(&watch.project);
        if let Some(terms) = known.and_then(|known| known.get(&key)) {
            return Arc::clone(terms);
        }
        let terms = Arc::new(Terms {
            project: watch.project.clone(),
            hooks: Arc::clone(&watch.hooks),
            fence,
        });
        if self.count >= MOST {
            self.shed();
        }
        if self.count < MOST {
            self.count += 1;
            let of_project = self.terms.entry(watch.project.clone()).or_default();
            of_project.insert(key, Arc::clone(&terms));
        }
        terms
    }

    /// Forgets what no watch has any more: fences only rise.
    fn shed(&mut self) {
        for of_project in self.terms.values_mut() {
            of_project.retain(|_, terms| Arc::strong_count(terms) > 1);
        }
        self.terms.retain(|_, of_project| !of_project.is_empty());
        self.count = self.terms.values().map(HashMap::len).sum();
    }
}
