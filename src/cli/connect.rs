//! From options and environment to a session with the service.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::sleep;

use super::args::ConnectArgs;
use super::error::CliError;
use super::output;
use crate::api::{
    self, DcsClient, Gate, ProjectError, ProjectQuestion, ServiceClock, Session, Target,
};
use crate::auth::{AuthError, Chain, Found, Given, Provider};
use crate::clock::SystemClock;
use crate::environment::Environment;
use crate::http::{Connector, Route};
use crate::model::{Exit, NoMeter, ProjectId};
use crate::poll::{Backoff, Deadline, Schedule as _};
use crate::report::clean_message;

/// How requests are to be sent while a session is opened and held.
pub(super) struct Pace {
    /// How long one request may take.
    pub(super) request_timeout: Duration,
    /// Requests per second, for all jobs together.
    pub(super) max_rps: f64,
    /// The intervals after trouble.
    pub(super) backoff: Backoff,
    /// When to give up.
    pub(super) deadline: Deadline,
    /// Whether to keep passing trouble to oneself.
    pub(super) quiet: bool,
}

/// Finds credential, endpoint and project. Asks nobody for what is known already.
pub(super) async fn connect(
    args: &ConnectArgs,
    pace: &Pace,
    environment: Arc<dyn Environment>,
) -> Result<Session, CliError> {
    let place = Place::of(args, environment.as_ref())?;
    let connector = connector(args);
    let load = async || Provider::load(chain(args, &environment)).await;
    let provider = persist(pace, load, AuthError::is_passing, |error| match error {
        AuthError::Refused { status, .. } => exit_of_status(Some(*status)),
        _ => Exit::Usage,
    })
    .await?;
    let found = provider.found();
    let endpoint = place.endpoint(&found, environment.as_ref())?;
    let http = connector
        .client(&endpoint, Route::ProxyOfEnvironment)
        .map_err(CliError::usage)?;
    let clock = Arc::new(ServiceClock::new(Arc::new(SystemClock)));
    let project_id = match place.project(&found, environment.as_ref())? {
        Some(project_id) => project_id,
        None => {
            let lookup = Lookup {
                name: place.project_name(&found)?,
                iam: api::iam_endpoint(found.iam_endpoint.as_ref(), environment.as_ref())
                    .map_err(CliError::usage)?,
                found: &found,
                clock: &clock,
            };
            lookup.run(&connector, pace).await?
        }
    };
    tracing::debug!(source = %found.source, credential = %found, %endpoint, %project_id, "connected");
    let target = Target {
        endpoint,
        project_id,
        request_timeout: pace.request_timeout,
    };
    Ok(Session {
        source: Box::new(DcsClient::new(http, provider, clock, target)),
        gate: Arc::new(Gate::new(pace.max_rps)),
        meter: Arc::new(NoMeter),
    })
}

/// The credential sources, in their order.
pub(super) fn chain(args: &ConnectArgs, environment: &Arc<dyn Environment>) -> Chain {
    let given = Given {
        ak_file: args.ak_file.clone(),
        sk_file: args.sk_file.clone(),
        security_token_file: args.security_token_file.clone(),
        auth_token_file: args.auth_token_file.clone(),
    };
    Chain::new(
        given,
        Arc::clone(environment),
        connector(args),
        Arc::new(SystemClock),
    )
}

fn connector(args: &ConnectArgs) -> Connector {
    Connector {
        ca_file: args.ca_file.clone(),
    }
}

/// Where the service is, as far as options and environment say. The credential's source may know
/// more.
pub(super) struct Place {
    region: Option<String>,
    endpoint: Option<Url>,
    project_id: Option<ProjectId>,
}

impl Place {
    pub(super) fn of(args: &ConnectArgs, environment: &dyn Environment) -> Result<Self, CliError> {
        let first = |given: &Option<String>, names: &[&str]| {
            given
                .clone()
                .or_else(|| names.iter().find_map(|name| environment.var(name)))
        };
        Ok(Self {
            region: first(&args.region, &["DCS_WAIT_REGION", "HW_REGION_NAME"]),
            endpoint: first(&args.endpoint, &["DCS_WAIT_ENDPOINT"])
                .map(|url| api::parse_endpoint(&url))
                .transpose()
                .map_err(CliError::usage)?,
            project_id: first(&args.project_id, &["DCS_WAIT_PROJECT_ID"])
                .map(|id| parse_project(&id))
                .transpose()?,
        })
    }

    fn region<'a>(&'a self, found: &'a Found) -> Option<&'a str> {
        self.region.as_deref().or(found.region.as_deref())
    }

    /// The DCS endpoint.
    pub(super) fn endpoint(
        &self,
        found: &Found,
        environment: &dyn Environment,
    ) -> Result<Url, CliError> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let region = self.region(found).ok_or_else(|| {
            CliError::usage(
                "no region is given; name it with --region or DCS_WAIT_REGION (such as cn-north-4), or give the address with --endpoint",
            )
        })?;
        api::endpoint(region, environment).map_err(CliError::usage)
    }

    /// The project, where it is known without asking IAM.
    pub(super) fn project(
        &self,
        found: &Found,
        environment: &dyn Environment,
    ) -> Result<Option<ProjectId>, CliError> {
        if let Some(known) = self.project_id.as_ref().or(found.project_id.as_ref()) {
            return Ok(Some(known.clone()));
        }
        ["HUAWEICLOUD_SDK_PROJECT_ID", "HW_PROJECT_ID"]
            .iter()
            .find_map(|name| environment.var(name))
            .map(|id| parse_project(&id))
            .transpose()
    }

    /// The name to look the project up by: a region's main project has the region's name.
    pub(super) fn project_name(&self, found: &Found) -> Result<String, CliError> {
        found
            .project_name
            .as_deref()
            .or(self.region(found))
            .map(str::to_owned)
            .ok_or_else(|| {
                CliError::usage(
                    "no project is given, and no region to look it up by; give it with --project-id or DCS_WAIT_PROJECT_ID",
                )
            })
    }
}

fn parse_project(id: &str) -> Result<ProjectId, CliError> {
    id.parse().map_err(|why| {
        let shown: String = id.chars().take(80).collect();
        CliError::usage(format!(
            "{shown:?} is no project ID: {why}; it is on the console's page \"My Credentials\""
        ))
    })
}

/// A project that is looked up at IAM.
struct Lookup<'a> {
    name: String,
    iam: Url,
    found: &'a Found,
    clock: &'a ServiceClock,
}

impl Lookup<'_> {
    async fn run(&self, connector: &Connector, pace: &Pace) -> Result<ProjectId, CliError> {
        let http = connector
            .client(&self.iam, Route::ProxyOfEnvironment)
            .map_err(CliError::usage)?;
        let ask = async || {
            let question = ProjectQuestion {
                iam: &self.iam,
                name: &self.name,
                credential: &self.found.credential,
            };
            question.ask(&http, self.clock, pace.request_timeout).await
        };
        persist(pace, ask, ProjectError::is_passing, |error| match error {
            ProjectError::Refused(fault) => exit_of_status(fault.http_status),
            _ => Exit::Usage,
        })
        .await
    }
}

/// Passing trouble is no reason to give up before the deadline, here as little as in the wait. The
/// last attempt falls on the deadline, and takes no longer than one request may.
async fn persist<T, E: Display>(
    pace: &Pace,
    attempt: impl AsyncFn() -> Result<T, E>,
    is_passing: fn(&E) -> bool,
    exit: fn(&E) -> Exit,
) -> Result<T, CliError> {
    let timed_out = |why: String| CliError::new(Exit::TimedOut, why);
    let deadline = pace.deadline;
    let mut place = pace.backoff.first();
    let mut random = fastrand::Rng::new();
    let mut last = "there was no answer in time".to_owned();
    loop {
        let Some(result) = deadline.before_too_late(attempt()).await else {
            return Err(timed_out(last));
        };
        let error = match result {
            Ok(result) => return Ok(result),
            Err(error) if is_passing(&error) => error,
            Err(error) => return Err(CliError::new(exit(&error), error)),
        };
        let error = error.to_string();
        let is_news = error != last;
        last = error;
        if deadline.has_passed() {
            return Err(timed_out(last));
        }
        let next = deadline.cut(pace.backoff.next(&mut place, &mut random));
        if is_news && !pace.quiet {
            output::warn(&clean_message(&format!(
                "{last}; trying on until the time-out"
            )));
        }
        sleep(next).await;
    }
}

fn exit_of_status(status: Option<u16>) -> Exit {
    match status {
        Some(401 | 403) => Exit::Denied,
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::BackoffSpec;
    use std::cell::RefCell;
    use std::future::pending;
    use tokio::time::Instant;

    fn pace(timeout: Duration) -> Pace {
        let request_timeout = Duration::from_secs(5);
        Pace {
            request_timeout,
            max_rps: 10.0,
            backoff: Backoff::try_from(BackoffSpec {
                initial_interval: Duration::from_secs(30),
                ..BackoffSpec::default()
            })
            .unwrap(),
            deadline: Deadline::new(Instant::now(), Some(timeout), request_timeout),
            quiet: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_falls_exactly_on_the_deadline() {
        let start = Instant::now();
        let attempts = RefCell::new(Vec::new());
        let attempt = async || {
            attempts.borrow_mut().push(start.elapsed());
            Err::<(), &str>("no way there")
        };
        let timeout = Duration::from_secs(20);
        let error = persist(&pace(timeout), attempt, |_| true, |_| Exit::Usage)
            .await
            .unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        assert_eq!(error.to_string(), "timed out: no way there");
        assert_eq!(attempts.into_inner(), [Duration::ZERO, timeout]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_never_ends_is_given_up_one_request_after_the_deadline() {
        let start = Instant::now();
        let pace = pace(Duration::from_secs(20));
        let attempt = async || pending::<Result<(), &str>>().await;
        let error = persist(&pace, attempt, |_| true, |_| Exit::Usage)
            .await
            .unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(25));
    }
}
