//! What is owed: by which hook, when it is due, and whose turn it is. What waits for its time is
//! known by its ID alone.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::hooks::{Configured, Hook, Message, Receipt};
use crate::model::{BoxFuture, Delivery, DeliveryId, Fence, HookName, WatchId};

/// How many bytes of deliveries of one hook that are due are held in memory: some ten thousand.
/// Others are read from the store when it is their turn.
const HELD: usize = 8 * 1024 * 1024;

/// How many attempts may be under way at once for a hook that isn't configured.
const UNCONFIGURED: usize = 4;

/// Everything that is owed.
#[derive(Default)]
pub(super) struct Queues {
    by_hook: HashMap<HookName, Queue>,
    owed: HashMap<DeliveryId, Owed>,
    waiting: BTreeSet<(Instant, DeliveryId)>,
    of_watch: HashMap<WatchId, usize>,
}

/// What is owed by one hook.
#[derive(Default)]
struct Queue {
    configured: Option<Configured>,
    /// What the receiver said when it wanted no more.
    gone: Option<String>,
    ready: VecDeque<DeliveryId>,
    /// How many bytes of those are held in memory.
    held: usize,
    under_way: usize,
}

struct Owed {
    watch_id: WatchId,
    hook: HookName,
    /// Under which it is held.
    fence: Fence,
    stage: Stage,
}

enum Stage {
    /// Until it is due.
    Waiting(Instant),
    /// For its turn.
    Ready(Option<Box<Delivery>>),
    /// It is tried, or what came of that is stored.
    UnderWay {
        /// Whether it is to be tried again in any case, as it was replayed meanwhile.
        again: bool,
    },
}

/// A delivery that was given up.
pub(super) struct GivenUp {
    pub(super) id: DeliveryId,
    pub(super) fence: Fence,
    pub(super) watch_id: WatchId,
}

/// A delivery whose turn it is.
pub(super) struct Turn {
    pub(super) id: DeliveryId,
    /// Under which it is held.
    pub(super) fence: Fence,
    /// The delivery, where it is still in memory.
    pub(super) fresh: Option<Box<Delivery>>,
    pub(super) hook: Arc<dyn Hook>,
    pub(super) hook_name: HookName,
}

impl Queues {
    /// Replaces the hooks.
    pub(super) fn configure(&mut self, hooks: Vec<Configured>) {
        for queue in self.by_hook.values_mut() {
            queue.configured = None;
            queue.gone = None;
        }
        for hook in hooks {
            let queue = self.by_hook.entry(hook.name.clone()).or_default();
            queue.configured = Some(hook);
        }
    }

    /// Takes a delivery on. One that is known is tried when it is due now.
    pub(super) fn add(&mut self, delivery: Delivery, due: Instant, now: Instant) {
        let id = delivery.id;
        if let Some(owed) = self.owed.get_mut(&id)
            && owed.fence != delivery.fence
        {
            owed.fence = delivery.fence;
            // What is in memory is of before, and is read anew.
            if let Stage::Ready(fresh) = &mut owed.stage
                && let Some(fresh) = fresh.take()
                && let Some(queue) = self.by_hook.get_mut(&owed.hook)
            {
                queue.held -= size(&fresh);
            }
        }
        match self.owed.get_mut(&id).map(|owed| &mut owed.stage) {
            Some(Stage::Waiting(before)) => {
                self.waiting.remove(&(*before, id));
                self.wait(id, due);
            }
            Some(Stage::Ready(_)) => {}
            Some(Stage::UnderWay { again }) => *again = true,
            None => {
                *self.of_watch.entry(delivery.watch_id).or_default() += 1;
                self.owed.insert(
                    id,
                    Owed {
                        watch_id: delivery.watch_id,
                        hook: delivery.hook.clone(),
                        fence: delivery.fence,
                        stage: Stage::UnderWay { again: false },
                    },
                );
                if due <= now {
                    self.make_ready(id, Some(Box::new(delivery)));
                } else {
                    self.wait(id, due);
                }
            }
        }
    }

    /// Whether a delivery is known, and held under this fence.
    pub(super) fn has(&self, id: DeliveryId, fence: Fence) -> bool {
        self.owed.get(&id).is_some_and(|owed| owed.fence == fence)
    }

    /// Has one that waits tried no later than then.
    pub(super) fn hasten(&mut self, id: DeliveryId, due: Instant) {
        if let Some(Stage::Waiting(before)) = self.owed.get(&id).map(|owed| &owed.stage)
            && due < *before
        {
            self.waiting.remove(&(*before, id));
            self.wait(id, due);
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.owed.len()
    }

    /// Forgets at most so many, none of which is under way.
    pub(super) fn give_up_some(&mut self, most: usize) -> Vec<GivenUp> {
        let is_idle = |owed: &Owed| !matches!(owed.stage, Stage::UnderWay { .. });
        let idle = self.owed.iter().filter(|(_, owed)| is_idle(owed));
        let given_up: Vec<GivenUp> = idle
            .take(most)
            .map(|(id, owed)| GivenUp {
                id: *id,
                fence: owed.fence,
                watch_id: owed.watch_id,
            })
            .collect();
        for one in &given_up {
            self.remove(one.id);
        }
        // In one go: a search for each would take long where there are many.
        for queue in self.by_hook.values_mut() {
            queue.ready.retain(|id| self.owed.contains_key(id));
        }
        given_up
    }

    /// Forgets one that isn't under way, save for its place in its queue.
    fn remove(&mut self, id: DeliveryId) {
        let Some(owed) = self.owed.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut owed.stage, Stage::UnderWay { again: false }) {
            Stage::Waiting(due) => {
                self.waiting.remove(&(due, id));
            }
            Stage::Ready(Some(fresh)) => {
                if let Some(queue) = self.by_hook.get_mut(&owed.hook) {
                    queue.held -= size(&fresh);
                }
            }
            Stage::Ready(None) | Stage::UnderWay { .. } => {}
        }
        self.forget(id);
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// Queues what is due by now.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now)
            && let Some((_, id)) = self.waiting.pop_first()
        {
            self.make_ready(id, None);
        }
    }

    /// The next delivery that may be tried, where there is one; it counts as under way until
    /// [`Queues::free`].
    pub(super) fn next(&mut self) -> Option<Turn> {
        let (name, queue) = self
            .by_hook
            .iter_mut()
            .find(|(_, queue)| queue.has_turn())?;
        let id = queue.ready.pop_front()?;
        queue.under_way += 1;
        let under_way = Stage::UnderWay { again: false };
        let owed = self.owed.get_mut(&id)?;
        let turn = Turn {
            id,
            fence: owed.fence,
            fresh: None,
            hook: queue.hook(),
            hook_name: name.clone(),
        };
        match std::mem::replace(&mut owed.stage, under_way) {
            Stage::Ready(fresh) => {
                queue.held -= fresh.as_deref().map_or(0, size);
                Some(Turn { fresh, ..turn })
            }
            Stage::Waiting(_) | Stage::UnderWay { .. } => Some(turn),
        }
    }

    /// An attempt of the hook has ended.
    pub(super) fn free(&mut self, hook: &HookName) {
        if let Some(queue) = self.by_hook.get_mut(hook) {
            queue.under_way = queue.under_way.saturating_sub(1);
        }
    }

    /// The hook's receiver wants no more. Says whether that is news.
    pub(super) fn give_up(&mut self, hook: &HookName, answer: &str) -> bool {
        let queue = self.by_hook.entry(hook.clone()).or_default();
        if queue.gone.is_some() {
            return false;
        }
        queue.gone = Some(answer.to_owned());
        let is_of_hook = |id: &DeliveryId| self.owed.get(id).is_some_and(|owed| owed.hook == *hook);
        let (of_hook, others) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, id)| is_of_hook(id));
        self.waiting = others;
        for (_, id) in of_hook {
            self.make_ready(id, None);
        }
        true
    }

    /// Whether a delivery was replayed while it was tried.
    pub(super) fn is_replayed(&self, id: DeliveryId) -> bool {
        let stage = self.owed.get(&id).map(|owed| &owed.stage);
        matches!(stage, Some(Stage::UnderWay { again: true }))
    }

    /// What became of an attempt is stored: the delivery is due again, or over. Gives back the watch
    /// for which nothing is owed any more, where that is so.
    pub(super) fn settle(&mut self, id: DeliveryId, due: Option<Instant>) -> Option<WatchId> {
        let owed = self.owed.get(&id)?;
        let again = matches!(owed.stage, Stage::UnderWay { again: true });
        let is_gone = |queue: &Queue| queue.gone.is_some();
        match due {
            Some(_) if self.by_hook.get(&owed.hook).is_some_and(is_gone) => {
                self.make_ready(id, None)
            }
            _ if again => self.make_ready(id, None),
            Some(due) => self.wait(id, due),
            None => return self.forget(id),
        }
        None
    }

    /// Whether nothing is owed for the watch.
    pub(super) fn is_settled(&self, watch_id: WatchId) -> bool {
        !self.of_watch.contains_key(&watch_id)
    }

    fn forget(&mut self, id: DeliveryId) -> Option<WatchId> {
        let watch_id = self.owed.remove(&id)?.watch_id;
        if self.owed.is_empty() {
            self.give_back();
        }
        let left = self.of_watch.get_mut(&watch_id)?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        self.of_watch.remove(&watch_id);
        Some(watch_id)
    }

    /// Gives back the room that a burst took, now that nothing is owed.
    fn give_back(&mut self) {
        self.owed.shrink_to_fit();
        self.of_watch.shrink_to_fit();
        for queue in self.by_hook.values_mut() {
            queue.ready.shrink_to_fit();
        }
    }

    fn wait(&mut self, id: DeliveryId, due: Instant) {
        if let Some(owed) = self.owed.get_mut(&id) {
            owed.stage = Stage::Waiting(due);
            self.waiting.insert((due, id));
        }
    }

    fn make_ready(&mut self, id: DeliveryId, fresh: Option<Box<Delivery>>) {
        if let Some(owed) = self.owed.get_mut(&id) {
            let queue = self.by_hook.entry(owed.hook.clone()).or_default();
            let fresh = fresh.filter(|fresh| queue.held + size(fresh) <= HELD);
            queue.held += fresh.as_deref().map_or(0, size);
            owed.stage = Stage::Ready(fresh);
            queue.ready.push_back(id);
        }
    }
}

impl Queue {
    fn has_turn(&self) -> bool {
        let configured = self.configured.as_ref();
        let most = configured.map_or(UNCONFIGURED, |hook| hook.concurrency.max(1));
        self.under_way < most && !self.ready.is_empty()
    }

    fn hook(&self) -> Arc<dyn Hook> {
        match (&self.gone, &self.configured) {
            (Some(said), _) => Arc::new(Answering(Receipt::Gone {
                answer: format!("not sent: the receiver wants no more ({said})"),
            })),
            (None, Some(configured)) => Arc::clone(&configured.hook),
            (None, None) => Arc::new(Answering(Receipt::Failed {
                answer: "no hook of this name is configured".to_owned(),
                retry_after: None,
            })),
        }
    }
}

/// How many bytes of memory a delivery takes up.
fn size(delivery: &Delivery) -> usize {
    size_of::<Delivery>() + delivery.body.len()
}

/// Stands in for a hook that can't be asked.
struct Answering(Receipt);

impl Hook for Answering {
    fn deliver<'a>(&'a self, _message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(async { self.0.clone() })
    }
}
