//! What several daemons agree on, as this instance.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::errors::unfit;
use super::limits::QUERY_TIMEOUT;
use super::{PostgresStore, claim, instance, reading};
use crate::model::{BoxFuture, Delivery, DeliveryId, Fence, WatchId, WatchRecord};
use crate::store::{
    Held, Instance, Notice, Renewal, SharedStore, StoreError, StoreFuture, Wish, Wished,
};

/// Has a connection of `$lane` do `$work`, as `$connection`.
macro_rules! writing {
    ($lane:expr, $connection:ident => $work:expr) => {{
        let done = $lane.run(QUERY_TIMEOUT, |mut $connection| async move {
            let done = $work.await?;
            Ok(($connection, done))
        });
        done.await.map_err(|error| unfit("written", error))
    }};
}

impl PostgresStore {
    async fn join_as_new(&self) -> Result<(), StoreError> {
        let (name, lease) = (&*self.plan.instance, self.plan.lease);
        let id = writing!(self.leases, connection =>
            instance::join(&mut connection, name, lease))?;
        let id = id.ok_or_else(|| {
            let why = "a copy into the store was begun and isn't finished: finish it first";
            StoreError::Unusable(why.to_owned())
        })?;
        // Whether there are others is known once it renews; until then there may be.
        self.this.has_others.store(true, Ordering::Relaxed);
        self.this.id.store(id, Ordering::Release);
        self.this.has_left.store(false, Ordering::Release);
        Ok(())
    }

    async fn renew_lease(&self, held: Held) -> Result<Renewal, StoreError> {
        self.not_left()?;
        let (id, lease) = (self.this.id(), self.plan.lease);
        let renewal = writing!(self.leases, connection =>
            instance::renew(&mut connection, id, lease, held))?;
        if let Renewal::Renewed(alive) = &renewal {
            let has_others = alive.instances > 1;
            self.this.has_others.store(has_others, Ordering::Relaxed);
        }
        Ok(renewal)
    }
}

impl SharedStore for PostgresStore {
    fn lease(&self) -> Duration {
        self.plan.lease
    }

    fn join(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.join_as_new())
    }

    fn leave(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.this.has_left.store(true, Ordering::Release);
            let id = self.this.id();
            writing!(self.leases, connection => instance::leave(&mut connection, id))
        })
    }

    fn renew(&self, held: Held) -> StoreFuture<'_, Renewal> {
        Box::pin(self.renew_lease(held))
    }

    fn make_room(&self, watches: u64) {
        self.this.room.store(watches, Ordering::Relaxed);
    }

    fn claim_watches(&self, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        Box::pin(async move {
            let id = self.this.id();
            writing!(self.leases, connection => claim::claim_watches(&mut connection, id, limit))
        })
    }

    fn claim_deliveries(&self, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        Box::pin(async move {
            let id = self.this.id();
            writing!(self.leases, connection =>
                claim::claim_deliveries(&mut connection, id, limit))
        })
    }

    fn release_deliveries<'a>(&'a self, held: &'a [(DeliveryId, Fence)]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let id = self.this.id();
            writing!(self.writer, connection =>
                claim::release_deliveries(&mut connection, id, held))
        })
    }

    fn held_watches(
        &self,
        after: Option<WatchId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<WatchRecord>> {
        let id = self.this.id();
        reading!(self, connection => claim::held_watches(&mut connection, id, after, limit))
    }

    fn held_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<Delivery>> {
        let id = self.this.id();
        reading!(self, connection => claim::held_deliveries(&mut connection, id, after, limit))
    }

    fn wish(&self, id: WatchId, wish: Wish) -> StoreFuture<'_, bool> {
        Box::pin(async move {
            writing!(self.writer, connection => claim::wish(&mut connection, id, wish))
        })
    }

    fn wishes(&self) -> StoreFuture<'_, Vec<Wished>> {
        Box::pin(async move {
            let id = self.this.id();
            writing!(self.writer, connection => claim::wishes(&mut connection, id))
        })
    }

    fn notice(&self) -> BoxFuture<'_, Notice> {
        Box::pin(self.notices.next())
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Instance>> {
        let id = self.this.id();
        reading!(self, connection => instance::list(&mut connection, id))
    }
}
