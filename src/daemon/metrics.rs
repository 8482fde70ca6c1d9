//! What is measured, in Prometheus' terms.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::engine::Health;
use crate::model::{HookName, Meter};
use crate::output::Writer;
use crate::store::Counts;

/// What all names begin with.
const PREFIX: &str = "dcs_wait";

/// Seconds that a request or an attempt may take.
const TOOK: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
/// Seconds that a request may be late: a few milliseconds by itself, and minutes by turns at a limit.
const LATE: [f64; 18] = [
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0,
    60.0, 300.0, 3600.0,
];
/// Seconds that a transaction may take.
const COMMITTED: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];
/// Changes in a transaction.
const CHANGES: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// The daemon's metrics. No label has more values than the configuration or this program gives it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    polls: Family<[(&'static str, &'static str); 1], Counter>,
    requests: Histogram,
    lateness: Histogram,
    commits: Histogram,
    changes: Histogram,
    stale: Counter,
    restarts: Counter,
    attempts: Family<Labels<2>, Counter>,
    attempts_took: Family<Labels<1>, Histogram, fn() -> Histogram>,
    log: OnceLock<Writer>,
}

/// What is looked up at the moment that metrics are asked for.
pub(super) struct Seen {
    /// How the engine is.
    pub(super) health: Health,
    /// What the store holds, where it could be read.
    pub(super) counts: Option<Counts>,
    /// Connections that are being served.
    pub(super) connections: usize,
    /// The time.
    pub(super) now: SystemTime,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            polls: Family::default(),
            requests: Histogram::new(TOOK),
            lateness: Histogram::new(LATE),
            commits: Histogram::new(COMMITTED),
            changes: Histogram::new(CHANGES),
            stale: Counter::default(),
            restarts: Counter::default(),
            attempts: Family::default(),
            attempts_took: Family::new_with_constructor(|| Histogram::new(TOOK)),
            log: OnceLock::new(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The daemon's version", build);
        registry.register(
            "polls",
            "Requests for a job, by what was answered",
            self.polls.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time that requests for a job took",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register_with_unit(
            "poll_lateness",
            "Time after its due time that a request for a job was sent",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register_with_unit(
            "store_commit_duration",
            "Time that transactions of the store took",
            Unit::Seconds,
            self.commits.clone(),
        );
        registry.register(
            "store_commit_changes",
            "Changes that were stored in one transaction",
            self.changes.clone(),
        );
        registry.register(
            "stale_writes",
            "Changes that changed nothing, as the watch had ended or was another daemon's",
            self.stale.clone(),
        );
        registry.register(
            "loop_restarts",
            "Polling loops that panicked and were started again",
            self.restarts.clone(),
        );
        registry.register(
            "delivery_attempts",
            "Attempts to deliver, by hook and by what came of them",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "delivery_attempt_duration",
            "Time that attempts to deliver took",
            Unit::Seconds,
            self.attempts_took.clone(),
        );
        self
    }

    /// Counts the lines of the log that are dropped, as they are not read in time.
    pub(super) fn count_dropped_lines_of(&self, log: Writer) {
        // A process has one log.
        self.log.set(log).ok();
    }

    /// All metrics as OpenMetrics text.
    pub(super) fn render(&self, seen: &Seen) -> String {
        let mut text = String::new();
        // Writing into a text can't fail, and nothing else in there does.
        let written = self.write(&mut text, seen);
        debug_assert!(written.is_ok(), "{written:?}");
        text
    }

    fn log_registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let dropped = self.log.get().map_or(0, Writer::lines_dropped);
        registry.register(
            "log_lines_dropped",
            "Lines of the log that were dropped, as the journal or standard error wasn't read in time",
            ConstCounter::new(dropped),
        );
        registry
    }

    fn write(&self, text: &mut String, seen: &Seen) -> fmt::Result {
        encode_registry(text, &self.registry)?;
        encode_registry(text, &seen.registry())?;
        encode_registry(text, &self.log_registry())?;
        encode_eof(text)
    }
}

impl Meter for Metrics {
    fn polled(&self, answer: &'static str, took: Duration, late: Duration) {
        self.polls.get_or_create(&[("answer", answer)]).inc();
        self.requests.observe(took.as_secs_f64());
        self.lateness.observe(late.as_secs_f64());
    }

    fn committed(&self, changes: usize, took: Duration) {
        self.commits.observe(took.as_secs_f64());
        self.changes.observe(as_f64(changes));
    }

    fn stale(&self, changes: usize) {
        self.stale.inc_by(changes as u64);
    }

    fn restarted(&self) {
        self.restarts.inc();
    }

    fn attempted(&self, hook: &HookName, result: &'static str, took: Duration) {
        let hook = ("hook", hook.to_string());
        self.attempts_took
            .get_or_create(std::array::from_ref(&hook))
            .observe(took.as_secs_f64());
        self.attempts
            .get_or_create(&[hook, ("result", result.to_owned())])
            .inc();
    }
}

/// Exact far beyond what is counted here.
fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

type Value = Gauge<f64, AtomicU64>;

impl Seen {
    /// The gauges. They are made anew each time, so that a project that is gone leaves none behind.
    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        self.register_watches(&mut registry);
        self.register_projects(&mut registry);
        if let Some(counts) = &self.counts {
            self.register_counts(&mut registry, counts);
        }
        let flag = |set: bool| value(if set { 1.0 } else { 0.0 });
        registry.register(
            "store_writable",
            "Whether the store can be written",
            flag(self.health.store_trouble.is_none()),
        );
        registry.register(
            "store_held_changes",
            "Changes that are held until the store can be written",
            value(as_f64(self.health.held)),
        );
        registry.register(
            "restored",
            "Whether all watches of the last run are polled again",
            flag(self.health.restored),
        );
        if let Some(cluster) = self.health.cluster {
            let holds = if cluster.holds_lease { 1.0 } else { 0.0 };
            let help = "Whether the lease goes on: nothing is polled or delivered without it";
            registry.register("lease_held", help, value(holds));
            let help = "Daemons that share the store, this one included";
            registry.register("daemons", help, value(f64::from(cluster.instances)));
        }
        registry.register(
            "http_connections",
            "Connections to the control API that are being served",
            value(as_f64(self.connections)),
        );
        registry
    }

    fn register_watches(&self, registry: &mut Registry) {
        let watches = Family::<Labels<1>, Value>::default();
        for (state, number) in [
            ("unseen", self.health.unseen),
            ("running", self.health.running),
            ("in_trouble", self.health.in_trouble),
        ] {
            watches
                .get_or_create(&[("state", state.to_owned())])
                .set(as_f64(number));
        }
        registry.register(
            "watches",
            "Watches that go on, by what was answered last",
            watches,
        );
    }

    fn register_projects(&self, registry: &mut Registry) {
        let refused = Family::<Labels<1>, Value>::default();
        let paused = Family::<Labels<1>, Value>::default();
        let spacing = Family::<Labels<1>, Value>::default();
        for project in &self.health.projects {
            let labels = [("project", project.name.to_string())];
            let is_refused = if project.refused.is_some() { 1.0 } else { 0.0 };
            refused.get_or_create(&labels).set(is_refused);
            let left = project.paused.unwrap_or_default();
            paused.get_or_create(&labels).set(left.as_secs_f64());
            spacing
                .get_or_create(&labels)
                .set(project.spacing.as_secs_f64());
        }
        registry.register(
            "project_credential_refused",
            "Whether the service refuses the project's credential: the breaker is open",
            refused,
        );
        registry.register_with_unit(
            "project_paused",
            "Time for which the service wants nothing to be sent",
            Unit::Seconds,
            paused,
        );
        registry.register_with_unit(
            "project_spacing",
            "Time that is kept between two requests",
            Unit::Seconds,
            spacing,
        );
    }

    fn register_counts(&self, registry: &mut Registry, counts: &Counts) {
        let stored = Family::<Labels<1>, Gauge<u64, AtomicU64>>::default();
        for (state, number) in [("active", counts.active), ("ended", counts.ended)] {
            stored
                .get_or_create(&[("state", state.to_owned())])
                .set(number);
        }
        registry.register("stored_watches", "Watches that are kept", stored);
        let owed = Family::<Labels<1>, Gauge<u64, AtomicU64>>::default();
        for (state, number) in [("pending", counts.pending), ("dead", counts.dead)] {
            owed.get_or_create(&[("state", state.to_owned())])
                .set(number);
        }
        registry.register(
            "deliveries_owed",
            "Deliveries that have not arrived, still to be carried out or given up",
            owed,
        );
        let age = counts
            .oldest_pending
            .and_then(|at| self.now.duration_since(at).ok());
        registry.register_with_unit(
            "oldest_undelivered_age",
            "Age of the oldest delivery that is still to be carried out; 0 where there is none",
            Unit::Seconds,
            value(age.unwrap_or_default().as_secs_f64()),
        );
    }
}

fn value(number: f64) -> Value {
    let gauge = Value::default();
    gauge.set(number);
    gauge
}

#[cfg(test)]
mod tests;
