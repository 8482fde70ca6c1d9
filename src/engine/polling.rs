//! The loop of one watch: polls until it has ended or is to stop, with whatever project is
//! configured at the time.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use super::active::{Active, Wish};
use super::shared::Shared;
use crate::model::{Outcome, WatchEvent, WatchReport};
use crate::poll::{Misconfigured, Poller};

/// Why a loop came back.
pub(super) enum Left {
    /// The watch has ended.
    Ended {
        report: Box<WatchReport>,
        /// No watch can go on.
        misconfigured: bool,
    },
    /// It is to go on with the next start.
    Stopped,
}

/// Polls until the watch has ended or is to stop.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function would hold its arguments twice"
)]
pub(super) fn poll(shared: Arc<Shared>, active: Arc<Active>) -> impl Future<Output = Left> + Send {
    async move {
        loop {
            // In this order: a project that changes after it was looked up takes the reins again.
            let control = match active.take_reins() {
                Ok(control) => control,
                Err(Wish::CallOff) => return ended(&shared, &active, Outcome::Cancelled),
                Err(_) => return stopped(&shared, &active),
            };
            let Some(project) = shared.setup().projects.get(&active.watch.project).cloned() else {
                active.span().in_scope(|| {
                    tracing::warn!("its project is not configured any more; it sleeps until it is");
                });
                let (deadline, has_passed) = active.deadline();
                if has_passed {
                    return ended(&shared, &active, Outcome::TimedOut);
                }
                Box::pin(active.sleep_until(deadline)).await;
                continue;
            };
            let (job_id, resume) = (active.watch.job_id.clone(), active.resume());
            let random = shared.fork_random();
            let emit = {
                let (shared, active) = (Arc::clone(&shared), Arc::clone(&active));
                move |event| hear(&shared, &active, event)
            };
            let poller = Poller::new(job_id, project.watch, project.session, resume, random, emit);
            let mut polling = pin!(poller.run(control));
            // The span exists only while something is done: those of ten thousand watches that sleep
            // would take half as much memory as the watches.
            let left =
                poll_fn(|context| active.span().in_scope(|| polling.as_mut().poll(context))).await;
            let (report, misconfigured) = match left {
                // Called off: why, is known above.
                Ok(report) if report.outcome == Outcome::Cancelled => continue,
                Ok(report) => (Box::new(report), false),
                Err(Misconfigured(report)) => (report, true),
            };
            return Left::Ended {
                report,
                misconfigured,
            };
        }
    }
}

fn ended(shared: &Shared, active: &Active, outcome: Outcome) -> Left {
    let setup = shared.setup();
    let project = setup.projects.get(&active.watch.project);
    let project_id = project.and_then(|project| project.session.source.project_id());
    Left::Ended {
        report: Box::new(active.report(outcome, project_id)),
        misconfigured: false,
    }
}

fn stopped(shared: &Shared, active: &Active) -> Left {
    let note = active.last_note();
    shared
        .recorder
        .note(active.watch.id, note.progress, note.answers);
    Left::Stopped
}

fn hear(shared: &Shared, active: &Active, event: WatchEvent) {
    let (to_tell, note) = active.hear(&event, shared.clock.now());
    if let Some(note) = note {
        shared
            .recorder
            .note(active.watch.id, note.progress, note.answers);
    }
    if to_tell {
        shared.tell(&active.watch, event);
    }
}
