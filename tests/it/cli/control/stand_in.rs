//! A stand-in for the daemon: it answers on a Unix socket what it is told to.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use hyper::body::Frame;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;

use crate::cli::harness::{Invocation, dcs_wait};

pub(in crate::cli) const WATCH: &str = "01936c2f-5e00-7000-8000-000000000001";
pub(in crate::cli) const OTHER: &str = "01936c2f-5e00-7000-8000-000000000002";
pub(in crate::cli) const DELIVERY: &str = "01936c2f-5e00-7000-8000-00000000000d";
pub(in crate::cli) const TOKEN: &str = "correct-horse";

/// A daemon's stand-in.
pub(in crate::cli) struct StandIn {
    folder: TempDir,
    desk: Arc<Desk>,
    runtime: Runtime,
}

#[derive(Default)]
struct Desk {
    /// What is answered, by method and path with query; the last of several again and again.
    answers: Mutex<HashMap<String, VecDeque<(u16, String)>>>,
    streams: Mutex<VecDeque<Told>>,
    requests: Mutex<Vec<String>>,
}

/// An event stream: what it tells, and whether it stays open then.
struct Told {
    events: VecDeque<String>,
    stays: bool,
}

impl StandIn {
    pub(in crate::cli) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let stand_in = Self {
            folder: tempfile::tempdir().unwrap(),
            desk: Arc::default(),
            runtime,
        };
        let (socket, routes) = (stand_in.socket(), stand_in.routes());
        let listener = async { UnixListener::bind(socket).unwrap() };
        let listener = stand_in.runtime.block_on(listener);
        stand_in.runtime.spawn(async move {
            axum::serve(listener, routes).await.unwrap();
        });
        stand_in
    }

    fn routes(&self) -> Router {
        Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&self.desk))
    }

    /// Listens on TCP as well; the URL.
    pub(in crate::cli) fn url(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = self.runtime.block_on(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let routes = self.routes();
        self.runtime.spawn(async move {
            axum::serve(listener, routes).await.unwrap();
        });
        format!("http://{address}")
    }

    pub(in crate::cli) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// What is answered to a request such as `GET /v1/watches?limit=1`.
    pub(in crate::cli) fn answers(self, request: &str, status: u16, answer: Value) -> Self {
        self.answers_text(request, status, &answer.to_string())
    }

    pub(in crate::cli) fn answers_text(self, request: &str, status: u16, answer: &str) -> Self {
        let mut answers = self.desk.answers.lock().unwrap();
        let answers_to_it = answers.entry(request.to_owned()).or_default();
        answers_to_it.push_back((status, answer.to_owned()));
        drop(answers);
        self
    }

    /// What the next event stream tells before it ends.
    pub(in crate::cli) fn tells(self, events: impl IntoIterator<Item = Value>) -> Self {
        self.streams(events, false)
    }

    /// What the next event stream tells before nothing more happens.
    pub(in crate::cli) fn tells_and_stays(self, events: impl IntoIterator<Item = Value>) -> Self {
        self.streams(events, true)
    }

    fn streams(self, events: impl IntoIterator<Item = Value>, stays: bool) -> Self {
        let event = |event: Value| {
            let name = event["event"].as_str().unwrap().to_owned();
            format!("event: {name}\ndata: {event}\n\n")
        };
        let events = events.into_iter().map(event).collect();
        let told = Told { events, stays };
        self.desk.streams.lock().unwrap().push_back(told);
        self
    }

    /// The requests that came in, with their bodies where they had one.
    pub(in crate::cli) fn requests(&self) -> Vec<String> {
        self.desk.requests.lock().unwrap().clone()
    }

    /// The command, told where this is.
    pub(in crate::cli) fn asked<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Invocation {
        dcs_wait(arguments).env("DCS_WAIT_SOCKET", self.socket().to_str().unwrap())
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let asked = format!("{} {}", head.method, head.uri.path_and_query().unwrap());
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let noted = format!("{asked} {body}").trim_end().to_owned();
    desk.requests.lock().unwrap().push(noted);
    let respond = |status: u16, body: Body| {
        let response = Response::builder().status(status);
        response.body(body).unwrap()
    };
    let token = head.headers.get("authorization");
    if token.is_some_and(|token| token != format!("Bearer {TOKEN}").as_str()) {
        return respond(401, Body::empty());
    }
    if head.uri.path() == "/v1/events" {
        let told = desk.streams.lock().unwrap().pop_front();
        return match told {
            Some(told) => respond(200, Body::new(told)),
            None => respond(
                503,
                Body::from(error("stopping", "it is stopping").to_string()),
            ),
        };
    }
    let mut answers = desk.answers.lock().unwrap();
    match answers.get_mut(&asked) {
        Some(answers) if answers.len() > 1 => {
            let (status, text) = answers.pop_front().unwrap();
            respond(status, Body::from(text))
        }
        Some(answers) => {
            let (status, text) = answers.front().unwrap().clone();
            respond(status, Body::from(text))
        }
        None => {
            let missing = error("unknown_watch", &format!("nothing is known of {asked}"));
            respond(404, Body::from(missing.to_string()))
        }
    }
}

impl hyper::body::Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(Frame::data(event.into())))),
            None if self.stays => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

pub(in crate::cli) fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

/// A watch for `job` that goes on.
pub(in crate::cli) fn active() -> Value {
    json!({
        "id": WATCH, "project": "main", "job_id": "job", "state": "active", "outcome": null,
        "status": "RUNNING", "job_type": "masterStandbySwapJob",
        "begin_time": "2026-11-24T08:00:00.000Z", "end_time": null, "duration_ms": null,
        "fail_reason": null, "estimate": null, "polls": 3, "accepted_at": "2026-11-24T08:00:00.000Z",
        "deadline_at": null, "ended_at": null, "hooks": ["deploy"], "error": null, "held_by": null,
    })
}

/// A watch with these members instead.
pub(in crate::cli) fn with(mut watch: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        watch[name] = value.clone();
    }
    watch
}

/// A watch whose job has ended.
pub(in crate::cli) fn ended(outcome: &str, status: &str) -> Value {
    with(
        active(),
        json!({
            "state": "ended", "outcome": outcome, "status": status,
            "end_time": "2026-11-24T08:00:03.000Z", "duration_ms": 3000,
            "ended_at": "2026-11-24T08:00:04.000Z",
        }),
    )
}

pub(in crate::cli) fn detail(watch: Value) -> Value {
    json!({"watch": watch, "answers": [], "deliveries": []})
}

/// An event about the watch for `job`.
pub(in crate::cli) fn event(name: &str, members: Value) -> Value {
    let about = json!({
        "event": name, "watch_id": WATCH, "project": "main", "job_id": "job",
        "waited_ms": 4000, "polls": 4,
    });
    with(about, members)
}

pub(in crate::cli) fn polled(status: &str) -> Value {
    event(
        "polled",
        json!({
            "status": status, "job_type": null, "changed": true, "next_ms": 1000,
            "estimate": null,
        }),
    )
}

/// What jobs of a type that usually take 2m10s let expect.
pub(in crate::cli) fn estimate(left_ms: Option<u64>) -> Value {
    json!({"count": 31, "median_ms": 130_312, "p90_ms": 180_000, "left_ms": left_ms})
}

pub(in crate::cli) fn ended_event(outcome: &str, status: &str) -> Value {
    let result = json!({
        "job_id": "job", "project_id": "0f9a", "outcome": outcome, "status": status,
        "job_type": "masterStandbySwapJob", "begin_time": "2026-11-24T08:00:00.000Z",
        "end_time": "2026-11-24T08:00:03.000Z", "duration_ms": 3000, "fail_reason": null,
        "polls": 4, "waited_ms": 4000, "error": null,
    });
    event("ended", json!({"result": result}))
}
