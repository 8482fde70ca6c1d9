//! Daemons in the making that share a database, each with a runtime of its own: so one can die.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dcs_wait::api::{Gate, Session};
use dcs_wait::clock::FollowingClock;
use dcs_wait::engine::{Engine, Membership, Parts, Project, Retries, Setup, Told};
use dcs_wait::model::{Meter, NoMeter, WatchId, WatchRecord};
use dcs_wait::store::{Instance, PostgresPlan, PostgresStore, SharedStore, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use crate::engine::harness::{Inbox, Jobs, Source, hook, north, order, watch_spec};
use crate::postgres::{Database, Proxy};

/// How long a lease is: short, as these tests wait for its end, and long enough for a busy machine.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// One that ends in no test, and so takes nothing with it.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// One that lasts while something is looked at.
pub(super) const LONGER: Duration = Duration::from_secs(8);

/// How long anything may take that isn't late.
const SOON: Duration = Duration::from_secs(30);

/// The requests per second that all daemons may make together.
pub(super) const MAX_RPS: f64 = 1000.0;

/// A database, the service that all daemons ask, and the receiver that they all deliver to.
pub(super) struct Cluster {
    pub(super) database: Database,
    pub(super) jobs: Arc<Jobs>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) second: Arc<Inbox>,
}

impl Cluster {
    pub(super) async fn new() -> Self {
        Self {
            database: Database::new().await,
            jobs: Arc::default(),
            inbox: Inbox::new(),
            second: Inbox::new(),
        }
    }

    /// A daemon that has joined.
    pub(super) async fn daemon(&self, name: &str) -> Daemon {
        self.daemon_with(name, LEASE).await
    }

    /// One with a lease of that length.
    pub(super) async fn daemon_with(&self, name: &str, lease: Duration) -> Daemon {
        let proxy = Proxy::to(self.database.server()).await;
        let plan = PostgresPlan {
            url: format!(
                "postgres://postgres@{}/{}",
                proxy.address(),
                self.database.name()
            ),
            lease,
            ..self.database.plan(name)
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let gate = Arc::new(Gate::new(MAX_RPS, 64));
        let session = Session {
            source: Box::new(Source(Arc::clone(&self.jobs))),
            gate: Arc::clone(&gate),
            endpoint: dcs_wait::api::EndpointProof::default(),
            meter: Arc::new(NoMeter),
        };
        let project = Project {
            session: Arc::new(session),
            watch: Arc::new(watch_spec()),
            timeout: None,
        };
        let mut second = hook("second", &self.second);
        second.by_default = false;
        let setup = Setup {
            projects: HashMap::from([(north(), project)]),
            hooks: vec![hook("inbox", &self.inbox), second],
        };
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let meter = Arc::<Stale>::default();
        let parts = (Arc::clone(&told), meter.clone(), runtime.handle().clone());
        let starting = runtime.spawn(async move {
            let (told, meter, polling) = parts;
            let store = Arc::new(PostgresStore::open(plan).await.unwrap());
            let membership = Membership {
                store: store.clone(),
                clock: Arc::<FollowingClock>::default(),
            };
            let engine = Engine::start(Parts {
                store: store.clone(),
                clock: membership.clock.clone(),
                membership: Some(membership),
                meter,
                teller: Arc::new(move |one: Told| told.lock().unwrap().push(one)),
                retries: Retries {
                    after: vec![Duration::from_secs(1); 3],
                    jitter: 0.0,
                    honors_retry_after: true,
                },
                seed: fastrand::u64(..),
                polling,
            });
            engine.configure(setup);
            engine.restore().await.unwrap();
            (engine, store)
        });
        let (engine, store) = starting.await.unwrap();
        Daemon {
            engine,
            store,
            gate,
            told,
            meter,
            proxy,
            runtime: Some(runtime),
        }
    }

    /// How often the service was asked so far.
    pub(super) fn asked(&self) -> usize {
        self.jobs.asked.lock().unwrap().len()
    }

    /// How often it was asked for a job.
    pub(super) fn asked_for(&self, job: &str) -> usize {
        let asked = self.jobs.asked.lock().unwrap();
        asked.iter().filter(|(asked, _)| asked == job).count()
    }
}

/// Counts what was refused as stale.
#[derive(Default)]
pub(super) struct Stale(Mutex<usize>);

impl Meter for Stale {
    fn stale(&self, changes: usize) {
        *self.0.lock().unwrap() += changes;
    }
}

/// A daemon among others.
pub(super) struct Daemon {
    pub(super) engine: Engine,
    pub(super) store: Arc<PostgresStore>,
    pub(super) gate: Arc<Gate>,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
    meter: Arc<Stale>,
    pub(super) proxy: Proxy,
    runtime: Option<Runtime>,
}

impl Daemon {
    pub(super) async fn accept(&self, job: &str) -> WatchId {
        let accepted = self.engine.accept(order(job)).await.unwrap();
        accepted.record.watch.id
    }

    pub(super) async fn accept_many(&self, count: usize) {
        let orders = (0..count).map(|n| order(&format!("job-{n}"))).collect();
        self.engine.accept_all(orders).await.unwrap();
    }

    pub(super) async fn record(&self, id: WatchId) -> WatchRecord {
        self.store.watch(id).await.unwrap().unwrap().0
    }

    /// What it holds, as the store has it.
    pub(super) async fn holds(&self) -> u64 {
        let all = self.store.instances().await.unwrap();
        let this = all.into_iter().find(|one| one.is_this);
        this.map_or(0, |one| one.held.watches)
    }

    /// How many watches it polls.
    pub(super) fn polls(&self) -> usize {
        let health = self.engine.health();
        health.unseen + health.running + health.in_trouble
    }

    pub(super) async fn instances(&self) -> Vec<Instance> {
        self.store.instances().await.unwrap()
    }

    /// Whether it knows of so many daemons, itself included.
    pub(super) fn knows(&self, instances: u32) -> bool {
        self.engine.health().cluster.unwrap().instances == instances
    }

    pub(super) fn holds_lease(&self) -> bool {
        self.engine.health().cluster.unwrap().holds_lease
    }

    pub(super) fn stale(&self) -> usize {
        *self.meter.0.lock().unwrap()
    }

    /// Ends it without a word.
    pub(super) fn die(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    pub(super) async fn stop(&self) {
        self.engine.stop(SOON).await;
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits until that is so.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < SOON, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
