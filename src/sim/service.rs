//! What a request is answered with.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, DATE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use crate::model::{JobId, JobStatus};

use super::guard::Guard;
use super::playground::{PLAYGROUND, PlaygroundJob};
use super::reply::{self, JobView, Reply};
use super::script::{Act, ErrorAnswer, Fault, ScriptedJob};
use super::stage::{Cue, Stage};
use super::throttle::Throttle;
use super::{SimOptions, lock};

/// The most that is read of a request's body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that has come in.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// When it came.
    pub at: Instant,
    /// Its method.
    pub method: Method,
    /// Its path as it came, without the query.
    pub path: String,
    /// The job that it is about, where it is about one.
    pub job_id: Option<JobId>,
    /// The HTTP status that it was answered with; 0 where there is no answer.
    pub answered: u16,
}

/// A connection that ends in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// With RST.
    Reset,
    /// With FIN.
    Close,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut, as the script says")
    }
}

impl std::error::Error for Cut {}

/// What becomes of a request.
enum Reaction {
    Answer(Reply),
    Cut(Cut),
    Silence,
}

/// The API behind the socket.
pub(super) struct Service {
    options: SimOptions,
    guard: Guard,
    throttle: Option<Throttle>,
    stage: Stage,
    request_ids: RequestIds,
    seen: Mutex<VecDeque<SeenRequest>>,
}

impl Service {
    pub(super) fn new(mut options: SimOptions) -> Self {
        let jobs = std::mem::take(&mut options.jobs);
        let service = Self {
            guard: Guard::new(&options),
            throttle: options.rate_limit.map(Throttle::new),
            stage: Stage::default(),
            request_ids: RequestIds::from(options.clock.now()),
            seen: Mutex::default(),
            options,
        };
        let playground = PLAYGROUND.iter().map(PlaygroundJob::script);
        playground.chain(jobs).for_each(|job| service.script(job));
        service
    }

    pub(super) fn script(&self, job: ScriptedJob) {
        self.stage.add(job, self.wall());
    }

    pub(super) fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.seen).iter().cloned().collect()
    }

    fn wall(&self) -> SystemTime {
        self.options.clock_offset.shift(self.options.clock.now())
    }

    /// Answers a request, in the time that an answer takes.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Cut> {
        let now = Instant::now();
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body = body.map_err(|_| Cut::Close)?.to_bytes();
        let request_id = self.request_ids.next();
        let (reaction, latency) = self.react(&head, &body, now, &request_id);
        self.remember(head, now, &reaction);
        let latency = self.options.latency.saturating_add(latency);
        // Even a sleep of no time may take until the timer's next millisecond.
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match reaction {
            Reaction::Answer(reply) => Ok(self.headed(reply, request_id)),
            Reaction::Cut(cut) => Err(cut),
            Reaction::Silence => std::future::pending().await,
        }
    }

    /// Adds the headers that every answer has.
    fn headed(&self, mut reply: Reply, request_id: String) -> Reply {
        let date = httpdate::fmt_http_date(self.wall());
        for (name, value) in [(DATE, date), (REQUEST_ID, request_id)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                reply.headers_mut().insert(name, value);
            }
        }
        reply
    }

    fn react(
        &self,
        head: &Parts,
        body: &[u8],
        now: Instant,
        request_id: &str,
    ) -> (Reaction, Duration) {
        self.admit(head, body, now)
            .and_then(|admitted| match admitted {
                Admitted::Projects => {
                    let found = self.find_project(head.uri.query().unwrap_or_default());
                    Ok((Reaction::Answer(reply::projects(found)), Duration::ZERO))
                }
                Admitted::Job(id) => self.perform(&id, now, request_id),
            })
            .unwrap_or_else(|error| {
                let reply = reply::error(&error, request_id);
                (Reaction::Answer(reply), Duration::ZERO)
            })
    }

    /// The gateway: whether there is such an API, who asks, how often; then what of the request
    /// the service itself refuses.
    fn admit(&self, head: &Parts, body: &[u8], now: Instant) -> Result<Admitted, ErrorAnswer> {
        let route = Route::of(head.uri.path()).ok_or_else(no_such_api)?;
        if head.method != Method::GET {
            return Err(wrong_method());
        }
        self.guard
            .check(head, body, self.wall(), now)
            .map_err(|refusal| {
                ErrorAnswer::new(StatusCode::UNAUTHORIZED, "APIGW.0301", refusal.to_string())
            })?;
        if let Some(throttle) = &self.throttle {
            throttle.admit(now).map_err(ErrorAnswer::throttled)?;
        }
        match route {
            Route::Projects => Ok(Admitted::Projects),
            Route::Job { project, .. } if project != self.options.project_id.as_str() => {
                Err(another_project())
            }
            Route::Job { job, .. } => job.parse().map(Admitted::Job).map_err(|_| malformed_id()),
        }
    }

    /// The project of a region, where that region is this simulator's. Without a region, all
    /// projects are listed, which is this one.
    fn find_project(&self, query: &str) -> Option<(&str, &str)> {
        let SimOptions {
            region, project_id, ..
        } = &self.options;
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("name="));
        let same = asked.is_none_or(|name| percent_decode_str(name).eq(region.bytes()));
        same.then_some((project_id.as_str(), region))
    }

    fn perform(
        &self,
        id: &JobId,
        now: Instant,
        request_id: &str,
    ) -> Result<(Reaction, Duration), ErrorAnswer> {
        let cue = self.stage.cue(id, now, self.wall());
        let cue = cue.ok_or_else(no_such_job)?;
        let reaction = match &cue.step().act {
            Act::Status {
                status,
                fail_reason,
            } => Reaction::Answer(reply::job(&view(id, &cue, status, fail_reason.as_deref()))),
            Act::Error(answer) => Reaction::Answer(reply::error(answer, request_id)),
            Act::Redirect(url) => Reaction::Answer(reply::redirect(url)),
            Act::Fault(fault) => misbehave(*fault, id, &cue),
        };
        Ok((reaction, cue.step().latency))
    }

    fn remember(&self, head: Parts, at: Instant, reaction: &Reaction) {
        if self.options.remembered == 0 {
            return;
        }
        let path = head.uri.path();
        let job_id = match Route::of(path) {
            Some(Route::Job { job, .. }) => job.parse().ok(),
            _ => None,
        };
        let request = SeenRequest {
            at,
            path: path.to_owned(),
            job_id,
            method: head.method,
            answered: match reaction {
                Reaction::Answer(reply) => reply.status().as_u16(),
                Reaction::Cut(_) | Reaction::Silence => 0,
            },
        };
        let mut seen = lock(&self.seen);
        if seen.len() == self.options.remembered {
            seen.pop_front();
        }
        seen.push_back(request);
    }
}

/// A request that is to be answered.
enum Admitted {
    Job(JobId),
    Projects,
}

/// The APIs that there are.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Job { project: &'a str, job: &'a str },
    Projects,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        if path == "/v3/projects" {
            return Some(Self::Projects);
        }
        let (project, job) = path.strip_prefix("/v2/")?.split_once("/jobs/")?;
        let is_segment = |text: &str| !text.is_empty() && !text.contains('/');
        (is_segment(project) && is_segment(job)).then_some(Self::Job { project, job })
    }
}

fn view<'a>(
    id: &'a JobId,
    cue: &'a Cue,
    status: &'a JobStatus,
    fail_reason: Option<&'a str>,
) -> JobView<'a> {
    JobView {
        id: id.as_str(),
        job_type: &cue.job().job_type,
        status: status.raw(),
        begin_time: cue.begin_time,
        end_time: cue.end_time,
        fail_reason,
        numeric_times: cue.job().numeric_times,
    }
}

/// Where a fault holds a description of a job at all, it is of one that has succeeded: whoever
/// believes it, is found out.
fn misbehave(fault: Fault, id: &JobId, cue: &Cue) -> Reaction {
    let succeeded = view(id, cue, &JobStatus::Success, None);
    let reply = match fault {
        Fault::Reset => return Reaction::Cut(Cut::Reset),
        Fault::Close => return Reaction::Cut(Cut::Close),
        Fault::Stall => return Reaction::Silence,
        Fault::Truncate => reply::truncated(&succeeded),
        Fault::Empty => reply::empty(),
        Fault::Html => reply::html(),
        Fault::Garbage => reply::garbage(),
        Fault::WrongShape => reply::wrong_shape(),
        Fault::AnotherJob => reply::job(&JobView {
            id: "another-job",
            ..succeeded
        }),
        Fault::Huge => reply::huge(&succeeded),
    };
    Reaction::Answer(reply)
}

fn no_such_api() -> ErrorAnswer {
    ErrorAnswer::new(
        StatusCode::NOT_FOUND,
        "APIGW.0101",
        "The API does not exist or has not been published in the environment",
    )
}

fn wrong_method() -> ErrorAnswer {
    ErrorAnswer {
        http_status: StatusCode::METHOD_NOT_ALLOWED,
        ..no_such_api()
    }
    .with_header(ALLOW, HeaderValue::from_static("GET"))
}

fn another_project() -> ErrorAnswer {
    ErrorAnswer::new(
        StatusCode::UNAUTHORIZED,
        "DCS.1004",
        "The project ID in the URL is not the one of the credential.",
    )
}

fn malformed_id() -> ErrorAnswer {
    ErrorAnswer::new(
        StatusCode::BAD_REQUEST,
        "DCS.4070",
        "Invalid {0} parameter in the request.",
    )
}

/// The vendor doesn't say which code goes with this: the number is the simulator's own.
fn no_such_job() -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::NOT_FOUND, "DCS.4004", "The job does not exist.")
}

/// Numbers requests. The time of the start keeps the IDs of two simulators apart.
struct RequestIds {
    started: u128,
    next: AtomicU64,
}

impl RequestIds {
    fn from(started: SystemTime) -> Self {
        let since = started.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            started: since.unwrap_or_default().as_nanos(),
            next: AtomicU64::new(1),
        }
    }

    /// 32 hexadecimal digits.
    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{number:016x}", self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_an_api_or_nowhere() {
        let job = |project, job| Some(Route::Job { project, job });
        for (path, route) in [
            ("/v2/p/jobs/j", job("p", "j")),
            ("/v2/p/jobs/a%20b", job("p", "a%20b")),
            ("/v3/projects", Some(Route::Projects)),
            ("/", None),
            ("/v2/p/jobs/", None),
            ("/v2//jobs/j", None),
            ("/v2/p/jobs/j/", None),
            ("/v2/p/instances/i/jobs/j", None),
            ("/v1.0/p/jobs/j", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn request_ids_have_32_digits_and_never_repeat() {
        let ids = RequestIds::from(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let (first, second) = (ids.next(), ids.next());
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
    }
}
