//! The supervisor: spawns one polling loop per watched job and decides when enough have ended.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::Session;
use crate::model::{Exit, JobId, Outcome, Progress, WatchEvent, WatchEventKind, WatchReport};
use crate::poll::{Control, Misconfigured, Poller, Resume, WatchSpec};

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
#[derive(Debug, Clone)]
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
    /// The seed of all jitter.
    pub seed: u64,
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

    /// The exit code that the ended watches call for.
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
        Exit::of(&outcomes)
    }
}

/// Waits for the jobs, and tells what happens on the way. Calling it off ends every watch as
/// cancelled.
pub async fn wait(
    spec: &WaitSpec,
    session: Arc<Session>,
    events: &UnboundedSender<WatchEvent>,
    cancel: &CancellationToken,
) -> WaitResult {
    let mut loops = JoinSet::new();
    let mut controls = Vec::new();
    let mut seeds = fastrand::Rng::with_seed(spec.seed);
    // A reporter that is gone is no reason to stop waiting.
    let tell = |event| drop(events.send(event));
    for job_id in &spec.jobs {
        let events = events.clone();
        let emit = move |event| drop(events.send(event));
        let resume = Resume {
            start: spec.start,
            deadline: spec.deadline,
            progress: Progress::default(),
        };
        let (watch, session) = (Arc::clone(&spec.watch), Arc::clone(&session));
        let poller = Poller::new(job_id.clone(), watch, session, resume, seeds.fork(), emit);
        let control = Arc::new(Control::default());
        loops.spawn(poller.run(Arc::clone(&control)));
        controls.push(control);
    }

    let call_off = || controls.iter().for_each(|control| control.cancel());
    let mut result = WaitResult::default();
    let mut called_off = false;
    loop {
        let ended = tokio::select! {
            biased;
            ended = loops.join_next() => ended,
            () = cancel.cancelled(), if !called_off => {
                called_off = true;
                call_off();
                continue;
            }
        };
        let report = match ended {
            None => return result,
            Some(Ok(Ok(report))) => {
                if is_enough(spec.until, report.outcome) {
                    call_off();
                }
                report
            }
            Some(Ok(Err(Misconfigured(report)))) => {
                call_off();
                result.misconfigured = true;
                *report
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a polling loop failed");
                result.panicked += 1;
                continue;
            }
        };
        tell(WatchEvent {
            job_id: report.job_id.clone(),
            waited: report.waited,
            polls: report.polls,
            kind: WatchEventKind::Ended(Box::new(report.clone())),
        });
        result.reports.push(report);
    }
}

fn is_enough(until: Until, outcome: Outcome) -> bool {
    match until {
        Until::AllEnd => false,
        Until::AnyEnds => true,
        Until::AnyFails => outcome != Outcome::Succeeded,
    }
}
