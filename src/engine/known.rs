//! What is known of the types of jobs: how long those took that have ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Durations, JobType, ProjectName, Ran};
use crate::poll::Experience;

/// How many types are known in one project at most: the service has a few dozens. Nothing is
/// learned of any beyond.
const MOST_TYPES: usize = 200;

/// How long what was made of the durations is good enough while more come: a share of the median, within
/// these. Making it anew takes about half a millisecond, and a thousand jobs may end in a second;
/// and a watch keeps what was made when its job began, so that this bounds how many there are.
const GOOD_ENOUGH: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
const GOOD_ENOUGH_SHARE: u32 = 32;

/// The types of each project.
#[derive(Default)]
pub(super) struct KnownTypes(Mutex<Projects>);

type Projects = HashMap<ProjectName, HashMap<JobType, Known>>;

/// What is known of one type.
#[derive(Default)]
struct Known {
    durations: Durations,
    /// What was made of them, and when.
    made: Option<(Arc<Experience>, Instant)>,
    /// Whether more have come since.
    outdated: bool,
}

impl KnownTypes {
    fn projects(&self) -> MutexGuard<'_, Projects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what is known from before.
    pub(super) fn restore(&self, project: &ProjectName, job_type: &JobType, durations: Durations) {
        if let Some(known) = place(&mut self.projects(), project, job_type) {
            *known = Known {
                durations,
                ..Known::default()
            };
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
            known.durations.add(ran.began, ran.took);
            known.outdated = true;
        }
    }

    /// What jobs of this type tell about the next, where any has ended.
    pub(super) fn experience(
        &self,
        project: &ProjectName,
        job_type: &JobType,
    ) -> Option<Arc<Experience>> {
        let mut projects = self.projects();
        let known = projects.get_mut(project)?.get_mut(job_type)?;
        if known.durations.is_empty() {
            return None;
        }
        if let Some((experience, made_at)) = &known.made
            && (!known.outdated || made_at.elapsed() < good_enough(experience))
        {
            return Some(Arc::clone(experience));
        }
        let experience = Arc::new(Experience::of(&known.durations));
        known.made = Some((Arc::clone(&experience), Instant::now()));
        known.outdated = false;
        Some(experience)
    }

    /// The longest duration of jobs of this type, where any has ended.
    pub(super) fn longest(&self, project: &ProjectName, job_type: &JobType) -> Option<Duration> {
        self.projects()
            .get(project)?
            .get(job_type)?
            .durations
            .longest()
    }

    /// All types by project and name.
    pub(super) fn all(&self) -> Vec<(ProjectName, JobType, Durations)> {
        let projects = self.projects();
        let mut all: Vec<_> = projects
            .iter()
            .flat_map(|(project, types)| {
                let types = types
                    .iter()
                    .filter(|(_, known)| !known.durations.is_empty());
                types.map(|(job_type, known)| {
                    (project.clone(), job_type.clone(), known.durations.clone())
                })
            })
            .collect();
        all.sort_by(|a, b| (a.0.as_str(), a.1.raw()).cmp(&(b.0.as_str(), b.1.raw())));
        all
    }
}

/// How long it is good enough.
fn good_enough(experience: &Experience) -> Duration {
    let (least, most) = GOOD_ENOUGH;
    let estimate = experience.estimate(Duration::ZERO);
    let share = estimate.map_or(least, |estimate| {
        estimate
            .median
            .checked_div(GOOD_ENOUGH_SHARE)
            .unwrap_or_default()
    });
    share.clamp(least, most)
}

/// The place of a type, where there is room for it.
fn place<'a>(
    projects: &'a mut Projects,
    project: &ProjectName,
    job_type: &JobType,
) -> Option<&'a mut Known> {
    let types = projects.entry(project.clone()).or_default();
    if types.len() >= MOST_TYPES && !types.contains_key(job_type) {
        return None;
    }
    Some(types.entry(job_type.clone()).or_default())
}
