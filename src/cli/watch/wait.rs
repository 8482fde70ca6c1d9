//! Waiting for what the daemon waits for. The event stream tells what happens; how a watch ended is
//! never taken from it alone: whenever events may be missing, the watches themselves are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use super::events::{job, job_id, report, time, watch_event};
use super::link::{pause, reopen};
use crate::cli::control::{ControlError, Daemon, Events};
use crate::cli::error::CliError;
use crate::clock::{Clock, SaturatingAdd as _, SystemClock};
use crate::daemon::http::shapes::{EventShape, WatchDetail, WatchShape};
use crate::engine::{Told, Until};
use crate::model::{
    Estimate, Exit, Fault, JobId, JobStatus, Outcome, ProjectName, WatchEvent, WatchEventKind,
    WatchId, WatchReport,
};

/// How long after the last deadline a daemon that is away may still come back and say how watches
/// ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wait for watches of the daemon.
pub(super) struct Wait<'a> {
    daemon: &'a Daemon,
    until: Until,
    start: Instant,
    tell: UnboundedSender<Told>,
    /// The watches that go on, by their IDs.
    pending: BTreeMap<String, Pending>,
    /// When all of them have timed out; `None` where one never does.
    last_deadline: Option<SystemTime>,
    reports: Vec<WatchReport>,
}

/// A watch that goes on.
struct Pending {
    id: WatchId,
    project: ProjectName,
    job_id: JobId,
    /// The job's status, as far as it was told.
    told: Option<JobStatus>,
}

impl Pending {
    fn of(watch: &WatchShape) -> Option<Self> {
        Some(Self {
            id: watch.id.parse().ok()?,
            project: watch.project.parse().ok()?,
            job_id: job_id(watch)?,
            told: None,
        })
    }
}

impl<'a> Wait<'a> {
    /// Begins to wait for these.
    pub(super) fn new(
        daemon: &'a Daemon,
        watches: &[WatchShape],
        until: Until,
        start: Instant,
        tell: UnboundedSender<Told>,
    ) -> Result<Self, CliError> {
        let deadline = |watch: &WatchShape| time(watch.deadline_at.as_deref()?);
        let deadlines: Option<Vec<SystemTime>> = watches.iter().map(deadline).collect();
        let pending = watches.iter().map(|watch| {
            let pending = Pending::of(watch).ok_or_else(|| daemon.strange("its IDs are none"))?;
            Ok((watch.id.clone(), pending))
        });
        let pending: Result<_, ControlError> = pending.collect();
        let wait = Self {
            daemon,
            until,
            start,
            tell,
            pending: pending?,
            last_deadline: deadlines.and_then(|all| all.into_iter().max()),
            reports: Vec::new(),
        };
        for watch in watches {
            if let Some(pending) = wait.pending.get(&watch.id) {
                wait.emit(pending, 0, WatchEventKind::Started);
            }
        }
        Ok(wait)
    }

    /// Waits until enough have ended.
    pub(super) async fn run(&mut self) -> Result<(), CliError> {
        let mut events = match self.daemon.events(&self.query()).await {
            Ok(events) => events,
            Err(ControlError::Away(_)) => self.reopen().await?,
            Err(error) => return Err(error.into()),
        };
        let mut in_a_row = 0;
        loop {
            // What happened before the stream began is in none of its events.
            match self.read().await {
                Ok(()) => {
                    in_a_row = 0;
                    self.listen(&mut events).await?;
                }
                Err(error @ ControlError::Away(_)) => {
                    in_a_row += 1;
                    let next = pause(in_a_row);
                    self.trouble(&error, in_a_row, next);
                    sleep(next).await;
                }
                Err(error) => return Err(error.into()),
            }
            if self.is_over() {
                return Ok(());
            }
            events = self.reopen().await?;
        }
    }

    /// How the watches ended, in the order in which they did.
    pub(super) fn reports(&self) -> &[WatchReport] {
        &self.reports
    }

    /// The exit code that they call for. Where all would be well, but somebody else called a watch
    /// off, it is that of an interruption: nobody knows how the job ends.
    pub(super) fn exit(&self) -> Exit {
        let deciding = match self.until {
            Until::AnyEnds => self.reports.get(..1).unwrap_or_default(),
            Until::AllEnd | Until::AnyFails => &self.reports,
        };
        let outcomes: Vec<Outcome> = deciding.iter().map(|report| report.outcome).collect();
        match Exit::of(&outcomes) {
            Exit::Success if outcomes.contains(&Outcome::Cancelled) => Exit::Interrupted,
            exit => exit,
        }
    }

    /// The jobs that are still waited for.
    pub(super) fn pending(&self) -> impl Iterator<Item = &JobId> {
        self.pending.values().map(|pending| &pending.job_id)
    }

    /// Takes events in until the stream ends or enough watches have.
    async fn listen(&mut self, events: &mut Events) -> Result<(), CliError> {
        while !self.is_over() {
            let Some(item) = events.next().await else {
                return Ok(());
            };
            match serde_json::from_str(&item.data) {
                Ok(EventShape::Lagged { .. }) => match self.read().await {
                    Ok(()) => {}
                    Err(ControlError::Away(_)) => return Ok(()),
                    Err(error) => return Err(error.into()),
                },
                Ok(shape) => {
                    if let Some((id, event)) = watch_event(shape) {
                        self.take_in(&id, event);
                    }
                }
                // What a later version tells besides isn't for this one.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Reads the watches that go on, as far as anybody knows here.
    async fn read(&mut self) -> Result<(), ControlError> {
        let ids: Vec<String> = self.pending.keys().cloned().collect();
        for id in ids {
            let detail: WatchDetail = self.daemon.get(&format!("v1/watches/{id}"), &[]).await?;
            let watch = detail.watch;
            let kind = match (report(&watch), job(&watch)) {
                (Some(report), _) => WatchEventKind::Ended(Box::new(report)),
                (None, Some(job)) => WatchEventKind::Polled {
                    job: Arc::new(job),
                    changed: true,
                    next: Duration::ZERO,
                    estimate: watch.estimate.map(Estimate::from),
                },
                (None, None) => continue,
            };
            let Some(job_id) = job_id(&watch) else {
                continue;
            };
            let event = WatchEvent {
                job_id,
                waited: Duration::ZERO,
                polls: watch.polls,
                kind,
            };
            self.take_in(&id, event);
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, id: &str, mut event: WatchEvent) {
        let Some(pending) = self.pending.get_mut(id) else {
            return;
        };
        // News is what wasn't told here, whatever the daemon had told others.
        if let WatchEventKind::Polled { job, changed, .. } = &mut event.kind {
            *changed = pending.told.replace(job.status.clone()).as_ref() != Some(&job.status);
        }
        let ended = match &event.kind {
            WatchEventKind::Ended(report) => Some(WatchReport::clone(report)),
            _ => None,
        };
        let Some(pending) = self.pending.get(id) else {
            return;
        };
        self.emit(pending, event.polls, event.kind);
        if let Some(report) = ended {
            self.pending.remove(id);
            self.reports.push(report);
        }
    }

    /// Tells of an event at the time that it is heard of: the wait is this command's.
    fn emit(&self, pending: &Pending, polls: u32, kind: WatchEventKind) {
        let event = WatchEvent {
            job_id: pending.job_id.clone(),
            waited: self.start.elapsed(),
            polls,
            kind,
        };
        // A reporter that is gone is no reason to stop waiting.
        drop(self.tell.send(Told::Watch {
            watch_id: pending.id,
            project: pending.project.clone(),
            event,
        }));
    }

    fn is_over(&self) -> bool {
        let bad = |report: &WatchReport| report.outcome != Outcome::Succeeded;
        self.pending.is_empty()
            || match self.until {
                Until::AllEnd => false,
                Until::AnyEnds => !self.reports.is_empty(),
                Until::AnyFails => self.reports.iter().any(bad),
            }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        // A stream is of one watch or of all.
        match self.pending.keys().next() {
            Some(id) if self.pending.len() == 1 => vec![("watch_id", id.clone())],
            _ => Vec::new(),
        }
    }

    async fn reopen(&self) -> Result<Events, CliError> {
        let give_up = self
            .last_deadline
            .map(|deadline| deadline.saturating_add(PATIENCE));
        reopen(self.daemon, &self.query(), |error, in_a_row, next| {
            if give_up.is_some_and(|at| SystemClock.now() > at) {
                return Err(CliError::new(
                    Exit::TimedOut,
                    format!("{error}; the watches have passed their time-outs meanwhile"),
                ));
            }
            self.trouble(&error, in_a_row, next);
            Ok(())
        })
        .await
    }

    /// Tells that the daemon can't be asked. One watch speaks for all.
    fn trouble(&self, error: &ControlError, in_a_row: u32, next: Duration) {
        if let Some(pending) = self.pending.values().next() {
            let fault = Fault::local(error.to_string());
            let kind = WatchEventKind::Trouble {
                fault,
                in_a_row,
                next,
            };
            self.emit(pending, 0, kind);
        }
    }
}
