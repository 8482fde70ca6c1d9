//! One watch that goes on: what its loop, its end and those who ask for something share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::history::{History, answer_of, since_epoch, time};
use super::moods::{Mood, Moods};
use super::names::Terms;
use super::seen::Seen;
use super::told::span;
use super::{answer, reached};
use crate::model::{
    Answers, Fence, HookName, Job, JobId, Outcome, Progress, ProjectId, Watch, WatchEvent,
    WatchEventKind, WatchId, WatchReport,
};
use crate::poll::Control;

/// What is wanted of a watch. Of two wishes the greater holds: a watch that was called off ends so,
/// even where everything stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    GoOn,
    /// With the project as it is configured now.
    BeginAnew,
    /// To go on with another daemon.
    Release,
    /// To be let go, as the lease has ended.
    LetGo,
    /// To go on with the next start.
    Stop,
    /// To end as cancelled.
    CallOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Polling,
    /// How it ended is being stored.
    Ending,
    Ended,
}

/// A watch that goes on: what was asked, and how far it has come.
// There may be a million of them. What is rare is on the heap, what they have in common is shared, and
// what the loop alone needs is in its task.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: WatchId,
    pub(super) job_id: JobId,
    /// The hooks may become more.
    pub(super) terms: Arc<Terms>,
    /// In milliseconds since 1970, as it is kept; and so are other times.
    accepted_at: u64,
    /// [`NEVER`] where there is none.
    deadline_at: u64,
    pub(super) control: Control,
    state: Mutex<State>,
}

const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct State {
    polls: u32,
    seen: Seen,
    history: History,
    mood: Mood,
    has_started: bool,
    phase: Phase,
    wish: Wish,
    rare: Option<Box<Rare>>,
}

/// What few watches have.
#[derive(Debug, Default)]
struct Rare {
    /// The hooks of those that asked for the same later.
    hooks: Vec<HookName>,
    /// Who waits for the watch to have ended.
    waiting: Vec<oneshot::Sender<()>>,
}

impl State {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn further_hooks(&self) -> &[HookName] {
        self.rare.as_ref().map_or(&[], |rare| &rare.hooks)
    }
}

/// What an event brings that is to be noted.
pub(super) struct Note {
    pub(super) progress: Progress,
    pub(super) answers: Vec<Answers>,
}

impl Active {
    /// A watch on these terms, which are those of its own, that has come so far.
    pub(super) fn new(watch: Watch, terms: Arc<Terms>, progress: &Progress) -> Self {
        let seen = progress.job.as_deref().map(Seen::from).unwrap_or_default();
        let state = State {
            mood: match seen.is_something() {
                true => Mood::Running,
                false => Mood::Unseen,
            },
            polls: progress.polls,
            seen,
            history: History::default(),
            has_started: false,
            phase: Phase::Polling,
            wish: Wish::GoOn,
            rare: None,
        };
        Self {
            id: watch.id,
            job_id: watch.job_id,
            terms,
            accepted_at: since_epoch(watch.accepted_at),
            deadline_at: watch.deadline_at.map_or(NEVER, since_epoch),
            control: Control::default(),
            state: Mutex::new(state),
        }
    }

    /// What was asked.
    pub(super) fn watch(&self) -> Watch {
        Watch {
            id: self.id,
            project: self.terms.project.clone(),
            job_id: self.job_id.clone(),
            hooks: Arc::clone(&self.terms.hooks),
            accepted_at: time(self.accepted_at),
            deadline_at: (self.deadline_at != NEVER).then(|| time(self.deadline_at)),
        }
    }

    /// When it was accepted and when it times out, by the wall clock.
    pub(super) fn wall_times(&self) -> (SystemTime, Option<SystemTime>) {
        let deadline_at = (self.deadline_at != NEVER).then(|| time(self.deadline_at));
        (time(self.accepted_at), deadline_at)
    }

    /// Under which it is held.
    pub(super) fn fence(&self) -> Fence {
        self.terms.fence
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The span that what happens to the watch is logged in.
    pub(super) fn span(&self) -> tracing::Span {
        span(&self.job_id, self.id, &self.terms.project)
    }

    pub(super) fn mood(&self) -> Mood {
        self.state().mood
    }

    pub(super) fn open_answers(&self) -> Option<Answers> {
        self.state().history.open()
    }

    /// Requests sent so far.
    pub(super) fn polls(&self) -> u32 {
        self.state().polls
    }

    /// The last description of the job that goes on.
    pub(super) fn job(&self) -> Option<Job> {
        self.state().seen.job()
    }

    /// Says what is wanted. False where the watch polls no more, and hears nothing.
    pub(super) fn wish(&self, wish: Wish) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Polling {
            return false;
        }
        state.wish = state.wish.max(wish);
        self.control.cancel();
        true
    }

    /// Gives it up for another daemon. False where it polls no more, or something else is wanted of it.
    pub(super) fn release(&self) -> bool {
        let is_free = self.state().wish < Wish::Release;
        is_free && self.wish(Wish::Release)
    }

    /// Asks for the job now. False where the watch polls no more.
    pub(super) fn poll_now(&self) -> bool {
        let state = self.state();
        self.control.poll_now();
        state.phase == Phase::Polling
    }

    /// Takes the reins for another go, or says what is wanted instead.
    pub(super) fn take_reins(&self) -> Result<(), Wish> {
        let mut state = self.state();
        match state.wish {
            Wish::GoOn | Wish::BeginAnew => {
                state.wish = Wish::GoOn;
                self.control.reset();
                Ok(())
            }
            wish => Err(wish),
        }
    }

    /// Sleeps until then, or until something is wanted.
    pub(super) async fn sleep_until(&self, until: Option<Instant>) {
        self.control.unless_cancelled(reached(until)).await;
    }

    /// Takes in what the loop tells. Says whether others are to be told, and what is to be noted.
    pub(super) fn hear(
        &self,
        event: &WatchEvent,
        now: SystemTime,
        moods: &Moods,
    ) -> (bool, Option<Note>) {
        let mut state = self.state();
        let state = &mut *state;
        let mut is_news = false;
        state.polls = event.polls;
        match &event.kind {
            WatchEventKind::Started => {
                return (!std::mem::replace(&mut state.has_started, true), None);
            }
            WatchEventKind::Polled { job, changed, .. } => {
                moods.turn(&mut state.mood, Mood::Running);
                state.seen.see(job);
                is_news = *changed;
            }
            WatchEventKind::Trouble { .. } | WatchEventKind::Throttled { .. } => {
                moods.turn(&mut state.mood, Mood::InTrouble);
            }
            _ => {}
        }
        let mut answers = Vec::new();
        if let Some(answer) = answer_of(&event.kind) {
            state.history.add(answer, event.polls, now, &mut answers);
        }
        let note = (is_news || !answers.is_empty()).then(|| Note {
            progress: state.seen.progress(state.polls),
            answers,
        });
        (true, note)
    }

    /// What is to be noted of a watch that stops.
    pub(super) fn last_note(&self) -> Note {
        let state = self.state();
        Note {
            progress: state.seen.progress(state.polls),
            answers: state.history.open().into_iter().collect(),
        }
    }

    /// A report of a watch that ended without its loop.
    pub(super) fn report(
        &self,
        outcome: Outcome,
        project_id: Option<ProjectId>,
        waited: Duration,
    ) -> WatchReport {
        let state = self.state();
        WatchReport {
            job_id: self.job_id.clone(),
            project_id,
            outcome,
            job: state.seen.job(),
            polls: state.polls,
            waited,
            fault: None,
        }
    }

    /// Begins the end: it polls no more. Gives the rest of the history.
    pub(super) fn begin_ending(&self, report: &WatchReport, at: SystemTime) -> Vec<Answers> {
        let mut state = self.state();
        state.phase = Phase::Ending;
        state.history.end(report, at)
    }

    /// The end came to nothing, and so the watch goes on.
    pub(super) fn go_on(&self) {
        self.state().phase = Phase::Polling;
    }

    /// Adds hooks, each once. False where the watch has ended.
    pub(super) fn join(&self, hooks: &[HookName]) -> bool {
        let mut state = self.state();
        if state.phase == Phase::Ended {
            return false;
        }
        for hook in hooks {
            if !self.terms.hooks.contains(hook) && !state.further_hooks().contains(hook) {
                state.rare().hooks.push(hook.clone());
            }
        }
        true
    }

    /// The hooks so far.
    pub(super) fn hooks(&self) -> Vec<HookName> {
        let state = self.state();
        let hooks = self.terms.hooks.iter().chain(state.further_hooks());
        hooks.cloned().collect()
    }

    /// The hooks beyond the first `known`. Where there are none, the watch has ended, and takes no
    /// more.
    pub(super) fn further_hooks(&self, known: usize) -> Vec<HookName> {
        let mut state = self.state();
        let joined = known.saturating_sub(self.terms.hooks.len());
        let further = state.further_hooks().get(joined..);
        let further = further.unwrap_or_default().to_vec();
        if further.is_empty() {
            state.phase = Phase::Ended;
        }
        further
    }

    /// Wakes those who wait for the end.
    pub(super) fn has_ended(&self) {
        let mut state = self.state();
        state.phase = Phase::Ended;
        if let Some(rare) = &mut state.rare {
            rare.waiting.drain(..).for_each(|one| answer(one, ()));
        }
    }

    /// Comes back once the watch has ended.
    pub(super) async fn ended(&self) {
        self.until_ended(&[Phase::Polling, Phase::Ending]).await;
    }

    /// Comes back once the watch has ended, where that is under way.
    pub(super) async fn ending(&self) {
        self.until_ended(&[Phase::Ending]).await;
    }

    async fn until_ended(&self, phases: &[Phase]) {
        let ended = {
            let mut state = self.state();
            if !phases.contains(&state.phase) {
                return;
            }
            let (sender, ended) = oneshot::channel();
            state.rare().waiting.push(sender);
            ended
        };
        // An error says that the watch is gone, which is as good.
        drop(ended.await);
    }
}
