//! From options and environment to a session with the service.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::args::ConnectArgs;
use super::error::CliError;
use crate::api::{EndpointProof, Gate, Session, parse_endpoint};
use crate::auth::Given;
use crate::clock::SaturatingAdd as _;
use crate::config::defaults;
use crate::connect::{ConnectError, Place, Plan};
use crate::environment::Environment;
use crate::model::{Exit, NoMeter};
use crate::output::{LogWriter, stderr};
use crate::poll::{Backoff, Deadline, Schedule as _};
use crate::report::{self, Connecting, Style, sanitize_message};

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
    /// The form of the progress.
    pub(super) style: Style,
}

/// Opens a session with the service that the options and the environment say.
pub(super) async fn connect(
    args: &ConnectArgs,
    pace: &Pace,
    environment: Arc<dyn Environment>,
) -> Result<Session, CliError> {
    let place = place(args, environment.as_ref())?;
    let plan = plan(args, place, environment, pace.request_timeout);
    let open = async || plan.open().await;
    let client = persist(pace, open).await?;
    Ok(Session {
        source: Box::new(client),
        gate: Arc::new(Gate::new(pace.max_rps, defaults::MAX_IN_FLIGHT as usize)),
        endpoint: EndpointProof::default(),
        meter: Arc::new(NoMeter),
    })
}

/// The exit code that a connection calls for which there isn't, for good.
pub(super) fn exit_of(error: &ConnectError) -> Exit {
    if error.is_denied() {
        Exit::Denied
    } else {
        Exit::Usage
    }
}

/// How to connect, by the options.
pub(super) fn plan(
    args: &ConnectArgs,
    place: Place,
    environment: Arc<dyn Environment>,
    request_timeout: Duration,
) -> Plan {
    Plan {
        place,
        given: Given {
            ak_file: args.ak_file.clone(),
            sk_file: args.sk_file.clone(),
            security_token_file: args.security_token_file.clone(),
            auth_token_file: args.auth_token_file.clone(),
        },
        ca_file: args.ca_file.clone(),
        request_timeout,
        environment,
    }
}

/// Where the service is, as far as options and environment say.
pub(super) fn place(args: &ConnectArgs, environment: &dyn Environment) -> Result<Place, CliError> {
    let read = || {
        let endpoint = args.endpoint.as_deref();
        let project_id = args.project_id.as_deref();
        let given = Place {
            region: args.region.clone(),
            endpoint: endpoint.map(parse_endpoint).transpose()?,
            project_id: project_id.map(Place::parse_project).transpose()?,
        };
        given.or_environment(environment)
    };
    read().map_err(|error: ConnectError| CliError::usage(error))
}

/// Retries transient errors until the deadline, as the wait does, and no earlier than the service asks
/// for. The last attempt falls on the deadline, and takes no longer than one request may.
async fn persist<T>(
    pace: &Pace,
    attempt: impl AsyncFn() -> Result<T, ConnectError>,
) -> Result<T, CliError> {
    let timed_out = |why: String| CliError::new(Exit::TimedOut, why);
    let deadline = pace.deadline;
    let mut place = pace.backoff.first();
    let mut random = fastrand::Rng::new();
    let mut progress = LookupProgress {
        connecting: report::connecting(&pace.style, Box::new(LogWriter)),
        start: Instant::now(),
    };
    let mut last = "there was no answer in time".to_owned();
    loop {
        let answered = deadline.before_too_late(attempt());
        let Some(result) = progress.during(None, answered).await else {
            return Err(timed_out(last));
        };
        let error = match result {
            Ok(result) => return Ok(result),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(CliError::new(exit_of(&error), error)),
        };
        let asked_for = error.retry_after().unwrap_or_default();
        let error = error.to_string();
        let is_news = error != last;
        last = error;
        if deadline.has_passed() {
            return Err(timed_out(last));
        }
        let backoff = pace.backoff.next(&mut place, &mut random);
        let next = deadline.cut(backoff.max(asked_for));
        if is_news {
            let text = format!("{last}; retrying until the time-out");
            let elapsed = progress.start.elapsed();
            progress
                .connecting
                .trouble(elapsed, &sanitize_message(&text));
        }
        let at = Instant::now().saturating_add(next);
        progress.during(Some(at), sleep(next)).await;
    }
}

/// Shows how long the lookup takes.
struct LookupProgress {
    connecting: Connecting,
    start: Instant,
}

impl LookupProgress {
    /// Shows the time that has passed while `work` is done, and the time until the next attempt.
    async fn during<T>(&mut self, next: Option<Instant>, work: impl Future<Output = T>) -> T {
        let mut ticks = interval(self.connecting.tick_every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut work = pin!(work);
        loop {
            tokio::select! {
                // What takes no time shows nothing.
                biased;
                done = &mut work => return done,
                now = ticks.tick() => if !stderr().is_behind() {
                    let left = next.map(|next| next.duration_since(now));
                    self.connecting.tick(self.start.elapsed(), left);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ProjectError, Refusal};
    use crate::model::Fault;
    use crate::poll::BackoffSpec;
    use crate::report::{Progress, Results};
    use std::cell::RefCell;
    use std::future::pending;

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
            style: Style {
                progress: Progress::Silent,
                results: Results::Text,
                print_results: false,
                color: false,
            },
        }
    }

    /// An answer of IAM with this status.
    fn refused(status: u16, retry_after: Option<Duration>) -> ConnectError {
        ConnectError::Project(ProjectError::Refused(Box::new(Refusal {
            status,
            fault: Fault::local("not now"),
            retry_after,
            limit: None,
        })))
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_falls_exactly_on_the_deadline() {
        let start = Instant::now();
        let attempts = RefCell::new(Vec::new());
        let attempt = async || {
            attempts.borrow_mut().push(start.elapsed());
            Err::<(), _>(refused(503, None))
        };
        let timeout = Duration::from_secs(20);
        let error = persist(&pace(timeout), attempt).await.unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        let message = error.to_string();
        assert!(message.starts_with("timed out: IAM failed"), "{message}");
        assert_eq!(attempts.into_inner(), [Duration::ZERO, timeout]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_is_made_before_the_service_wants_one() {
        let start = Instant::now();
        let attempts = RefCell::new(Vec::new());
        let attempt = async || {
            attempts.borrow_mut().push(start.elapsed().as_secs());
            Err::<(), _>(refused(429, Some(Duration::from_secs(600))))
        };
        let timeout = Duration::from_secs(1500);
        let error = persist(&pace(timeout), attempt).await.unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        assert_eq!(attempts.into_inner(), [0, 600, 1200, 1500]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_never_ends_is_given_up_one_request_after_the_deadline() {
        let start = Instant::now();
        let pace = pace(Duration::from_secs(20));
        let attempt = async || pending::<Result<(), ConnectError>>().await;
        let error = persist(&pace, attempt).await.unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(25));
    }
}
