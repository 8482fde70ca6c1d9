//! The whole engine behind one handle: supervisor, recorder, dispatcher.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::active::{Active, Wish};
use super::health::Health;
use super::holds::Hold;
use super::orders::Heard;
use super::setup::{Parts, Setup};
use super::shared::{Attendant, Shared};
use super::supervisor::{Command, Supervisor};
use crate::clock::SaturatingAdd as _;
use crate::model::{
    Answers, DeliveryId, Durations, Estimate, HoldChange, Job, JobType, ProjectName, WatchId,
    WatchRecord,
};
use crate::poll::age_of;
use crate::store::limits::WRITE_TIMEOUT;
use crate::store::{self, Change, Effect, SharedStore, Store, StoreError};

/// How long storing what came of everything may take, once the time to stop is over: an exit hook
/// whose delivery isn't stored would end the next run as well. A write that fails has said so by then.
const FLUSH_TIMEOUT: Duration = WRITE_TIMEOUT.saturating_add(Duration::from_secs(1));

/// How long a look at the store's files may take.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a watch that another daemon polls may take to end, once it is called off.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How many watches or deliveries are read from the store at once.
const PAGE: u32 = 250;

/// A handle on a running engine, which runs until it is stopped.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl Engine {
    /// How much longer than it is given [`Engine::stop`] may take: to store what came of everything,
    /// and to leave those that share the store.
    pub const STOP_MARGIN: Duration = FLUSH_TIMEOUT.saturating_mul(2);

    /// Starts an engine that has no projects, hooks or watches.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        Self::start_for(parts, None)
    }

    pub(super) fn start_for(parts: Parts, attendant: Option<Attendant>) -> Self {
        let (sender, commands) = unbounded_channel();
        let shared = Arc::new(Shared::new(parts, attendant, sender));
        tokio::spawn(Supervisor::new(Arc::clone(&shared), commands).run());
        Self(shared)
    }

    /// Replaces projects and hooks. Watches of projects that stay don't notice; those of a project
    /// that is gone sleep until it is back.
    pub fn configure(&self, setup: Setup) {
        self.0.configure(setup);
    }

    /// Takes up the watches and deliveries that an earlier run left in the store, and what it
    /// learned; where several daemons share the store, a first part of this one's share. Says how many
    /// watches and deliveries.
    ///
    /// # Errors
    /// When the store can't be read, or the others can't be joined.
    pub async fn restore(&self) -> Result<(usize, usize), StoreError> {
        let Self(shared) = self;
        shared.begin_with_stored_time().await?;
        if let Some(leases) = &shared.leases {
            let held = leases.start(shared).await?;
            shared.set_restored();
            let count = |held| usize::try_from(held).unwrap_or(usize::MAX);
            return Ok((count(held.watches), count(held.deliveries)));
        }
        let closed = shared.barrier.close();
        // Where the loops are to run: from elsewhere, each would wake that thread.
        let engine = self.clone();
        let taking_up = shared.spawn_polling(async move { engine.take_up_stored().await });
        let restored = taking_up.await.map_err(|error| {
            StoreError::Unusable(format!("taking up what is stored failed: {error}"))
        })??;
        drop(closed);
        shared.set_restored();
        Ok(restored)
    }

    async fn take_up_stored(&self) -> Result<(usize, usize), StoreError> {
        let Self(shared) = self;
        shared.learn_stored().await?;
        let (mut watches, mut deliveries) = (0, 0);
        // Deliveries first: what the watches come to owe from now on is none of theirs.
        let mut after = None;
        loop {
            let page = shared.store.pending(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            deliveries += page.len();
            shared.dispatcher.take_on(page);
        }
        let mut after = None;
        loop {
            let page = shared.store.active(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.watch.id);
            watches += page.len();
            shared.take_up_all(page.into_iter());
        }
        Ok((watches, deliveries))
    }

    /// Ends a watch as cancelled. Where the store can be written, that is durable when this comes
    /// back.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn cancel(&self, id: WatchId) -> Result<Heard, StoreError> {
        let wish = store::Wish::CallOff;
        let heard = self.ask(id, wish).await?;
        if heard == Heard::Unknown || self.0.recorder.trouble().is_some() {
            return Ok(heard);
        }
        if heard == Heard::Yes
            && let Some(active) = self.0.watch(id)
        {
            active.ended().await;
        }
        // Whoever holds it by now is to know, where it has changed hands meanwhile.
        if let Some(leases) = &self.0.leases
            && leases.store.wish(id, wish).await?
        {
            self.until_ended(id).await?;
            return Ok(Heard::Yes);
        }
        Ok(heard)
    }

    /// Lifts what holds requests back as services said so: refused credentials are tried again, pauses
    /// are over, and limits that services named are forgotten.
    pub fn lift_holds(&self) {
        self.0.lift_holds();
    }

    /// Stores what a service said of a credential. It may be lost with a crash in that moment, or while
    /// the store can't be written: the service says it again then.
    pub async fn store_hold(&self, change: HoldChange) {
        if let Err(error) = self.0.recorder.store(Change::Hold(change)).await {
            tracing::debug!(%error, "what a service said of a credential can't be stored");
        }
    }

    /// What holds the requests of a project back, if anything does.
    #[must_use]
    pub fn hold(&self, project: &ProjectName) -> Option<Hold> {
        self.0.hold(project)
    }

    /// Asks for a watch's job now, or as soon as the user's limits allow: what the service said that
    /// holds it back is lifted.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn poll_now(&self, id: WatchId) -> Result<Heard, StoreError> {
        self.ask(id, store::Wish::PollNow).await
    }

    /// Waits for a watch to end that another daemon polls, for a while.
    async fn until_ended(&self, id: WatchId) -> Result<(), StoreError> {
        let Self(shared) = self;
        let begun = Instant::now();
        let is_active = |found: &Option<(WatchRecord, _)>| {
            found
                .as_ref()
                .is_some_and(|(record, _)| record.end.is_none())
        };
        while begun.elapsed() < PATIENCE && is_active(&shared.store.watch(id).await?) {
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn ask(&self, id: WatchId, wish: store::Wish) -> Result<Heard, StoreError> {
        let Self(shared) = self;
        let hears = |active: &Active| match wish {
            store::Wish::CallOff => active.wish(Wish::CallOff),
            store::Wish::PollNow => shared.poll_now(active),
        };
        if shared.watch(id).is_none() {
            match shared.store.watch(id).await? {
                None => return Ok(Heard::Unknown),
                Some((record, _)) if record.end.is_some() => return Ok(Heard::Ended),
                Some(_) if let Some(leases) = &shared.leases => {
                    return Ok(match leases.store.wish(id, wish).await? {
                        true => Heard::Yes,
                        false => Heard::Ended,
                    });
                }
                Some((record, _)) => {
                    let times = shared.times(&record.watch);
                    shared.take_up(record, times);
                }
            }
        }
        match shared.watch(id) {
            Some(active) if hears(&active) => Ok(Heard::Yes),
            _ if shared.is_stopping() => Err(StoreError::NotNow {
                doing: "written",
                why: "this daemon is stopping; ask the next one".to_owned(),
            }),
            _ => Ok(Heard::Ended),
        }
    }

    /// Carries a delivery out again. False where there is none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn replay(&self, id: DeliveryId) -> Result<bool, StoreError> {
        let Self(shared) = self;
        let due = shared.clock.now();
        let change = Change::Replay {
            delivery_id: id,
            due,
        };
        match shared.recorder.store(change).await? {
            Effect::Nothing => return Ok(false),
            Effect::Passed => return Ok(true),
            _ => {}
        }
        if let Some((delivery, _)) = shared.store.delivery(id).await? {
            shared.carry_out(vec![delivery]);
        }
        Ok(true)
    }

    /// How long jobs of each type took, by project and type.
    #[must_use]
    pub fn known_types(&self) -> Vec<(ProjectName, JobType, Durations)> {
        self.0.known.all()
    }

    /// What is to be expected of a job that goes on, `now` and after its watch has `waited`, where any
    /// of its type has ended.
    #[must_use]
    pub fn estimate(
        &self,
        project: &ProjectName,
        job: &Job,
        now: SystemTime,
        waited: Duration,
    ) -> Option<Estimate> {
        let job_type = job.job_type.as_ref()?;
        let experience = self.0.known.experience(project, job_type)?;
        experience.estimate(age_of(job, Some(now), waited, experience.longest()))
    }

    /// What is kept. For reading only: writing is the engine's.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The same, where several daemons share it.
    #[must_use]
    pub fn shared_store(&self) -> Option<&Arc<dyn SharedStore>> {
        self.0.leases.as_ref().map(|leases| &leases.store)
    }

    /// The line of a watch's history that goes on, and isn't kept yet.
    #[must_use]
    pub fn open_answers(&self, id: WatchId) -> Option<Answers> {
        self.0.watch(id)?.open_answers()
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::of(&self.0)
    }

    /// Comes back once loops, supervisor, dispatcher and recorder have shown that they go on.
    pub async fn pulse(&self) {
        if !self.command(Command::Pulse).await {
            std::future::pending::<()>().await;
        }
        self.0.pulse().await;
        self.0.dispatcher.pulse().await;
        self.0.recorder.pulse().await;
    }

    /// Looks whether what is written would be found again, and has the store written where it
    /// wouldn't: what is wrong shows in [`Engine::health`] from then on. Nothing is looked at while
    /// something is wrong already.
    pub async fn verify_store(&self) {
        let Self(shared) = self;
        if shared.recorder.trouble().is_some() {
            return;
        }
        let verified = timeout(VERIFY_TIMEOUT, shared.store.verify()).await;
        if !matches!(verified, Ok(Ok(()))) {
            shared.recorder.probe();
        }
    }

    /// Forgets watches that ended before this time and owe nothing. Says how many.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn prune(&self, before: SystemTime) -> Result<u64, StoreError> {
        match self.0.recorder.store(Change::Prune(before)).await? {
            Effect::Pruned(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Stores every minute what the wall clock shows, and shifts stored times where it is set. Runs
    /// beside the engine, for a store that outlasts it.
    pub async fn keep_time(&self) {
        self.0.keep_time().await;
    }

    /// Comes back once nothing is owed for the watch any more.
    pub async fn settled(&self, id: WatchId) {
        if let Some(active) = self.0.watch(id) {
            active.ending().await;
        }
        self.0.dispatcher.settled(id).await;
    }

    /// Polls no more, and accepts no more. Deliveries go on until [`Engine::stop`].
    pub async fn stop_polling(&self) {
        self.0.begin_stopping();
        self.command(Command::Idle).await;
    }

    /// Stops everything: waits for what is under way, as long as `within`, and then for what is to
    /// be stored, longer than a write may take unless one hangs. All else stays in the store. Returns
    /// whether everything was stored.
    pub async fn stop(&self, within: Duration) -> bool {
        let Self(shared) = self;
        let now = Instant::now();
        let until = now.checked_add(within).unwrap_or(now);
        // One that can't stop in time is cut off.
        drop(timeout_at(until, self.stop_polling()).await);
        // What isn't stored by then is polled for again by the next run.
        let settled = timeout_at(until, self.command(Command::Settled)).await;
        shared
            .dispatcher
            .stop(until.saturating_duration_since(Instant::now()))
            .await;
        let flush = shared.recorder.flush();
        // A write that hangs has had its time.
        let flush_until = match shared.recorder.is_stalled() {
            true => until,
            false => until.max(Instant::now().saturating_add(FLUSH_TIMEOUT)),
        };
        let flushed = timeout_at(flush_until, flush).await;
        let is_stored = settled.is_ok() && flushed.is_ok();
        if is_stored && shared.is_restored() && shared.leases.is_none() {
            // A failure has no consequence: the time is only a hint.
            drop(timeout_at(flush_until, shared.store_time()).await);
        }
        if !is_stored {
            tracing::warn!("not everything could be stored in time");
        }
        if let Some(leases) = &shared.leases {
            drop(
                timeout_at(
                    until.max(Instant::now().saturating_add(FLUSH_TIMEOUT)),
                    leases.leave(),
                )
                .await,
            );
        }
        shared.command(Command::Quit);
        is_stored
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Has the supervisor do something, and waits for its answer. False where it is gone, and with
    /// it all polling.
    async fn command(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> bool {
        let (reply, answer) = oneshot::channel();
        self.0.command(command(reply));
        answer.await.is_ok()
    }
}
