//! The task that decides which delivery is tried when. Attempts, and storing what came of them, are
//! tasks of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};

use super::DispatcherParts;
use super::attempt::{Tried, attempt};
use super::queues::{Queues, Turn};
use crate::clock::SaturatingAdd as _;
use crate::engine::recorder::Recorder;
use crate::engine::told::{Teller, Told};
use crate::engine::{answer, reached};
use crate::hooks::{Configured, Receipt};
use crate::model::{Delivery, DeliveryId, DeliveryState, Fence, HookName, Meter, WatchId};
use crate::store::{Change, Effect, StoreError};

/// How long a delivery waits that can't be read at the moment, or whose task failed.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// The longest time that anything waits for: what is due later was stored by a clock that was far
/// ahead.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) enum Command {
    Configure(Vec<Configured>),
    TakeOn(Vec<Delivery>),
    Adopt(Vec<Delivery>),
    Release(usize, oneshot::Sender<Vec<(DeliveryId, Fence)>>),
    LetGo(oneshot::Sender<()>),
    Settled(WatchId, oneshot::Sender<()>),
    Pulse(oneshot::Sender<()>),
    Stop(Duration, oneshot::Sender<()>),
}

/// What a task of its own came to.
enum Done {
    /// An attempt, or nothing where there was nothing to try.
    Tried(Result<Option<Box<Tried>>, StoreError>),
    /// What came of an attempt is stored; the delivery is due again then, or over.
    Stored(Option<Instant>),
}

/// What a task of its own is about.
struct About {
    id: DeliveryId,
    /// The hook that the attempt counts for, until it is made.
    hook: Option<HookName>,
}

pub(super) struct Task {
    parts: DispatcherParts,
    random: fastrand::Rng,
    queues: Queues,
    tasks: JoinSet<Done>,
    about: HashMap<Id, About>,
    listeners: HashMap<WatchId, Vec<oneshot::Sender<()>>>,
    /// For others to see.
    count: Arc<AtomicUsize>,
}

impl Task {
    pub(super) fn new(parts: DispatcherParts, count: Arc<AtomicUsize>) -> Self {
        Self {
            random: fastrand::Rng::with_seed(parts.seed),
            parts,
            queues: Queues::default(),
            tasks: JoinSet::new(),
            about: HashMap::new(),
            listeners: HashMap::new(),
            count,
        }
    }

    pub(super) async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        loop {
            self.queues.wake(Instant::now());
            while self.parts.tenure.is_good()
                && let Some(turn) = self.queues.next()
            {
                self.begin(turn);
            }
            self.count.store(self.queues.count(), Ordering::Relaxed);
            let due = self.queues.next_due();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Configure(hooks)) => self.queues.configure(hooks),
                    Some(Command::TakeOn(deliveries)) => self.take_on(deliveries),
                    Some(Command::Adopt(deliveries)) => self.adopt(deliveries),
                    Some(Command::Release(most, reply)) => {
                        let released = self.queues.give_up_some(most);
                        self.tell_settled(released.iter().map(|one| one.watch_id));
                        answer(reply, released.into_iter().map(|one| (one.id, one.fence)).collect());
                    }
                    Some(Command::LetGo(reply)) => {
                        let released = self.queues.give_up_some(usize::MAX);
                        self.tell_settled(released.iter().map(|one| one.watch_id));
                        answer(reply, ());
                    }
                    Some(Command::Settled(watch_id, reply)) => self.listen(watch_id, reply),
                    Some(Command::Pulse(reply)) => answer(reply, ()),
                    Some(Command::Stop(within, reply)) => {
                        self.stop(within).await;
                        answer(reply, ());
                        return;
                    }
                    None => return,
                },
                Some(done) = self.tasks.join_next_with_id() => self.done(done),
                () = reached(due) => {}
            }
        }
    }

    fn take_on(&mut self, deliveries: Vec<Delivery>) {
        let now = Instant::now();
        for delivery in deliveries {
            if let Some(wait) = self.wait_of(&delivery) {
                self.queues.add(delivery, now.saturating_add(wait), now);
            }
        }
    }

    /// Takes on what isn't known. What is known, and was replayed without a word, is tried sooner.
    fn adopt(&mut self, deliveries: Vec<Delivery>) {
        let (known, new) = deliveries
            .into_iter()
            .partition::<Vec<_>, _>(|one| self.queues.has(one.id, one.fence));
        let now = Instant::now();
        for delivery in known {
            if let Some(wait) = self.wait_of(&delivery) {
                self.queues.hasten(delivery.id, now.saturating_add(wait));
            }
        }
        self.take_on(new);
    }

    /// How long a delivery is still to wait, where it is pending.
    fn wait_of(&self, delivery: &Delivery) -> Option<Duration> {
        let DeliveryState::Pending(due) = delivery.state else {
            return None;
        };
        Some(match delivery.tries {
            // It never waits, and the clock may have been set back meanwhile.
            0 => Duration::ZERO,
            _ => until(due, self.parts.clock.now()),
        })
    }

    fn listen(&mut self, watch_id: WatchId, reply: oneshot::Sender<()>) {
        if self.queues.is_settled(watch_id) {
            answer(reply, ());
        } else {
            self.listeners.entry(watch_id).or_default().push(reply);
        }
    }

    async fn stop(&mut self, within: Duration) {
        let ending = async {
            while let Some(done) = self.tasks.join_next_with_id().await {
                self.done(done);
            }
        };
        if timeout(within, ending).await.is_err() {
            let left = self.tasks.len();
            tracing::warn!(
                left,
                "deliveries under way were broken off; they begin anew at the next start"
            );
            self.tasks.shutdown().await;
        }
    }

    fn begin(&mut self, turn: Turn) {
        let about = About {
            id: turn.id,
            hook: Some(turn.hook_name.clone()),
        };
        let (store, clock) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.clock));
        let trying = attempt(turn, store, clock, self.parts.tenure.clone());
        let task = self.tasks.spawn(async { Done::Tried(trying.await) });
        self.about.insert(task.id(), about);
    }

    fn done(&mut self, done: Result<(Id, Done), JoinError>) {
        let task = match &done {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(About { id, hook }) = self.about.remove(&task) else {
            return;
        };
        if let Some(hook) = &hook {
            self.queues.free(hook);
        }
        let soon = Some(Instant::now().saturating_add(AFTER_TROUBLE));
        match done {
            Ok((_, Done::Tried(Ok(Some(tried))))) => self.tried(*tried),
            Ok((_, Done::Tried(Ok(None)))) => self.settle(id, None),
            Ok((_, Done::Tried(Err(error)))) => {
                tracing::warn!(delivery_id = %id, %error, "a delivery can't be read, and waits");
                self.settle(id, soon);
            }
            Ok((_, Done::Stored(due))) => self.settle(id, due),
            Err(error) => {
                tracing::error!(delivery_id = %id, %error, "the task of a delivery failed");
                self.settle(id, soon);
            }
        }
    }

    /// Decides how a delivery stands after an attempt, and has that stored.
    fn tried(&mut self, tried: Tried) {
        let hook = &tried.hook;
        let wait = match &tried.receipt {
            Receipt::Delivered { .. } => None,
            Receipt::Gone { answer } => {
                if self.queues.give_up(hook, answer) {
                    tracing::warn!(%hook, answer, "the receiver wants no more: the hook is off until the next reload or start");
                }
                None
            }
            Receipt::Failed { retry_after, .. } => {
                let tries = tried.tries + 1;
                self.parts
                    .retries
                    .next(tries, *retry_after, &mut self.random)
            }
        };
        let wait = wait.map(|wait| wait.min(LONGEST));
        let state = match wait {
            Some(wait) => DeliveryState::Pending(tried.ended_at.saturating_add(wait)),
            None if tried.attempt.delivered => DeliveryState::Delivered,
            None if self.queues.is_replayed(tried.id) => DeliveryState::Pending(tried.ended_at),
            None => DeliveryState::Dead,
        };
        let about = About {
            id: tried.id,
            hook: None,
        };
        let due = wait.map(|wait| tried.ended.saturating_add(wait));
        let outlet = Outlet {
            recorder: self.parts.recorder.clone(),
            meter: Arc::clone(&self.parts.meter),
            teller: Arc::clone(&self.parts.teller),
        };
        let task = self.tasks.spawn(async move {
            outlet.store(tried, state).await;
            Done::Stored(due)
        });
        self.about.insert(task.id(), about);
    }

    fn settle(&mut self, id: DeliveryId, due: Option<Instant>) {
        let settled = self.queues.settle(id, due);
        self.tell_settled(settled.into_iter());
    }

    /// Tells whoever waits for these watches, where nothing is left of them here.
    fn tell_settled(&mut self, watches: impl Iterator<Item = WatchId>) {
        for id in watches.filter(|id| self.queues.is_settled(*id)) {
            let listeners = self.listeners.remove(&id);
            for listener in listeners.into_iter().flatten() {
                answer(listener, ());
            }
        }
    }
}

fn until(due: SystemTime, now: SystemTime) -> Duration {
    due.duration_since(now).unwrap_or_default().min(LONGEST)
}

/// Where it goes what came of an attempt.
struct Outlet {
    recorder: Recorder,
    meter: Arc<dyn Meter>,
    teller: Teller,
}

impl Outlet {
    /// Stores an attempt, and tells of it then. Tells nothing where it was kept already, as when the
    /// disk had said no and meant yes, or where the delivery is there no more.
    async fn store(&self, tried: Tried, state: DeliveryState) {
        let Tried {
            id,
            watch_id,
            hook,
            fence,
            attempt,
            ..
        } = tried;
        let effect = self
            .recorder
            .keep(Change::Attempted {
                delivery_id: id,
                fence,
                attempt: attempt.clone(),
                state,
            })
            .await;
        if matches!(effect, Effect::Nothing) {
            return;
        }
        let (number, answer) = (attempt.number, attempt.answer);
        let result = match state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending(_) => "failed",
            DeliveryState::Dead => "dead",
        };
        self.meter.attempted(&hook, result, attempt.took);
        match state {
            DeliveryState::Delivered => {
                tracing::info!(%hook, %watch_id, delivery_id = %id, attempt = number, answer, "delivered");
            }
            DeliveryState::Pending(_) => {
                tracing::warn!(%hook, %watch_id, delivery_id = %id, attempt = number, answer, "not delivered, and tried again");
            }
            DeliveryState::Dead => {
                tracing::warn!(%hook, %watch_id, delivery_id = %id, attempt = number, answer, "not delivered, and given up; it can be replayed");
            }
        }
        (self.teller)(Told::Delivery {
            delivery_id: id,
            watch_id,
            hook,
            attempt: number,
            answer,
            state,
        });
    }
}
