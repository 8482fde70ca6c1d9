//! The wait of the command line: the same engine with a store in memory, until enough has ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::active::Wish;
use super::ending::deliveries_of;
use super::polling::Times;
use super::service::Engine;
use super::setup::{Parts, Project, Setup};
use super::shared::Aside;
use super::supervisor::Command;
use super::{Retries, Told};
use crate::api::Session;
use crate::clock::{Clock as _, SystemClock};
use crate::hooks::Configured;
use crate::model::{
    Delivery, DeliveryState, Durations, Exit, JobId, JobType, Outcome, ProjectName, Watch,
    WatchEventKind, WatchId, WatchReport,
};
use crate::poll::WatchSpec;
use crate::store::{MemoryStore, StoreError};

/// When a wait for several jobs is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When all have ended.
    AllEnd,
    /// When one has ended, however.
    AnyEnds,
    /// When one has ended otherwise than well, or all have ended.
    AnyFails,
}

/// What was asked of a wait.
#[derive(Clone)]
pub struct WaitSpec {
    /// The jobs, each once.
    pub jobs: Vec<JobId>,
    /// What is asked of each watch.
    pub watch: Arc<WatchSpec>,
    /// When it began.
    pub start: Instant,
    /// When it times out; `None` for never. The last request falls exactly on it.
    pub deadline: Option<Instant>,
    /// When it is over.
    pub until: Until,
    /// The hooks to fire for each job.
    pub hooks: Vec<Configured>,
    /// When they are tried again.
    pub retries: Retries,
    /// How long their deliveries may take after the end of the last watch, attempts and the waits
    /// between them included.
    pub hook_timeout: Duration,
    /// The seed of all jitter.
    pub seed: u64,
    /// How long jobs took before, by their type.
    pub known: Vec<(JobType, Durations)>,
}

/// How a wait ended.
#[derive(Debug, Default)]
pub struct WaitResult {
    /// One report a job, in the order in which the watches ended.
    pub reports: Vec<WatchReport>,
    /// Whether it ended because no watch could go on.
    pub misconfigured: bool,
    /// How many polling loops panicked.
    pub panicked: usize,
    /// How many deliveries didn't arrive: they are dead, had no more time, or the wait was called
    /// off before.
    pub undelivered: usize,
}

impl WaitResult {
    /// Whether the wait was called off before it was over by itself.
    #[must_use]
    pub fn is_cut_short(&self, until: Until) -> bool {
        let called_off = self
            .reports
            .iter()
            .position(|report| report.outcome == Outcome::Cancelled);
        let before = called_off.and_then(|at| self.reports.get(..at));
        !self.misconfigured
            && before.is_some_and(|before| !before.iter().any(|one| is_enough(until, one.outcome)))
    }

    /// The exit code that the ended watches call for. A delivery that didn't arrive changes that of
    /// success alone: any other goes on to say how the jobs ended.
    #[must_use]
    pub fn exit(&self, until: Until) -> Exit {
        if self.panicked > 0 {
            return Exit::Internal;
        }
        let deciding = match until {
            Until::AnyEnds => self.reports.get(..1).unwrap_or_default(),
            Until::AllEnd | Until::AnyFails => &self.reports,
        };
        let outcomes: Vec<Outcome> = deciding.iter().map(|report| report.outcome).collect();
        match Exit::of(&outcomes) {
            Exit::Success if self.undelivered > 0 => Exit::Undelivered,
            exit => exit,
        }
    }
}

/// What a wait hears of its engine.
enum Heard {
    Told(Told),
    Aside(Aside),
}

/// Waits for the jobs, and tells what happens on the way; then for what the hooks owe. Calling it
/// off ends every watch as cancelled, and waits for no hook any more.
pub async fn wait(
    spec: &WaitSpec,
    session: Arc<Session>,
    told: &UnboundedSender<Told>,
    cancel: &CancellationToken,
) -> WaitResult {
    let (sender, mut heard) = unbounded_channel();
    let engine = start(spec, session, sender);
    let mut waiting = Waiting {
        spec,
        watches: Vec::new(),
        result: WaitResult::default(),
    };
    // A store in memory takes everything.
    if let Err(error) = waiting.begin(&engine).await {
        tracing::error!(%error, "the wait failed");
        waiting.result.panicked += 1;
    }
    waiting.follow(&engine, &mut heard, told, cancel).await;
    waiting.settle(&engine, &mut heard, told, cancel).await;
    // There is nothing to wait for: whatever is still under way is given up.
    engine.shared().command(Command::Quit);
    waiting.result
}

/// Starts the engine of a wait.
fn start(spec: &WaitSpec, session: Arc<Session>, heard: UnboundedSender<Heard>) -> Engine {
    let aside = heard.clone();
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        membership: None,
        clock: Arc::new(SystemClock),
        meter: Arc::clone(&session.meter),
        // A wait that is over hears nothing.
        teller: Arc::new(move |told| drop(heard.send(Heard::Told(told)))),
        retries: spec.retries.clone(),
        seed: spec.seed,
        polling: Handle::current(),
    };
    let attendant = move |what| drop(aside.send(Heard::Aside(what)));
    let engine = Engine::start_for(parts, Some(Box::new(attendant)));
    let project = Project {
        session,
        watch: Arc::clone(&spec.watch),
        timeout: None,
    };
    engine.configure(Setup {
        projects: HashMap::from([(project_name(), project)]),
        hooks: spec.hooks.clone(),
    });
    for (job_type, durations) in &spec.known {
        let shared = engine.shared();
        shared
            .known
            .restore(&project_name(), job_type, durations.clone());
    }
    engine
}

/// What payloads call the project of the command line.
fn project_name() -> ProjectName {
    ProjectName::built_in("default")
}

/// A wait under way.
struct Waiting<'a> {
    spec: &'a WaitSpec,
    watches: Vec<WatchId>,
    result: WaitResult,
}

impl Waiting<'_> {
    async fn begin(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let spec = self.spec;
        let now = SystemClock.now();
        let project = project_name();
        let times = Times {
            start: spec.start,
            deadline: spec.deadline,
        };
        let hooks: Arc<[_]> = spec.hooks.iter().map(|hook| hook.name.clone()).collect();
        for job_id in &spec.jobs {
            let watch = Watch {
                id: engine.shared().new_watch_id(),
                project: project.clone(),
                job_id: job_id.clone(),
                hooks: hooks.clone(),
                accepted_at: now.checked_sub(spec.start.elapsed()).unwrap_or(now),
                deadline_at: None,
            };
            let accepted = engine.keep_watch(watch).await?;
            self.watches.push(accepted.record.watch.id);
            engine.shared().take_up(accepted.record, times);
        }
        Ok(())
    }

    /// Passes on what happens until every watch has ended.
    async fn follow(
        &mut self,
        engine: &Engine,
        heard: &mut UnboundedReceiver<Heard>,
        told: &UnboundedSender<Told>,
        cancel: &CancellationToken,
    ) {
        let mut called_off = false;
        while self.result.reports.len() + self.result.panicked < self.watches.len() {
            let next = tokio::select! {
                biased;
                next = heard.recv() => next,
                () = cancel.cancelled(), if !called_off => {
                    called_off = true;
                    self.call_off(engine);
                    continue;
                }
            };
            match next {
                Some(Heard::Told(what)) => {
                    if let Told::Watch { event, .. } = &what
                        && let WatchEventKind::Ended(report) = &event.kind
                    {
                        if is_enough(self.spec.until, report.outcome) {
                            self.call_off(engine);
                        }
                        self.result.reports.push(WatchReport::clone(report));
                    }
                    // A reporter that is gone is no reason to stop waiting.
                    drop(told.send(what));
                }
                Some(Heard::Aside(Aside::Misconfigured)) => {
                    self.result.misconfigured = true;
                    self.call_off(engine);
                }
                Some(Heard::Aside(Aside::Panicked)) => self.result.panicked += 1,
                None => return,
            }
        }
    }

    fn call_off(&self, engine: &Engine) {
        for active in engine.shared().active() {
            active.wish(Wish::CallOff);
        }
    }

    /// Waits until nothing is owed any more, and counts what didn't arrive.
    async fn settle(
        &mut self,
        engine: &Engine,
        heard: &mut UnboundedReceiver<Heard>,
        told: &UnboundedSender<Told>,
        cancel: &CancellationToken,
    ) {
        if self.spec.hooks.is_empty() {
            return;
        }
        let mut settled = Box::pin(async {
            for id in &self.watches {
                engine.settled(*id).await;
            }
        });
        let mut late = Box::pin(sleep(self.spec.hook_timeout));
        let is_late = loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break false,
                Some(next) = heard.recv() => if let Heard::Told(what) = next {
                    drop(told.send(what));
                },
                () = &mut settled => break false,
                () = &mut late => break true,
            }
        };
        drop(settled);
        for id in &self.watches {
            let owed = deliveries_of(engine.shared(), *id).await;
            for one in owed.unwrap_or_default() {
                match one.state {
                    DeliveryState::Delivered => continue,
                    DeliveryState::Pending(_) if is_late => drop(told.send(self.gave_up(&one))),
                    DeliveryState::Pending(_) | DeliveryState::Dead => {}
                }
                self.result.undelivered += 1;
            }
        }
    }

    /// The end of a delivery that has no more time.
    fn gave_up(&self, delivery: &Delivery) -> Told {
        let limit = humantime::format_duration(self.spec.hook_timeout);
        Told::Delivery {
            delivery_id: delivery.id,
            watch_id: delivery.watch_id,
            hook: delivery.hook.clone(),
            attempt: delivery.tries.max(1),
            answer: format!("not delivered within {limit} after the end of the wait"),
            state: DeliveryState::Dead,
        }
    }
}

fn is_enough(until: Until, outcome: Outcome) -> bool {
    match until {
        Until::AllEnd => false,
        Until::AnyEnds => true,
        Until::AnyFails => outcome != Outcome::Succeeded,
    }
}
