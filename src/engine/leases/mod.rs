//! The leases of a store that several daemons share: what this one holds, and how it comes to hold its
//! share.
//!
//! A round renews the lease, gives up what is too much, and claims what is too little; there is one
//! three times in each lease, and whenever others have done something. When the lease ends, everything
//! that is held is let go at once, without a word to the store; when there is one again, what the store
//! says is held is taken up anew.

mod round;
mod share;
mod task;
mod tenure;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use self::task::Task;
use super::shared::Shared;
use crate::clock::FollowingClock;
use crate::store::{Held, Notice, SharedStore, StoreError};

pub use tenure::Tenure;

/// How long before a lease ends for others it ends for its holder: a tenth, for clocks that run
/// unequally and for what is under way.
const MARGIN: u32 = 10;

/// A store that several daemons share, and the clock that goes by it.
pub struct Membership {
    /// The store.
    pub store: Arc<dyn SharedStore>,
    /// What follows the store's time: the engine's clock, where all are to have the same.
    pub clock: Arc<FollowingClock>,
}

/// What the task of the leases hears.
enum Heard {
    Notice(Notice),
    /// Something may be held that nobody here works on.
    Astray,
    Leave(oneshot::Sender<()>),
}

/// A handle on the leases.
pub(super) struct Leases {
    pub(super) store: Arc<dyn SharedStore>,
    clock: Arc<FollowingClock>,
    tenure: Tenure,
    instances: AtomicU32,
    hear: UnboundedSender<Heard>,
    heard: Mutex<Option<UnboundedReceiver<Heard>>>,
}

impl Leases {
    pub(super) fn new(membership: Membership, tenure: Tenure) -> Self {
        let (hear, heard) = unbounded_channel();
        Self {
            store: membership.store,
            clock: membership.clock,
            tenure,
            instances: AtomicU32::new(1),
            hear,
            heard: Mutex::new(Some(heard)),
        }
    }

    /// Joins the others, and takes up a first part of what is to be held. All else follows by itself.
    ///
    /// # Errors
    /// When the store can't be written.
    pub(super) async fn start(&self, shared: &Arc<Shared>) -> Result<Held, StoreError> {
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(heard) = heard else {
            return Ok(Held::default());
        };
        let mut task = Task::new(
            Arc::clone(shared),
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            heard,
        );
        let held = task.join().await?;
        task.attend(listen(Arc::clone(&self.store), self.hear.clone()));
        task.attend(watch(Arc::clone(shared), self.tenure.clone()));
        tokio::spawn(task.run());
        Ok(held)
    }

    /// How many instances share the store, as far as is known here.
    pub(super) fn instances(&self) -> u32 {
        self.instances.load(Ordering::Relaxed)
    }

    /// Whether the lease goes on.
    pub(super) fn is_good(&self) -> bool {
        self.tenure.is_good()
    }

    /// Something may be held that nobody here works on: the store is asked what.
    pub(super) fn look_for_strays(&self) {
        self.tell(Heard::Astray);
    }

    /// Leaves the others: what is still held is theirs.
    pub(super) async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        self.tell(Heard::Leave(reply));
        // An error says that it has left before.
        drop(left.await);
    }

    /// A task that has ended has nothing to hear.
    fn tell(&self, what: Heard) {
        drop(self.hear.send(what));
    }
}

/// How long a lease goes on for its holder, from when it asked for it.
fn tenure_of(lease: Duration) -> Duration {
    lease.saturating_sub(lease.checked_div(MARGIN).unwrap_or_default())
}

/// Passes on what others do.
async fn listen(store: Arc<dyn SharedStore>, hear: UnboundedSender<Heard>) {
    loop {
        let notice = store.notice().await;
        if hear.send(Heard::Notice(notice)).is_err() {
            return;
        }
    }
}

/// Lets everything go when the lease ends, whatever the task of the leases waits for then.
async fn watch(shared: Arc<Shared>, tenure: Tenure) {
    loop {
        tenure.ended().await;
        tracing::error!(
            "the lease has ended, as the store couldn't be reached in time, or this process stood still: nothing is polled or delivered until it is renewed"
        );
        shared.let_go().await;
    }
}
