//! How an engine is, for those who look after it.

use std::time::Duration;

use tokio::time::Instant;

use super::holds::Hold;
use super::moods::Mood;
use super::setup::Project;
use super::shared::Shared;
use crate::api::RateLimit;
use crate::model::{Fault, ProjectName, TOKEN_ADVICE};

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
    /// Where other daemons share the store.
    pub cluster: Option<ClusterHealth>,
}

/// How a daemon stands among those that share its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterHealth {
    /// How many there are, this one included, as far as it knows.
    pub instances: u32,
    /// Whether its lease goes on; nothing is polled or delivered where it doesn't.
    pub holds_lease: bool,
}

/// How a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectHealth {
    /// Which.
    pub name: ProjectName,
    /// Why it can't be asked about jobs yet: its credential or its project isn't known.
    pub not_ready: Option<String>,
    /// What the service said when it refused the credential, while it counts as refused.
    pub refused: Option<String>,
    /// How long the service wants nothing to be sent from now on.
    pub paused: Option<Duration>,
    /// The time between two requests that is kept to now.
    pub spacing: Duration,
    /// The limit that the service named and that is kept to now, and for how long.
    pub limit: Option<(RateLimit, Duration)>,
    /// What holds its requests back now.
    pub hold: Option<Hold>,
}

impl Health {
    pub(super) fn of(shared: &Shared) -> Self {
        let (store_trouble, held) = match shared.recorder.trouble() {
            Some((why, held)) => (Some(why), held),
            None => (None, 0),
        };
        let mut health = Self {
            restored: shared.is_restored(),
            store_trouble,
            held,
            unseen: shared.moods.count(Mood::Unseen),
            running: shared.moods.count(Mood::Running),
            in_trouble: shared.moods.count(Mood::InTrouble),
            ..Self::default()
        };
        let setup = shared.setup();
        let projects = setup.projects.iter();
        health.projects = projects
            .map(|(name, project)| ProjectHealth::of(name, project))
            .collect();
        health.cluster = shared.leases.as_ref().map(|leases| ClusterHealth {
            instances: leases.instances(),
            holds_lease: leases.is_good(),
        });
        health.projects.sort_by(|a, b| a.name.cmp(&b.name));
        health
    }
}

impl ProjectHealth {
    fn of(name: &ProjectName, project: &Project) -> Self {
        let gate = &project.session.gate;
        Self {
            name: name.clone(),
            not_ready: project.session.source.not_ready(),
            refused: gate.breaker.refusal().map(|fault| explained(&fault)),
            paused: gate.limiter.paused(Instant::now()),
            spacing: gate.limiter.spacing(),
            limit: gate.limiter.learned(Instant::now()),
            hold: Hold::of(gate),
        }
    }
}

/// Returns what the service said, and what to do about a refused token.
fn explained(refusal: &Fault) -> String {
    if refusal.is_token_refusal() {
        format!("{refusal}; {TOKEN_ADVICE}")
    } else {
        refusal.to_string()
    }
}
