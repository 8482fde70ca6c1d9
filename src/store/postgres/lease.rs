//! Who is alive, and who holds what.

use std::time::Duration;

use super::PostgresStore;
use crate::model::{BoxFuture, Delivery, DeliveryId, Fence, WatchId, WatchRecord};
use crate::store::{
    Held, Instance, Notice, Renewal, SharedStore, StoreError, StoreFuture, Wish, Wished,
};

fn unmade<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(async {
        Err(StoreError::NotNow {
            doing: "written",
            why: "this form of it is being made".to_owned(),
        })
    })
}

impl SharedStore for PostgresStore {
    fn lease(&self) -> Duration {
        self.plan.lease
    }

    fn join(&self) -> StoreFuture<'_, ()> {
        unmade()
    }

    fn leave(&self) -> StoreFuture<'_, ()> {
        unmade()
    }

    fn renew(&self, _held: Held) -> StoreFuture<'_, Renewal> {
        unmade()
    }

    fn make_room(&self, _watches: u64) {}

    fn claim_watches(&self, _limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        unmade()
    }

    fn claim_deliveries(&self, _limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        unmade()
    }

    fn release_deliveries<'a>(&'a self, _held: &'a [(DeliveryId, Fence)]) -> StoreFuture<'a, ()> {
        unmade()
    }

    fn held_watches(
        &self,
        _after: Option<WatchId>,
        _limit: u32,
    ) -> StoreFuture<'_, Vec<WatchRecord>> {
        unmade()
    }

    fn held_deliveries(
        &self,
        _after: Option<DeliveryId>,
        _limit: u32,
    ) -> StoreFuture<'_, Vec<Delivery>> {
        unmade()
    }

    fn wish(&self, _id: WatchId, _wish: Wish) -> StoreFuture<'_, bool> {
        unmade()
    }

    fn wishes(&self) -> StoreFuture<'_, Vec<Wished>> {
        unmade()
    }

    fn notice(&self) -> BoxFuture<'_, Notice> {
        Box::pin(std::future::pending())
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Instance>> {
        unmade()
    }
}

impl super::super::Store for PostgresStore {
    fn commit<'a>(
        &'a self,
        _changes: &'a [crate::store::Change],
    ) -> StoreFuture<'a, Vec<crate::store::Effect>> {
        unmade()
    }

    fn active(&self, _after: Option<WatchId>, _limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        unmade()
    }

    fn pending(&self, _after: Option<DeliveryId>, _limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        unmade()
    }

    fn watch(
        &self,
        _id: WatchId,
    ) -> StoreFuture<'_, Option<(WatchRecord, Vec<crate::model::Answers>)>> {
        unmade()
    }

    fn watches<'a>(
        &'a self,
        _filter: &'a crate::store::WatchFilter,
        _page: crate::store::Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        unmade()
    }

    fn delivery(
        &self,
        _id: DeliveryId,
    ) -> StoreFuture<'_, Option<(Delivery, Vec<crate::model::Attempt>)>> {
        unmade()
    }

    fn deliveries<'a>(
        &'a self,
        _filter: &'a crate::store::DeliveryFilter,
        _page: crate::store::Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        unmade()
    }

    fn durations(
        &self,
    ) -> StoreFuture<
        '_,
        Vec<(
            crate::model::ProjectName,
            crate::model::JobType,
            crate::model::Durations,
        )>,
    > {
        unmade()
    }

    fn counts(&self) -> StoreFuture<'_, crate::store::Counts> {
        unmade()
    }
}
