//! A server in the making: its engine, the service that it asks, its sockets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dcs_wait::api::{Answer, Content, Gate, JobSource, Renewal, Session};
use dcs_wait::clock::{Clock, SystemClock};
use dcs_wait::daemon::Metrics;
use dcs_wait::daemon::http::{Listeners, ServerParts};
use dcs_wait::engine::{Engine, Parts, Project, Retries, Setup, Told};
use dcs_wait::hooks::{Configured, DEFAULT_ON, Hook, Message, Receipt};
use dcs_wait::model::{
    BoxFuture, DeliveryState, Fault, Job, JobId, NoMeter, ProjectId, WatchEventKind,
};
use dcs_wait::poll::{Backoff, BackoffSpec, ScheduleSpec, WatchSpec};
use dcs_wait::secret::Secret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{Events, Reply, send};
use super::store::Moody;

pub(super) const TOKEN: &str = "a-token-of-the-tests";
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

/// How long the service's jobs take.
pub(super) const TOOK: Duration = Duration::from_secs(3600);

/// A service whose jobs run until they are told to end.
#[derive(Default)]
pub(super) struct Service(Mutex<HashMap<String, Job>>);

impl Service {
    /// The job has ended so.
    pub(super) fn end(&self, job_id: &str, status: &str) {
        let begin = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        self.describe(job_id, job(status, Some(begin), Some(begin + TOOK)));
    }

    /// The job runs, and has for so long.
    pub(super) fn run_for(&self, job_id: &str, age: Duration) {
        self.describe(job_id, job("RUNNING", Some(SystemClock.now() - age), None));
    }

    fn describe(&self, job_id: &str, job: Job) {
        self.0.lock().unwrap().insert(job_id.to_owned(), job);
    }
}

fn job(status: &str, begin_time: Option<SystemTime>, end_time: Option<SystemTime>) -> Job {
    Job {
        status: status.into(),
        job_type: Some("masterStandbySwapJob".into()),
        begin_time,
        end_time,
        fail_reason: None,
    }
}

struct Source(Arc<Service>);

impl JobSource for Source {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        let described = self.0.0.lock().unwrap().get(job.as_str()).cloned();
        let answer = described.unwrap_or_else(|| self::job("RUNNING", None, None));
        Box::pin(async { Content::Job(answer).into() })
    }

    fn project_id(&self) -> Option<ProjectId> {
        Some("p1".parse().unwrap())
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        Box::pin(async { Renewal::NotNow(Fault::local("there is no other")) })
    }
}

/// A hook that delivers, or doesn't, as the receiver is.
struct Ring(Arc<AtomicBool>);

impl Hook for Ring {
    fn deliver<'a>(&'a self, _message: &'a Message) -> BoxFuture<'a, Receipt> {
        let receipt = if self.0.load(Ordering::Relaxed) {
            Receipt::Delivered {
                answer: "HTTP 204".to_owned(),
            }
        } else {
            Receipt::Failed {
                answer: "HTTP 500".to_owned(),
                retry_after: None,
            }
        };
        Box::pin(async { receipt })
    }
}

/// How a server is made.
pub(super) struct Plan {
    pub(super) max_connections: usize,
    pub(super) request_timeout: Duration,
    /// How many events are held for streams that are slow.
    pub(super) backlog: usize,
    pub(super) projects: Vec<&'static str>,
    /// Whether the end of a watch drowns in what else is told in the same moment.
    pub(super) drowns: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            max_connections: 100,
            request_timeout: Duration::from_secs(30),
            backlog: 1000,
            projects: vec!["main"],
            drowns: false,
        }
    }
}

/// A server that runs.
pub(super) struct Served {
    pub(super) directory: TempDir,
    pub(super) service: Arc<Service>,
    pub(super) store: Arc<Moody>,
    pub(super) events: broadcast::Sender<Told>,
    pub(super) draining: CancellationToken,
    pub(super) receives: Arc<AtomicBool>,
    pub(super) engine: Engine,
    pub(super) port: u16,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::planned(Plan::default()).await
    }

    pub(super) async fn planned(plan: Plan) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tcp = (([127, 0, 0, 1], 0).into(), Secret::from(TOKEN));
        let listeners = Listeners::bind(directory.path().join("control.sock"), Some(tcp))
            .await
            .unwrap();
        let port = listeners.tcp_address().unwrap().port();
        let (service, store) = (Arc::new(Service::default()), Arc::new(Moody::default()));
        let receives = Arc::new(AtomicBool::new(true));
        let events = broadcast::Sender::new(plan.backlog);
        let told = events.clone();
        let noise = if plan.drowns { 2 * plan.backlog } else { 0 };
        let teller = move |one: Told| {
            let count = if is_end(&one) { noise } else { 0 };
            // Fails while nobody listens.
            drop(told.send(one));
            for _ in 0..count {
                drop(told.send(delivered()));
            }
        };
        let metrics = Arc::new(Metrics::default());
        let engine = Engine::start(Parts {
            store: store.clone(),
            membership: None,
            clock: Arc::new(SystemClock),
            meter: metrics.clone(),
            teller: Arc::new(teller),
            retries: Retries {
                after: vec![Duration::from_millis(1)],
                jitter: 0.0,
                honors_retry_after: true,
            },
            seed: 7,
            polling: tokio::runtime::Handle::current(),
        });
        engine.configure(setup(&plan.projects, &service, &receives));
        let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
        let parts = ServerParts {
            engine: engine.clone(),
            metrics,
            clock: Arc::new(SystemClock),
            events: events.clone(),
            draining: draining.clone(),
            max_connections: plan.max_connections,
            request_timeout: plan.request_timeout,
        };
        let serving = tokio::spawn(listeners.serve(parts, stop.clone()));
        Self {
            directory,
            service,
            store,
            events,
            draining,
            receives,
            engine,
            port,
            stop,
            serving,
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    pub(super) async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    pub(super) async fn connect_tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        send(self.connect().await, "GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        send(self.connect().await, "POST", path, &[JSON], body).await
    }

    /// Adds a watch, and returns it.
    pub(super) async fn add(&self, job_id: &str) -> Value {
        let body = format!(r#"{{"job_id": "{job_id}"}}"#);
        let reply = self.post("/v1/watches", &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["watch"].clone()
    }

    /// Adds a watch whose job has ended, and returns the watch's ID once nothing is owed for it.
    pub(super) async fn ended(&self, job_id: &str) -> String {
        self.service.end(job_id, "SUCCESS");
        let id = self.add(job_id).await["id"].as_str().unwrap().to_owned();
        self.settle(&id).await;
        id
    }

    /// Waits until the watch has ended, and nothing is owed for it.
    pub(super) async fn settle(&self, id: &str) {
        let mut events = self.follow(&format!("/v1/events?watch_id={id}")).await;
        while events.next().await.is_some() {}
        self.engine.settled(id.parse().unwrap()).await;
    }

    /// The status that an event stream would have. It isn't kept open.
    pub(super) async fn probe_events(&self) -> u16 {
        let reply = send(self.connect().await, "HEAD", "/v1/events", &[], "").await;
        reply.status
    }

    pub(super) async fn follow(&self, path: &str) -> Events {
        Events::open(self.connect().await, path).await
    }

    /// Has the server stop, and waits until it has.
    pub(super) async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.directory
    }
}

fn is_end(told: &Told) -> bool {
    let Told::Watch { event, .. } = told else {
        return false;
    };
    matches!(event.kind, WatchEventKind::Ended(_))
}

/// Something that happened elsewhere.
fn delivered() -> Told {
    Told::Delivery {
        delivery_id: "01936c2f-5e00-7000-8000-000000000001".parse().unwrap(),
        watch_id: "01936c2f-5e00-7000-8000-000000000002".parse().unwrap(),
        hook: "ci".parse().unwrap(),
        attempt: 1,
        answer: "HTTP 204".to_owned(),
        state: DeliveryState::Delivered,
    }
}

fn setup(projects: &[&str], service: &Arc<Service>, receives: &Arc<AtomicBool>) -> Setup {
    let backoff = BackoffSpec {
        initial_interval: Duration::from_millis(100),
        max_interval: Duration::from_millis(200),
        multiplier: 2.0,
        jitter: 0.0,
    };
    let watch = Arc::new(WatchSpec {
        schedule: ScheduleSpec::Exponential,
        backoff: Backoff::try_from(backoff).unwrap(),
        not_found_grace: Duration::ZERO,
        mending_grace: Duration::ZERO,
        request_timeout: Duration::from_secs(5),
        not_found_codes: Vec::new(),
    });
    let project = || Project {
        session: Arc::new(Session {
            source: Box::new(Source(Arc::clone(service))),
            gate: Arc::new(Gate::new(1000.0, 64)),
            endpoint: dcs_wait::api::EndpointProof::default(),
            meter: Arc::new(NoMeter),
        }),
        watch: Arc::clone(&watch),
        timeout: Some(Duration::from_secs(3600)),
    };
    let hook = |name: &str, by_default| Configured {
        name: name.parse().unwrap(),
        on: DEFAULT_ON.to_vec(),
        by_default,
        concurrency: 4,
        hook: Arc::new(Ring(Arc::clone(receives))),
    };
    Setup {
        projects: projects
            .iter()
            .map(|name| (name.parse().unwrap(), project()))
            .collect(),
        hooks: vec![hook("ci", true), hook("chat", false)],
    }
}
