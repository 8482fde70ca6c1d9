//! A store in memory that can be full, slow or picky, and counts what is written to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use dcs_wait::model::{
    Answers, Attempt, Delivery, DeliveryId, Durations, JobType, ProjectName, WatchId, WatchRecord,
};
use dcs_wait::store::{
    Change, Counts, DeliveryFilter, Effect, MemoryStore, Page, Store, StoreError, StoreFuture,
    WatchFilter,
};
use tokio::sync::Notify;

/// Whether it is such a change.
type IsIt = fn(&Change) -> bool;

/// The store.
#[derive(Default)]
pub(super) struct Fickle {
    inner: Arc<MemoryStore>,
    full: AtomicBool,
    takes: Duration,
    /// The watch of which no change is ever taken.
    pub(super) spurned: Mutex<Option<WatchId>>,
    /// The next transaction with such a change is stored, and said not to be.
    pub(super) lie: Mutex<Option<IsIt>>,
    /// The next transaction ends in a panic.
    pub(super) panics: AtomicBool,
    /// Before more is owed, everything that has ended is forgotten.
    pub(super) forgets: AtomicBool,
    /// The next transaction waits for this.
    pub(super) hangs: Mutex<Option<Arc<Notify>>>,
    /// How often deliveries can still be listed, where that is limited.
    pub(super) lists_left: Mutex<Option<usize>>,
    /// How many changes went into each transaction.
    pub(super) groups: Mutex<Vec<usize>>,
}

impl Fickle {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One that takes so long for a transaction.
    pub(super) fn slow(takes: Duration) -> Arc<Self> {
        Arc::new(Self {
            takes,
            ..Self::default()
        })
    }

    /// The same store for another engine. Whatever ails this one doesn't ail that.
    pub(super) fn for_another(&self) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(&self.inner),
            ..Self::default()
        })
    }

    /// Has the next transaction hang, until the notification.
    pub(super) fn hang(&self) -> Arc<Notify> {
        let until = Arc::new(Notify::new());
        *self.hangs.lock().unwrap() = Some(Arc::clone(&until));
        until
    }

    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn refuses(&self, changes: &[Change]) -> bool {
        let spurned = *self.spurned.lock().unwrap();
        let is_spurned = |change: &Change| match change {
            Change::End { watch_id, .. } | Change::Note { watch_id, .. } => {
                Some(*watch_id) == spurned
            }
            _ => false,
        };
        self.full.load(Ordering::SeqCst) || changes.iter().any(is_spurned)
    }
}

impl Store for Fickle {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>> {
        Box::pin(async move {
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            let hangs = self.hangs.lock().unwrap().take();
            if let Some(until) = hangs {
                until.notified().await;
            }
            let panics = self.panics.swap(false, Ordering::SeqCst);
            assert!(!panics, "as this test wants it");
            if self.refuses(changes) {
                return Err(StoreError::NotNow {
                    doing: "written",
                    why: "no space is left".to_owned(),
                });
            }
            let owes = |change: &Change| matches!(change, Change::Owe(_));
            if self.forgets.load(Ordering::SeqCst) && changes.iter().any(owes) {
                let all = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
                self.inner.commit(&[Change::Prune(all)]).await?;
            }
            self.groups.lock().unwrap().push(changes.len());
            let effects = self.inner.commit(changes).await;
            let lie = self
                .lie
                .lock()
                .unwrap()
                .take_if(|lie| changes.iter().any(*lie));
            match lie {
                Some(_) => Err(StoreError::NotNow {
                    doing: "written",
                    why: "the disk did not answer".to_owned(),
                }),
                None => effects,
            }
        })
    }

    fn seen_at(&self) -> StoreFuture<'_, Option<SystemTime>> {
        self.inner.seen_at()
    }

    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        self.inner.active(after, limit)
    }

    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        self.inner.pending(after, limit)
    }

    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>> {
        self.inner.watch(id)
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        self.inner.watches(filter, page)
    }

    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>> {
        self.inner.delivery(id)
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        match self.lists_left.lock().unwrap().as_mut() {
            Some(0) => Box::pin(async {
                Err(StoreError::NotNow {
                    doing: "read",
                    why: "the disk did not answer".to_owned(),
                })
            }),
            left => {
                if let Some(left) = left {
                    *left -= 1;
                }
                self.inner.deliveries(filter, page)
            }
        }
    }

    fn durations(&self) -> StoreFuture<'_, Vec<(ProjectName, JobType, Durations)>> {
        self.inner.durations()
    }

    fn holds(&self) -> StoreFuture<'_, Vec<dcs_wait::model::CredentialHold>> {
        self.inner.holds()
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.inner.counts()
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()> {
        self.inner.mark_unfinished(is_unfinished)
    }

    fn is_unfinished(&self) -> StoreFuture<'_, bool> {
        self.inner.is_unfinished()
    }
}
