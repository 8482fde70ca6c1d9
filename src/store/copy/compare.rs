//! What is in the other store already, before anything is written there.
//!
//! Both are read by pages. A watch is stored in one transaction with its history, as is a delivery with
//! its attempts: where the one is the same, so is the other.

use std::collections::HashSet;

use super::{CopyError, Copying, other, page};
use crate::model::{Delivery, DeliveryId, Fence, WatchId, WatchRecord};
use crate::store::{DeliveryFilter, Store, StoreError, WatchFilter};

/// What is the same in both.
#[derive(Default)]
pub(super) struct Same {
    pub(super) watches: HashSet<WatchId>,
    pub(super) deliveries: HashSet<DeliveryId>,
}

impl Copying<'_> {
    /// Refuses a store that holds anything else than a part of the one to be copied.
    pub(super) async fn compare(&mut self) -> Result<(), CopyError> {
        let (mut here, mut there) = (Watches::of(self.from), Watches::of(self.to));
        while let Some(found) = there.next().await.map_err(CopyError::To)? {
            let id = found.watch.id;
            let kept = loop {
                match here.next().await.map_err(CopyError::From)? {
                    Some(kept) if kept.watch.id > id => {}
                    kept => break kept.filter(|kept| kept.watch.id == id),
                }
            };
            let Some(kept) = kept else {
                let job = &found.watch.job_id;
                return Err(other(format!("the watch {id} for {job}")));
            };
            if found == kept {
                self.same.watches.insert(id);
            } else if let Some(kept) = self.from.watch(id).await.map_err(CopyError::From)? {
                self.is_there(&kept).await?;
            }
        }
        let (mut here, mut there) = (Deliveries::of(self.from), Deliveries::of(self.to));
        while let Some(found) = there.next().await.map_err(CopyError::To)? {
            let id = found.id;
            let kept = loop {
                match here.next().await.map_err(CopyError::From)? {
                    Some(kept) if kept.id > id => {}
                    kept => break kept.filter(|kept| kept.id == id),
                }
            };
            let Some(kept) = kept else {
                return Err(other(format!("the delivery {id}")));
            };
            if found == kept {
                self.same.deliveries.insert(id);
            } else if let Some(kept) = self.from.delivery(id).await.map_err(CopyError::From)? {
                self.standing(&kept).await?;
            }
        }
        Ok(())
    }
}

/// All watches of a store, the newest first; the fences, which are each store's own, left out.
struct Watches<'a> {
    store: &'a dyn Store,
    read: std::vec::IntoIter<WatchRecord>,
    before: Option<WatchId>,
}

impl<'a> Watches<'a> {
    fn of(store: &'a dyn Store) -> Self {
        Self {
            store,
            read: Vec::new().into_iter(),
            before: None,
        }
    }

    async fn next(&mut self) -> Result<Option<WatchRecord>, StoreError> {
        if self.read.as_slice().is_empty() {
            let all = WatchFilter::default();
            let read = self.store.watches(&all, page(self.before)).await?;
            self.read = read.into_iter();
        }
        let next = self.read.next().map(|mut record| {
            record.fence = Fence::FIRST;
            record
        });
        self.before = next.as_ref().map(|record| record.watch.id).or(self.before);
        Ok(next)
    }
}

/// Likewise all deliveries.
struct Deliveries<'a> {
    store: &'a dyn Store,
    read: std::vec::IntoIter<Delivery>,
    before: Option<DeliveryId>,
}

impl<'a> Deliveries<'a> {
    fn of(store: &'a dyn Store) -> Self {
        Self {
            store,
            read: Vec::new().into_iter(),
            before: None,
        }
    }

    async fn next(&mut self) -> Result<Option<Delivery>, StoreError> {
        if self.read.as_slice().is_empty() {
            let all = DeliveryFilter::default();
            let read = self.store.deliveries(&all, page(self.before)).await?;
            self.read = read.into_iter();
        }
        let next = self.read.next().map(|mut delivery| {
            delivery.fence = Fence::FIRST;
            delivery
        });
        self.before = next.as_ref().map(|delivery| delivery.id).or(self.before);
        Ok(next)
    }
}
