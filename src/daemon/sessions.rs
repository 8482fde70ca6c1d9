//! The sessions with the service, one a project. A reload leaves alone what stays as it is.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::Url;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::api::{EndpointProof, Gate, HoldBook, Session};
use crate::auth::Given;
use crate::config::{Config, Limits, ProjectConfig};
use crate::connect::{ConnectError, GateKey, OnFirstUse};
use crate::engine::Project;
use crate::environment::Environment;
use crate::model::{Meter, ProjectName};
use crate::poll::WatchSpec;

/// How long a start or a reload waits for whoever knows a credential or a project.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// The time between two looks at whether a project may be tried again. Its source knows for how long
/// it makes no attempt.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A project that can't be asked, as something in the configuration or on this machine is wrong.
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
    book: Arc<HoldBook>,
}

/// What sessions share.
#[derive(Default)]
struct Shared {
    gates: HashMap<GateKey, Arc<Gate>>,
    /// By the credential and the whole endpoint: another path on the same server may be a wrong one.
    endpoints: HashMap<(Given, Url), EndpointProof>,
}

/// A session, and what it was made from.
#[derive(Clone)]
struct Kept {
    endpoint: Option<Url>,
    project: ProjectConfig,
    request_timeout: Duration,
    limits: Limits,
    session: Arc<Session>,
}

impl Kept {
    fn is_for(&self, project: &ProjectConfig, config: &Config) -> bool {
        self.project == *project
            && self.request_timeout == config.poll.request_timeout
            && self.limits == config.limits
            // One that isn't connected yet needn't wait for its next attempt.
            && self.session.source.project_id().is_some()
    }
}

impl Sessions {
    pub(super) fn new(environment: Arc<dyn Environment>, meter: Arc<dyn Meter>) -> Self {
        Self {
            environment,
            meter,
            kept: HashMap::new(),
            book: Arc::default(),
        }
    }

    /// The same, with what services said in earlier runs.
    pub(super) fn keeping(self, book: Arc<HoldBook>) -> Self {
        Self { book, ..self }
    }

    /// Discards what services said in earlier runs, so that requests are sent now.
    pub(super) fn lift(&self) {
        self.book.lift();
    }

    /// The projects of a configuration, with the sessions that there are where nothing has changed
    /// for them. All new ones are tried at once, so that a fault of the configuration or of a file is
    /// known now. What a service answers keeps no daemon from starting: the project isn't ready until
    /// another attempt succeeds.
    ///
    /// # Errors
    /// When something in the configuration or on this machine has to be corrected.
    pub(super) async fn of(
        &mut self,
        config: &Config,
    ) -> Result<HashMap<ProjectName, Project>, SessionError> {
        let mut kept = HashMap::new();
        let mut shared = self.shared(config);
        let mut trials = JoinSet::new();
        for project in &config.projects {
            let name = &project.name;
            if let Some(known) = self
                .kept
                .get(name)
                .filter(|one| one.is_for(project, config))
            {
                kept.insert(name.clone(), known.clone());
            } else {
                let environment = Arc::clone(&self.environment);
                let plan = project.plan(config.poll.request_timeout, environment);
                trials.spawn(tried(
                    name.clone(),
                    OnFirstUse::new(plan).keeping(Arc::clone(&self.book)),
                ));
            }
        }
        for tried in trials.join_all().await {
            let (name, source) = tried?;
            if let Some(project) = config.projects.iter().find(|one| one.name == name) {
                kept.insert(name, self.keep(project, config, source, &mut shared));
            }
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

    /// What the sessions that there are share.
    fn shared(&self, config: &Config) -> Shared {
        let mut shared = Shared::default();
        for kept in self.kept.values() {
            let credential = &kept.project.credential;
            if kept.limits == config.limits {
                let key = GateKey::new(credential, kept.endpoint.as_ref());
                shared.gates.insert(key, Arc::clone(&kept.session.gate));
            }
            if let Some(endpoint) = &kept.endpoint {
                let key = (credential.clone(), endpoint.clone());
                shared.endpoints.insert(key, kept.session.endpoint.clone());
            }
        }
        shared
    }

    fn keep(
        &self,
        project: &ProjectConfig,
        config: &Config,
        source: OnFirstUse,
        shared: &mut Shared,
    ) -> Kept {
        let Limits {
            max_rps,
            max_in_flight,
        } = config.limits;
        let endpoint = source.endpoint();
        let gate = shared
            .gates
            .entry(GateKey::new(&project.credential, endpoint.as_ref()))
            .or_insert_with(|| Arc::new(Gate::new(max_rps, max_in_flight)));
        let proof = match &endpoint {
            Some(endpoint) => {
                let key = (project.credential.clone(), endpoint.clone());
                shared.endpoints.entry(key).or_default().clone()
            }
            None => EndpointProof::default(),
        };
        let session = Arc::new(Session {
            source: Box::new(source),
            gate: Arc::clone(gate),
            endpoint: proof,
            meter: Arc::clone(&self.meter),
        });
        if session.source.not_ready().is_some() {
            tokio::spawn(connect_later(Arc::downgrade(&session)));
        }
        Kept {
            endpoint,
            project: project.clone(),
            request_timeout: config.poll.request_timeout,
            limits: config.limits,
            session,
        }
    }
}

/// Tries a new source, for no longer than a start may take.
async fn tried(
    name: ProjectName,
    source: OnFirstUse,
) -> Result<(ProjectName, OnFirstUse), SessionError> {
    let tried = timeout(FIRST_TRY, source.try_connect()).await;
    match tried.map(Result::err) {
        Ok(Some(why)) if why.is_local() => Err(SessionError { name, why }),
        _ => Ok((name, source)),
    }
}

/// Connects a session that isn't ready, for as long as it is in use. It needs no watch for that.
async fn connect_later(session: Weak<Session>) {
    while let Some(session) = session.upgrade() {
        session.source.connect().await;
        if session.source.not_ready().is_none() {
            return;
        }
        drop(session);
        sleep(RETRY_INTERVAL).await;
    }
}

/// What is asked of each watch.
fn spec(config: &Config) -> WatchSpec {
    let poll = &config.poll;
    WatchSpec {
        schedule: poll.schedule,
        backoff: poll.backoff,
        not_found_grace: poll.not_found_grace,
        mending_grace: poll.mending_grace,
        request_timeout: poll.request_timeout,
        not_found_codes: poll.not_found_codes.clone(),
    }
}

#[cfg(test)]
mod tests;
