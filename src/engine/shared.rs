//! What the engine's handle and its tasks share: the watches that go on, and what they work with.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::active::{Active, Wish};
use super::barrier::Barrier;
use super::dispatcher::{Dispatcher, DispatcherParts};
use super::known::KnownTypes;
use super::leases::{Leases, Tenure};
use super::moods::Moods;
use super::names::Names;
use super::polling::{Loop, Times};
use super::recorder::Recorder;
use super::setup::{Parts, Setup};
use super::supervisor::Command;
use super::told::{Teller, Told};
use super::wall_clock::WallClock;
use crate::clock::Clock;
use crate::model::{
    Delivery, DeliveryId, Meter, ProjectName, Watch, WatchEvent, WatchId, WatchRecord,
};
use crate::store::{Store, StoreError};

/// What somebody is told who waits on the spot, and has no use for a loop that is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// A watch ends because none can go on.
    Misconfigured,
    /// A watch is given up, as its loop panicked.
    Panicked,
}

/// Where asides go.
pub(super) type Attendant = Box<dyn Fn(Aside) + Send + Sync>;

pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meter: Arc<dyn Meter>,
    pub(super) recorder: Recorder,
    pub(super) dispatcher: Dispatcher,
    /// Where other daemons share the store.
    pub(super) leases: Option<Leases>,
    /// Until when what is held here is.
    pub(super) tenure: Tenure,
    pub(super) attendant: Option<Attendant>,
    pub(super) known: KnownTypes,
    pub(super) moods: Moods,
    pub(super) commands: UnboundedSender<Command>,
    /// In front of all loops.
    pub(super) barrier: Barrier,
    polling: Handle,
    teller: Teller,
    random: Mutex<fastrand::Rng>,
    /// The last IDs that were made, or are stored.
    last_ids: Mutex<(Option<WatchId>, Option<DeliveryId>)>,
    pub(super) wall_clock: WallClock,
    setup: Mutex<Arc<Setup>>,
    watches: Mutex<Watches>,
    /// How many loops poll.
    // No set of their tasks: its entry would take as much room as a tenth of a watch.
    loops: AtomicUsize,
}

#[derive(Default)]
struct Watches {
    active: HashSet<ById>,
    names: Names,
    restored: bool,
    /// No more are begun.
    stopping: bool,
}

/// A watch in a set that is looked up by ID: with IDs as keys of a map, there would be two of each.
struct ById(Arc<Active>);

impl Borrow<WatchId> for ById {
    fn borrow(&self) -> &WatchId {
        &self.0.id
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

/// How a watch was taken up.
pub(super) enum TakenUp {
    /// It is polled, or is to be with the next start.
    Yes,
    /// It has ended meanwhile.
    Ended,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        parts: Parts,
        attendant: Option<Attendant>,
        commands: UnboundedSender<Command>,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(parts.seed);
        let tenure = match &parts.membership {
            Some(_) => Tenure::to_begin(),
            None => Tenure::without_end(),
        };
        let recorder = Recorder::start(Arc::clone(&parts.store), Arc::clone(&parts.meter));
        let dispatcher = Dispatcher::start(DispatcherParts {
            store: Arc::clone(&parts.store),
            recorder: recorder.clone(),
            clock: Arc::clone(&parts.clock),
            meter: Arc::clone(&parts.meter),
            teller: Arc::clone(&parts.teller),
            retries: parts.retries,
            tenure: tenure.clone(),
            seed: random.u64(..),
        });
        let leases = parts.membership;
        let leases = leases.map(|membership| Leases::new(membership, tenure.clone()));
        Self {
            store: parts.store,
            clock: parts.clock,
            meter: parts.meter,
            recorder,
            dispatcher,
            leases,
            tenure,
            attendant,
            known: KnownTypes::default(),
            moods: Moods::default(),
            commands,
            barrier: Barrier::default(),
            polling: parts.polling,
            teller: parts.teller,
            random: Mutex::new(random),
            last_ids: Mutex::default(),
            wall_clock: WallClock::default(),
            setup: Mutex::default(),
            watches: Mutex::default(),
            loops: AtomicUsize::new(0),
        }
    }

    pub(super) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&lock(&self.setup))
    }

    /// Replaces the setup. The watches that it means something else for begin anew.
    pub(super) fn configure(&self, setup: Setup) {
        self.dispatcher.configure(setup.hooks.clone());
        let setup = Arc::new(setup);
        let before = std::mem::replace(&mut *lock(&self.setup), Arc::clone(&setup));
        self.share_limits();
        for active in self.active() {
            let name = &active.terms.project;
            let same = match (before.projects.get(name), setup.projects.get(name)) {
                (Some(before), Some(now)) => now.is_asked_like(before),
                (None, None) => true,
                _ => false,
            };
            if !same {
                active.wish(Wish::BeginAnew);
            }
        }
    }

    /// Has this process keep to its share of what all who share the store may ask.
    pub(super) fn share_limits(&self) {
        if let Some(leases) = &self.leases {
            for project in self.setup().projects.values() {
                project.session.gate.share_among(leases.instances());
            }
        }
    }

    /// A generator of its own for whoever needs chance more than once.
    pub(super) fn fork_random(&self) -> fastrand::Rng {
        lock(&self.random).fork()
    }

    pub(super) fn new_watch_id(&self) -> WatchId {
        let (last, _) = &mut *lock(&self.last_ids);
        let id = WatchId::after(*last, self.clock.now(), &mut lock(&self.random));
        *last = Some(id);
        id
    }

    pub(super) fn new_delivery_id(&self) -> DeliveryId {
        let (_, last) = &mut *lock(&self.last_ids);
        let id = DeliveryId::after(*last, self.clock.now(), &mut lock(&self.random));
        *last = Some(id);
        id
    }

    /// Has new IDs sort after these: lists are in the order of insertion, even where the clock was set
    /// back.
    pub(super) fn follow_ids(&self, watch: Option<WatchId>, delivery: Option<DeliveryId>) {
        let (last_watch, last_delivery) = &mut *lock(&self.last_ids);
        *last_watch = watch.max(*last_watch);
        *last_delivery = delivery.max(*last_delivery);
    }

    pub(super) fn tell(&self, watch_id: WatchId, project: &ProjectName, event: WatchEvent) {
        self.tell_of(Told::Watch {
            watch_id,
            project: project.clone(),
            event,
        });
    }

    pub(super) fn tell_of(&self, what: Told) {
        (self.teller)(what);
    }

    /// How many watches go on.
    pub(super) fn count(&self) -> usize {
        lock(&self.watches).active.len()
    }

    /// Takes in what is stored of how long jobs took.
    pub(super) async fn learn_stored(&self) -> Result<(), StoreError> {
        for (project, job_type, durations) in self.store.durations().await? {
            self.known.restore(&project, &job_type, durations);
        }
        Ok(())
    }

    /// The watches that go on.
    pub(super) fn active(&self) -> Vec<Arc<Active>> {
        let watches = lock(&self.watches);
        watches
            .active
            .iter()
            .map(|one| Arc::clone(&one.0))
            .collect()
    }

    pub(super) fn watch(&self, id: WatchId) -> Option<Arc<Active>> {
        let watches = lock(&self.watches);
        watches.active.get(&id).map(|one| Arc::clone(&one.0))
    }

    pub(super) fn is_stopping(&self) -> bool {
        lock(&self.watches).stopping
    }

    pub(super) fn is_restored(&self) -> bool {
        lock(&self.watches).restored
    }

    pub(super) fn set_restored(&self) {
        lock(&self.watches).restored = true;
    }

    /// Takes up a watch that is kept as going on; one that is polled already gets its hooks.
    pub(super) fn take_up(self: &Arc<Self>, record: WatchRecord, times: Times) -> TakenUp {
        self.take_up_one(&mut lock(&self.watches), record, times)
    }

    /// Likewise many.
    pub(super) fn take_up_all(self: &Arc<Self>, records: impl Iterator<Item = WatchRecord>) {
        let mut watches = lock(&self.watches);
        for record in records {
            let times = self.times(&record.watch);
            self.take_up_one(&mut watches, record, times);
        }
    }

    fn take_up_one(
        self: &Arc<Self>,
        watches: &mut Watches,
        record: WatchRecord,
        times: Times,
    ) -> TakenUp {
        if let Some(ById(active)) = watches.active.get(&record.watch.id) {
            if active.fence() != record.fence {
                // It is about to go, and to be taken up anew.
                self.look_for_strays();
            }
            return match active.join(&record.watch.hooks) {
                true => TakenUp::Yes,
                false => TakenUp::Ended,
            };
        }
        if !self.tenure.is_good() {
            self.look_for_strays();
        } else if !watches.stopping {
            let terms = watches.names.terms(&record.watch, record.fence);
            let active = Arc::new(Active::new(record.watch, terms, &record.progress));
            self.moods.add(active.mood());
            watches.active.insert(ById(Arc::clone(&active)));
            // Right after the watch itself: so they share what the allocator keeps free between tasks.
            self.begin(Loop::new(Arc::clone(self), active, times).run());
        }
        TakenUp::Yes
    }

    /// Begins a loop.
    pub(super) fn begin(&self, polling: impl Future<Output = ()> + Send + 'static) {
        self.loops.fetch_add(1, Ordering::Relaxed);
        drop(self.spawn_polling(polling));
    }

    /// Runs something beside the loops.
    pub(super) fn spawn_polling<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.polling.spawn(work)
    }

    /// Comes back once the runtime of the loops has shown that it goes on.
    pub(super) async fn pulse(&self) {
        if self.spawn_polling(async {}).await.is_err() {
            std::future::pending().await
        }
    }

    /// A loop has come back.
    pub(super) fn has_left(&self) {
        self.loops.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether any loop polls.
    pub(super) fn is_polling(&self) -> bool {
        self.loops.load(Ordering::Relaxed) > 0
    }

    /// The times of a watch that is kept, by this machine's clock.
    pub(super) fn times(&self, watch: &Watch) -> Times {
        let (now, instant) = (self.clock.now(), Instant::now());
        let waited = now.duration_since(watch.accepted_at).unwrap_or_default();
        Times {
            start: instant.checked_sub(waited).unwrap_or(instant),
            // One that has passed meanwhile is now: the job is asked for once more.
            deadline: watch.deadline_at.and_then(|deadline| {
                instant.checked_add(deadline.duration_since(now).unwrap_or_default())
            }),
        }
    }

    /// A watch has ended.
    pub(super) fn forget(&self, active: &Active) {
        if lock(&self.watches).active.remove(&active.id) {
            self.moods.remove(active.mood());
        }
        active.has_ended();
    }

    /// Gives so many watches up for other daemons, and says which.
    pub(super) fn release(&self, most: usize) -> Vec<Arc<Active>> {
        let active = self.active().into_iter();
        let released = active.filter(|active| active.release());
        released.take(most).collect()
    }

    /// Lets go of everything that is held: it is others' now, or taken up anew.
    pub(super) async fn let_go(&self) {
        for active in self.active() {
            active.wish(Wish::LetGo);
        }
        self.dispatcher.let_go().await;
    }

    /// Has deliveries carried out that were stored as held here. Where the lease has ended meanwhile,
    /// the store is asked whether they still are.
    pub(super) fn carry_out(&self, deliveries: Vec<Delivery>) {
        if self.tenure.is_good() {
            self.dispatcher.take_on(deliveries);
        } else {
            self.look_for_strays();
        }
    }

    /// Has the store asked what is held and nobody here works on, where others share it.
    pub(super) fn look_for_strays(&self) {
        if let Some(leases) = &self.leases {
            leases.look_for_strays();
        }
    }

    /// Begins no more watches, and has those that go on stop.
    pub(super) fn begin_stopping(&self) {
        lock(&self.watches).stopping = true;
        for active in self.active() {
            active.wish(Wish::Stop);
        }
    }

    /// Nothing goes on any more: nobody is to wait for it.
    pub(super) fn give_up(&self) {
        for active in self.active() {
            active.wish(Wish::Stop);
            active.has_ended();
        }
    }

    /// Without a supervisor everything has ended, and there is nothing to command.
    pub(super) fn command(&self, command: Command) {
        drop(self.commands.send(command));
    }
}
