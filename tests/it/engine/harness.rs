//! An engine in the making: its service, its hooks, and what was told.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dcs_wait::api::{Answer, Gate, JobSource, Renewal, Session};
use dcs_wait::clock::Clock;
use dcs_wait::engine::{Accepted, Engine, Order, Parts, Project, Retries, Setup, Teller, Told};
use dcs_wait::hooks::{Configured, DEFAULT_ON, Hook, Message, Receipt};
use dcs_wait::model::{
    BoxFuture, Delivery, JobId, Meter, NoMeter, Outcome, ProjectId, ProjectName, WatchEventKind,
    WatchId, WatchRecord,
};
use dcs_wait::poll::{Backoff, BackoffSpec, ScheduleSpec, WatchSpec};
use dcs_wait::store::{DeliveryFilter, Page, Store};
use tokio::time::Instant;

use super::store::Fickle;
pub(super) use crate::poller::harness::{job, refused, secs};

/// What the wall clock says when an engine starts.
pub(super) const START: SystemTime = UNIX_EPOCH;

/// A wall clock that goes as the paused one does, from some time on.
pub(super) struct PausedClock {
    from: SystemTime,
    start: Instant,
}

impl PausedClock {
    pub(super) fn now() -> Self {
        Self {
            from: START,
            start: Instant::now(),
        }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        self.from + self.start.elapsed()
    }
}

/// What the service answers about each job, the last for ever; about others that they run.
#[derive(Default)]
pub(super) struct Jobs {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    pub(super) asked: Mutex<Vec<(String, Instant)>>,
    /// The next so many questions about a job end in a panic.
    pub(super) panics: Mutex<HashMap<String, u32>>,
}

impl Jobs {
    pub(super) fn answer(&self, job: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.answers.lock().unwrap().insert(job.to_owned(), answers);
    }

    /// When a job was asked for, in seconds since `start`.
    pub(super) fn asked_at(&self, job: &str, start: Instant) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let of_job = asked.iter().filter(|(asked, _)| asked == job);
        of_job
            .map(|(_, at)| at.duration_since(start).as_secs())
            .collect()
    }
}

/// Asks them.
pub(super) struct Source(pub(super) Arc<Jobs>);

impl JobSource for Source {
    fn ask<'a>(&'a self, id: &'a JobId) -> BoxFuture<'a, Answer> {
        let asked = (id.to_string(), Instant::now());
        self.0.asked.lock().unwrap().push(asked);
        let is_to_panic = match self.0.panics.lock().unwrap().get_mut(id.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        let mut answers = self.0.answers.lock().unwrap();
        let answer = match answers.get_mut(id.as_str()) {
            None => job("RUNNING"),
            Some(answers) if answers.len() == 1 => answers[0].clone(),
            Some(answers) => answers.pop_front().unwrap(),
        };
        Box::pin(async move {
            assert!(!is_to_panic, "as this test wants it");
            answer
        })
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        Box::pin(async { Renewal::Unchanged })
    }

    fn project_id(&self) -> Option<ProjectId> {
        Some("p1".parse().unwrap())
    }
}

/// A hook that notes what it is told.
pub(super) struct Inbox {
    pub(super) messages: Mutex<Vec<Message>>,
    receipt: Receipt,
    /// Whether it takes nothing for now.
    refuses: AtomicBool,
    taken: AtomicUsize,
}

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        let answer = "thanks".to_owned();
        Self::that(Receipt::Delivered { answer })
    }

    pub(super) fn that(receipt: Receipt) -> Arc<Self> {
        Arc::new(Self {
            messages: Mutex::default(),
            receipt,
            refuses: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        })
    }

    /// Takes nothing from now on.
    pub(super) fn refuse(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }

    /// Takes everything from now on.
    pub(super) fn take_again(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }

    /// Whether it has taken so many.
    pub(super) fn has_taken(&self, count: usize) -> bool {
        self.taken.load(Ordering::SeqCst) == count
    }

    /// The types of what has arrived.
    pub(super) fn types(&self) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        let of = |message: &Message| {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
            body["type"].as_str().unwrap().to_owned()
        };
        messages.iter().map(of).collect()
    }
}

impl Hook for Inbox {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        self.messages.lock().unwrap().push(message.clone());
        let receipt = if self.refuses.load(Ordering::SeqCst) {
            let answer = "not now".to_owned();
            Receipt::Failed {
                answer,
                retry_after: None,
            }
        } else {
            self.taken.fetch_add(1, Ordering::SeqCst);
            self.receipt.clone()
        };
        Box::pin(async { receipt })
    }
}

pub(super) fn hook(name: &str, inbox: &Arc<Inbox>) -> Configured {
    Configured {
        name: name.parse().unwrap(),
        on: DEFAULT_ON.to_vec(),
        by_default: true,
        concurrency: 16,
        hook: inbox.clone(),
    }
}

pub(super) fn watch_spec() -> WatchSpec {
    let backoff = BackoffSpec {
        initial_interval: secs(1),
        max_interval: secs(8),
        multiplier: 2.0,
        jitter: 0.0,
    };
    WatchSpec {
        schedule: ScheduleSpec::Exponential,
        backoff: Backoff::try_from(backoff).unwrap(),
        not_found_grace: secs(10),
        mending_grace: secs(900),
        request_timeout: secs(5),
        not_found_codes: Vec::new(),
    }
}

pub(super) fn session(jobs: &Arc<Jobs>) -> Arc<Session> {
    Arc::new(Session {
        source: Box::new(Source(Arc::clone(jobs))),
        gate: Arc::new(Gate::new(1_000_000.0, 64)),
        endpoint: dcs_wait::api::EndpointProof::default(),
        meter: Arc::new(NoMeter),
    })
}

pub(super) fn project(jobs: &Arc<Jobs>) -> Project {
    Project {
        session: session(jobs),
        watch: Arc::new(watch_spec()),
        timeout: Some(secs(3600)),
    }
}

pub(super) fn north() -> ProjectName {
    "north".parse().unwrap()
}

#[derive(Default)]
pub(super) struct Restarts(pub(super) Mutex<usize>);

impl Meter for Restarts {
    fn restarted(&self) {
        *self.0.lock().unwrap() += 1;
    }
}

/// An engine with one project, `north`, and one hook, `inbox`.
pub(super) struct House {
    pub(super) engine: Engine,
    pub(super) store: Arc<Fickle>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
    pub(super) meter: Arc<Restarts>,
    pub(super) setup: Setup,
    pub(super) start: Instant,
}

impl House {
    pub(super) fn new() -> Self {
        Self::on(Fickle::new(), Duration::ZERO)
    }

    /// One with what another has left in the store, so long after that one started.
    pub(super) fn on(store: Arc<Fickle>, later: Duration) -> Self {
        Self::on_telling(store, later, Arc::new(|_| {}))
    }

    /// One that tells somebody else as well.
    pub(super) fn on_telling(store: Arc<Fickle>, later: Duration, teller: Teller) -> Self {
        let (jobs, inbox) = (Arc::<Jobs>::default(), Inbox::new());
        let (told, start) = (Arc::<Mutex<Vec<Told>>>::default(), Instant::now());
        let meter = Arc::<Restarts>::default();
        let teller_told = Arc::clone(&told);
        let engine = Engine::start(Parts {
            store: store.clone(),
            membership: None,
            clock: Arc::new(PausedClock {
                from: START + later,
                start,
            }),
            meter: meter.clone(),
            teller: Arc::new(move |one: Told| {
                teller_told.lock().unwrap().push(one.clone());
                teller(one);
            }),
            retries: Retries {
                after: vec![secs(5)],
                jitter: 0.0,
                honors_retry_after: true,
            },
            seed: 7 + later.as_secs(),
            polling: tokio::runtime::Handle::current(),
        });
        let setup = Setup {
            projects: HashMap::from([(north(), project(&jobs))]),
            hooks: vec![hook("inbox", &inbox)],
        };
        engine.configure(setup.clone());
        Self {
            engine,
            store,
            jobs,
            inbox,
            told,
            meter,
            setup,
            start,
        }
    }

    pub(super) async fn accept(&self, job: &str) -> Accepted {
        self.engine.accept(order(job)).await.unwrap()
    }

    pub(super) async fn accept_id(&self, job: &str) -> WatchId {
        self.accept(job).await.record.watch.id
    }

    pub(super) async fn record(&self, id: WatchId) -> WatchRecord {
        self.store.watch(id).await.unwrap().unwrap().0
    }

    pub(super) async fn outcome(&self, id: WatchId) -> Option<Outcome> {
        self.record(id).await.end.map(|end| end.outcome)
    }

    pub(super) async fn deliveries(&self, id: WatchId) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            watch_id: Some(id),
            ..DeliveryFilter::default()
        };
        let page = Page {
            before: None,
            limit: 100,
        };
        self.store.deliveries(&filter, page).await.unwrap()
    }

    /// The outcomes that were told, in turn.
    pub(super) fn told_outcomes(&self) -> Vec<Outcome> {
        let told = self.told.lock().unwrap();
        let outcome = |one: &Told| match one {
            Told::Watch { event, .. } => match &event.kind {
                WatchEventKind::Ended(report) => Some(report.outcome),
                _ => None,
            },
            _ => None,
        };
        told.iter().filter_map(outcome).collect()
    }
}

pub(super) fn order(job: &str) -> Order {
    Order {
        project: None,
        job_id: job.parse().unwrap(),
        hooks: None,
        timeout: None,
    }
}

/// Lets everything that is due happen, and so long pass.
pub(super) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
