//! The supervisor: one task that all polling loops come back to. It has how a watch ended stored, and
//! starts a loop again that panicked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::active::{Active, Wish};
use super::answer;
use super::ending::{end, release};
use super::polling::{Left, Loop};
use super::shared::{Aside, Shared};
use crate::model::WatchId;

/// How long a loop that panicked pauses: twice as long each time, within these.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// After how long a loop that panicked counts as mended.
const MENDED: Duration = Duration::from_secs(10 * 60);

/// What the supervisor is asked for.
pub(super) enum Command {
    /// A watch's loop came back.
    Left(Arc<Active>, Left),
    /// Answers, to show that it goes on.
    Pulse(oneshot::Sender<()>),
    /// Answers once no loop polls any more.
    Idle(oneshot::Sender<()>),
    /// Answers once, besides, every end is stored.
    Settled(oneshot::Sender<()>),
    /// Ends, and everything with it.
    Quit,
}

/// What happened.
enum Happened {
    Asked(Command),
    Ended(Result<(Id, ()), JoinError>),
}

/// The state of the supervisor's task.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    commands: UnboundedReceiver<Command>,
    ends: JoinSet<()>,
    /// Whose end each task stores.
    tasks: HashMap<Id, Arc<Active>>,
    /// How often in a row a watch's loop has panicked, and when last.
    panics: HashMap<WatchId, (u32, Instant)>,
    idle: Vec<oneshot::Sender<()>>,
    settled: Vec<oneshot::Sender<()>>,
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>, commands: UnboundedReceiver<Command>) -> Self {
        Self {
            shared,
            commands,
            ends: JoinSet::new(),
            tasks: HashMap::new(),
            panics: HashMap::new(),
            idle: Vec::new(),
            settled: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let happened = tokio::select! {
                biased;
                Some(ended) = self.ends.join_next_with_id() => Happened::Ended(ended),
                command = self.commands.recv() => match command {
                    Some(command) => Happened::Asked(command),
                    None => return,
                },
            };
            match happened {
                Happened::Asked(Command::Left(active, left)) => {
                    self.shared.has_left();
                    self.left(active, left);
                }
                Happened::Asked(Command::Pulse(reply)) => answer(reply, ()),
                Happened::Asked(Command::Idle(reply)) => self.idle.push(reply),
                Happened::Asked(Command::Settled(reply)) => self.settled.push(reply),
                Happened::Asked(Command::Quit) => return self.shared.give_up(),
                Happened::Ended(Ok((task, ()))) => self.ended(task),
                Happened::Ended(Err(error)) => {
                    if let Some(active) = self.tasks.remove(&error.id()) {
                        self.failed(active);
                    }
                }
            }
            if !self.shared.is_polling() {
                self.idle.drain(..).for_each(|reply| answer(reply, ()));
                if self.ends.is_empty() {
                    self.settled.drain(..).for_each(|reply| answer(reply, ()));
                }
            }
        }
    }

    fn poll_again(&self, active: Arc<Active>, pause: Duration) {
        let times = self.shared.times(&active.watch());
        let polling = Loop::new(Arc::clone(&self.shared), Arc::clone(&active), times);
        let until = Instant::now().checked_add(pause);
        self.shared.begin(async move {
            active.sleep_until(until).await;
            polling.run().await;
        });
    }

    fn left(&mut self, active: Arc<Active>, left: Left) {
        match left {
            Left::Ended {
                report,
                misconfigured,
            } => {
                let (shared, whose) = (Arc::clone(&self.shared), Arc::clone(&active));
                let ending = async move { end(&shared, &whose, report, misconfigured).await };
                let task = self.ends.spawn(ending.instrument(active.span()));
                self.tasks.insert(task.id(), active);
            }
            Left::Released => {
                let (shared, whose) = (Arc::clone(&self.shared), Arc::clone(&active));
                let task = self
                    .ends
                    .spawn(async move { release(&shared, &whose).await });
                self.tasks.insert(task.id(), active);
            }
            Left::LetGo => {
                self.shared.forget(&active);
                self.shared.look_for_strays();
            }
            Left::Stopped => {}
            Left::Failed => self.failed(active),
        }
    }

    fn ended(&mut self, task: Id) {
        if let Some(active) = self.tasks.remove(&task) {
            self.panics.remove(&active.id);
        }
    }

    /// A task panicked. The watch goes on from where it was.
    fn failed(&mut self, active: Arc<Active>) {
        let span = active.span();
        if let Some(attendant) = &self.shared.attendant {
            span.in_scope(|| tracing::error!("a polling loop failed"));
            self.shared.forget(&active);
            attendant(Aside::Panicked);
            return;
        }
        let pause = self.pause_of(active.id);
        span.in_scope(|| {
            tracing::error!(?pause, "a polling loop failed, and is started again");
        });
        self.shared.meter.restarted();
        active.go_on();
        if self.shared.is_stopping() {
            // It heard of that in vain if it was about to end.
            active.wish(Wish::Stop);
        }
        self.poll_again(active, pause);
    }

    fn pause_of(&mut self, id: WatchId) -> Duration {
        let now = Instant::now();
        let (in_a_row, last) = self.panics.entry(id).or_insert((0, now));
        if now.duration_since(*last) > MENDED {
            *in_a_row = 0;
        }
        *last = now;
        let pause = PAUSE.0.saturating_mul(2_u32.pow((*in_a_row).min(6)));
        *in_a_row += 1;
        pause.min(PAUSE.1)
    }
}
