//! The sessions with the service, one a project. A reload leaves alone what stays as it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Gate, Session};
use crate::auth::Given;
use crate::config::{Config, ProjectConfig};
use crate::connect::{ConnectError, OnFirstUse};
use crate::engine::Project;
use crate::environment::Environment;
use crate::model::{Meter, ProjectName};
use crate::poll::WatchSpec;

/// A project that can't be asked as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("project {name}: {why}")]
pub struct SessionError {
    name: ProjectName,
    why: Arc<ConnectError>,
}

/// The sessions of a configuration.
#[derive(Clone)]
pub(super) struct Sessions {
    environment: Arc<dyn Environment>,
    meter: Arc<dyn Meter>,
    kept: HashMap<ProjectName, Kept>,
}

/// A session, and what it was made from.
#[derive(Clone)]
struct Kept {
    project: ProjectConfig,
    request_timeout: Duration,
    max_rps: f64,
    session: Arc<Session>,
}

impl Kept {
    fn is_for(&self, project: &ProjectConfig, config: &Config) -> bool {
        self.project == *project
            && self.request_timeout == config.poll.request_timeout
            && self.max_rps == config.max_rps
    }
}

impl Sessions {
    pub(super) fn new(environment: Arc<dyn Environment>, meter: Arc<dyn Meter>) -> Self {
        Self {
            environment,
            meter,
            kept: HashMap::new(),
        }
    }

    /// The projects of a configuration, with the sessions that there are where nothing has changed
    /// for them. Every new one is tried, as what is wrong with it for good is best known now;
    /// passing trouble is none of that.
    ///
    /// # Errors
    /// When a project can never be asked so.
    pub(super) async fn of(
        &mut self,
        config: &Config,
    ) -> Result<HashMap<ProjectName, Project>, SessionError> {
        let mut kept = HashMap::new();
        let mut gates = self.gates(config);
        for project in &config.projects {
            let name = &project.name;
            let known = self
                .kept
                .get(name)
                .filter(|one| one.is_for(project, config));
            let one = match known {
                Some(known) => known.clone(),
                None => self.open(project, config, &mut gates).await?,
            };
            kept.insert(name.clone(), one);
        }
        self.kept = kept;
        let watch = Arc::new(spec(config));
        let projects = self.kept.iter().map(|(name, kept)| {
            let project = Project {
                session: Arc::clone(&kept.session),
                watch: Arc::clone(&watch),
                timeout: config.poll.timeout,
            };
            (name.clone(), project)
        });
        Ok(projects.collect())
    }

    /// Has every refused credential tried again: whoever has mended one needn't wait.
    pub(super) fn retry(&self) {
        for kept in self.kept.values() {
            kept.session.gate.breaker.retry();
        }
    }

    /// The gates that there are, by the files of the credential that goes through; none for the
    /// sources that the environment names.
    fn gates(&self, config: &Config) -> HashMap<Given, Arc<Gate>> {
        let kept = self
            .kept
            .values()
            .filter(|kept| kept.max_rps == config.max_rps);
        kept.map(|kept| {
            (
                kept.project.credential.clone(),
                Arc::clone(&kept.session.gate),
            )
        })
        .collect()
    }

    async fn open(
        &self,
        project: &ProjectConfig,
        config: &Config,
        gates: &mut HashMap<Given, Arc<Gate>>,
    ) -> Result<Kept, SessionError> {
        let gate = gates
            .entry(project.credential.clone())
            .or_insert_with(|| Arc::new(Gate::new(config.max_rps)));
        let source = OnFirstUse::new(
            project.plan(config.poll.request_timeout, Arc::clone(&self.environment)),
        );
        if let Err(why) = source.connect().await
            && !(why.is_passing() || why.is_denied())
        {
            return Err(SessionError {
                name: project.name.clone(),
                why,
            });
        }
        Ok(Kept {
            project: project.clone(),
            request_timeout: config.poll.request_timeout,
            max_rps: config.max_rps,
            session: Arc::new(Session {
                source: Box::new(source),
                gate: Arc::clone(gate),
                meter: Arc::clone(&self.meter),
            }),
        })
    }
}

/// What is asked of each watch.
fn spec(config: &Config) -> WatchSpec {
    let poll = &config.poll;
    WatchSpec {
        backoff: poll.backoff,
        not_found_grace: poll.not_found_grace,
        mending_grace: poll.mending_grace,
        request_timeout: poll.request_timeout,
        not_found_codes: poll.not_found_codes.clone(),
    }
}
