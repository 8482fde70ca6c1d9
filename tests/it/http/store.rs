//! A store that has its moods.

use std::sync::atomic::{AtomicU8, Ordering};

use dcs_wait::model::{
    Answers, Attempt, BoxFuture, Delivery, DeliveryId, Durations, JobType, ProjectName, WatchId,
    WatchRecord,
};
use dcs_wait::store::{
    Change, Counts, DeliveryFilter, Effect, MemoryStore, Page, Store, StoreError, WatchFilter,
};

const FULL: u8 = 1;
const BROKEN: u8 = 2;
const STUCK: u8 = 3;
const AWAY: u8 = 4;

/// A store in memory that works until it is told otherwise.
#[derive(Default)]
pub(super) struct Moody {
    inner: MemoryStore,
    mood: AtomicU8,
}

impl Moody {
    /// It can't be written any more.
    pub(super) fn fill_up(&self) {
        self.mood.store(FULL, Ordering::Relaxed);
    }

    /// A look at its watches panics from now on.
    pub(super) fn break_down(&self) {
        self.mood.store(BROKEN, Ordering::Relaxed);
    }

    /// A look at its watches takes for ever from now on.
    pub(super) fn get_stuck(&self) {
        self.mood.store(STUCK, Ordering::Relaxed);
    }

    /// It is in a database that can't be reached any more.
    pub(super) fn go_away(&self) {
        self.mood.store(AWAY, Ordering::Relaxed);
    }

    pub(super) fn recover(&self) {
        self.mood.store(0, Ordering::Relaxed);
    }

    fn mood(&self) -> u8 {
        self.mood.load(Ordering::Relaxed)
    }
}

impl Store for Moody {
    fn commit<'a>(
        &'a self,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Effect>, StoreError>> {
        if self.mood() == FULL {
            return Box::pin(async {
                Err(StoreError::NotNow {
                    doing: "written",
                    why: "no space left on device".to_owned(),
                })
            });
        }
        self.inner.commit(changes)
    }

    fn active(
        &self,
        after: Option<WatchId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<WatchRecord>, StoreError>> {
        self.inner.active(after, limit)
    }

    fn pending(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        self.inner.pending(after, limit)
    }

    fn watch(
        &self,
        id: WatchId,
    ) -> BoxFuture<'_, Result<Option<(WatchRecord, Vec<Answers>)>, StoreError>> {
        self.inner.watch(id)
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> BoxFuture<'a, Result<Vec<WatchRecord>, StoreError>> {
        match self.mood() {
            BROKEN => panic!("the store is broken"),
            STUCK => Box::pin(std::future::pending()),
            _ => self.inner.watches(filter, page),
        }
    }

    fn delivery(
        &self,
        id: DeliveryId,
    ) -> BoxFuture<'_, Result<Option<(Delivery, Vec<Attempt>)>, StoreError>> {
        self.inner.delivery(id)
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, StoreError>> {
        self.inner.deliveries(filter, page)
    }

    fn durations(
        &self,
    ) -> BoxFuture<'_, Result<Vec<(ProjectName, JobType, Durations)>, StoreError>> {
        self.inner.durations()
    }

    fn holds(&self) -> BoxFuture<'_, Result<Vec<dcs_wait::model::CredentialHold>, StoreError>> {
        self.inner.holds()
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        if self.mood() == AWAY {
            return Box::pin(async {
                Err(StoreError::NotNow {
                    doing: StoreError::REACHED,
                    why: "Connection refused".to_owned(),
                })
            });
        }
        self.inner.counts()
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.mark_unfinished(is_unfinished)
    }

    fn is_unfinished(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.is_unfinished()
    }
}
