//! What is known of the types of jobs: how long those took that have ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{Durations, Estimate, JobType, ProjectName, Ran};

/// How many types are known in one project at most: the service has a few dozens. Nothing is
/// learned of any beyond.
const MOST_TYPES: usize = 200;

/// The types of each project.
#[derive(Default)]
pub(super) struct KnownTypes(Mutex<HashMap<ProjectName, HashMap<JobType, Durations>>>);

impl KnownTypes {
    fn projects(&self) -> MutexGuard<'_, HashMap<ProjectName, HashMap<JobType, Durations>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what is known from before.
    pub(super) fn restore(&self, project: &ProjectName, job_type: &JobType, durations: Durations) {
        if let Some(known) = place(&mut self.projects(), project, job_type) {
            *known = durations;
        }
    }

    /// Whether it can be learned. From then on its type has its place, so that no more types can be
    /// stored than are known, however many end at once.
    pub(super) fn has_room(&self, project: &ProjectName, ran: &Ran) -> bool {
        place(&mut self.projects(), project, &ran.job_type).is_some()
    }

    /// Takes in how long a job took.
    pub(super) fn learn(&self, project: &ProjectName, ran: &Ran) {
        if let Some(known) = place(&mut self.projects(), project, &ran.job_type) {
            known.add(ran.took);
        }
    }

    /// What is to be expected of a job of this type that has run for so long.
    pub(super) fn estimate(
        &self,
        project: &ProjectName,
        job_type: &JobType,
        age: Duration,
    ) -> Option<Estimate> {
        let projects = self.projects();
        projects.get(project)?.get(job_type)?.ranked().estimate(age)
    }

    /// All types by project and name.
    pub(super) fn all(&self) -> Vec<(ProjectName, JobType, Durations)> {
        let projects = self.projects();
        let mut all: Vec<_> = projects
            .iter()
            .flat_map(|(project, types)| {
                let types = types.iter().filter(|(_, known)| !known.is_empty());
                types.map(|(job_type, durations)| {
                    (project.clone(), job_type.clone(), durations.clone())
                })
            })
            .collect();
        all.sort_by(|a, b| (a.0.as_str(), &*a.1).cmp(&(b.0.as_str(), &*b.1)));
        all
    }
}

/// The place of a type, where there is room for it.
fn place<'a>(
    projects: &'a mut HashMap<ProjectName, HashMap<JobType, Durations>>,
    project: &ProjectName,
    job_type: &JobType,
) -> Option<&'a mut Durations> {
    let types = projects.entry(project.clone()).or_default();
    if types.len() >= MOST_TYPES && !types.contains_key(job_type) {
        return None;
    }
    Some(types.entry(job_type.clone()).or_default())
}
