//! The loop of one watch: polls until it has ended or is to stop, with whatever project is
//! configured at the time.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use tokio::time::Instant;

use super::active::{Active, Wish};
use super::shared::Shared;
use super::supervisor::Command;
use crate::clock::SaturatingAdd as _;
use crate::model::{Job, JobId, JobType, Outcome, WatchEvent, WatchReport};
use crate::poll::{Control, Experience, Misconfigured, Poller, Subject};

/// Why a loop came back.
pub(super) enum Left {
    /// The watch has ended.
    Ended {
        report: Box<WatchReport>,
        /// No watch can go on.
        misconfigured: bool,
    },
    /// It is to go on with another daemon.
    Released,
    /// It is held here no more.
    LetGo,
    /// It is to go on with the next start.
    Stopped,
    /// It panicked.
    Failed,
}

/// A loop under way.
pub(super) struct Loop {
    shared: Arc<Shared>,
    active: Arc<Active>,
    times: Times,
}

/// When a watch began and when it times out, by the clock that it sleeps by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Be it before this process.
    pub(super) start: Instant,
    /// `None` for never. The last request falls exactly on it.
    pub(super) deadline: Option<Instant>,
}

impl Drop for Loop {
    fn drop(&mut self) {
        if thread::panicking() {
            self.leave(Left::Failed);
        }
    }
}

impl Loop {
    pub(super) fn new(shared: Arc<Shared>, active: Arc<Active>, times: Times) -> Self {
        Self {
            shared,
            active,
            times,
        }
    }

    /// Polls until the watch has ended or is to stop. The supervisor hears why it came back,
    /// whatever that is.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would hold its arguments twice"
    )]
    pub(super) fn run(self) -> impl Future<Output = ()> + Send {
        async move {
            match self.shared.leases {
                None => self.shared.barrier.pass().await,
                // It may be closed for long then.
                Some(_) => Box::pin(self.pass()).await,
            }
            let left = loop {
                // In this order: a project that changes after it was looked up takes the reins again.
                match self.active.take_reins() {
                    Ok(()) => {}
                    Err(Wish::CallOff) => break self.ended(Outcome::Cancelled),
                    Err(Wish::LetGo) => {
                        // Where nobody has taken it over, nothing of its history is lost.
                        self.note();
                        break Left::LetGo;
                    }
                    Err(_) if self.shared.leases.is_some() => break Left::Released,
                    Err(_) => {
                        self.note();
                        break Left::Stopped;
                    }
                }
                let Some(poller) = self.poller() else {
                    let deadline = self.deadline();
                    if deadline.is_some_and(|at| at <= Instant::now()) {
                        break self.ended(Outcome::TimedOut);
                    }
                    Box::pin(self.active.sleep_until(deadline)).await;
                    continue;
                };
                match poller.run().await {
                    // Called off: why, is known above.
                    None => {}
                    Some(Ok(report)) => {
                        break Left::Ended {
                            report: Box::new(report),
                            misconfigured: false,
                        };
                    }
                    Some(Err(Misconfigured(report))) => {
                        break Left::Ended {
                            report,
                            misconfigured: true,
                        };
                    }
                }
            };
            self.leave(left);
        }
    }

    /// Passes the barrier, unless something else is wanted first.
    async fn pass(&self) {
        let passing = self.shared.barrier.pass();
        self.active.control.unless_cancelled(passing).await;
    }

    fn leave(&self, left: Left) {
        let active = Arc::clone(&self.active);
        self.shared.command(Command::Left(active, left));
    }

    /// A poller with the project as it is configured now, where it is.
    fn poller(&self) -> Option<Poller<'_, Self>> {
        let setup = self.shared.setup();
        let Some(project) = setup.projects.get(&self.active.terms.project) else {
            self.active.span().in_scope(|| {
                tracing::warn!("its project is not configured any more; it sleeps until it is");
            });
            return None;
        };
        Some(Poller::new(
            self,
            Arc::clone(&project.watch),
            Arc::clone(&project.session),
            self.active.polls(),
            self.shared.fork_random(),
        ))
    }

    fn ended(&self, outcome: Outcome) -> Left {
        let setup = self.shared.setup();
        let project = setup.projects.get(&self.active.terms.project);
        let project_id = project.and_then(|project| project.session.source.project_id());
        Left::Ended {
            report: Box::new(
                self.active
                    .report(outcome, project_id, self.times.start.elapsed()),
            ),
            misconfigured: false,
        }
    }

    /// Notes how far it has come.
    fn note(&self) {
        let note = self.active.last_note();
        let recorder = &self.shared.recorder;
        let fence = self.active.fence();
        recorder.note(self.active.id, fence, note.progress, note.answers);
    }
}

impl Subject for Loop {
    fn job_id(&self) -> &JobId {
        &self.active.job_id
    }

    fn start(&self) -> Instant {
        let (accepted_at, _) = self.active.wall_times();
        let ahead = self.shared.wall_clock.ahead(accepted_at);
        self.times.start.saturating_add(ahead)
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.times.deadline?;
        let (accepted_at, deadline_at) = self.active.wall_times();
        let wall_clock = &self.shared.wall_clock;
        Some(match deadline_at {
            Some(deadline_at) => wall_clock.deadline(accepted_at, deadline_at, deadline),
            None => deadline,
        })
    }

    fn answered(&self, date: Option<SystemTime>) {
        self.shared.answered(date);
    }

    fn control(&self) -> &Control {
        &self.active.control
    }

    fn is_held(&self) -> bool {
        self.shared.tenure.is_good()
    }

    // Only where every request is logged: a span for each costs as much as signing it.
    fn span(&self) -> tracing::Span {
        match tracing::enabled!(tracing::Level::DEBUG) {
            true => self.active.span(),
            false => tracing::Span::none(),
        }
    }

    fn job(&self) -> Option<Job> {
        self.active.job()
    }

    fn experience(&self, job_type: &JobType) -> Option<Arc<Experience>> {
        let project = &self.active.terms.project;
        self.shared.known.experience(project, job_type)
    }

    fn hear(&self, event: WatchEvent) {
        let Self { shared, active, .. } = self;
        let (to_tell, note) = active.hear(&event, shared.clock.now(), &shared.moods);
        if let Some(note) = note {
            let (id, fence) = (active.id, active.fence());
            shared.recorder.note(id, fence, note.progress, note.answers);
        }
        if to_tell {
            shared.tell(active.id, &active.terms.project, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what a function returns, in bytes.
    fn size_of_output<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_watch_that_waits_fits_into_two_small_pieces_of_memory() {
        // With what tokio adds to a task, 384 bytes, which is a multiple of its alignment.
        assert!(size_of_output(Loop::run) <= 280);
        // With the counts of its `Arc` and the allocator's own, what fills 640 bytes together with that.
        assert!(size_of::<Active>() <= 216);
    }
}
