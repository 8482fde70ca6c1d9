//! One round: renew, look for strays, give up what is too much, claim what is too little.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::share::{BATCH, Share};
use super::task::Task;
use super::tenure_of;
use crate::clock::{Clock, SaturatingAdd as _, SystemClock};
use crate::model::WatchRecord;
use crate::store::{Alive, Held, Renewal, StoreError};

/// How many watches or deliveries are read from the store at once.
const PAGE: u32 = 500;

/// How often what other instances have learned is read.
const LEARN_EVERY: Duration = Duration::from_secs(60);

/// How long after another is dead this one looks.
const AFTER_DEATH: Duration = Duration::from_millis(50);

/// How long after it found one that is as good as dead.
const DYING: Duration = Duration::from_secs(1);

/// An instance that doesn't know of a newcomer yet is looked for so often.
const UNKNOWN: Duration = Duration::from_millis(100);

/// This instance's shares.
#[derive(Clone, Copy)]
struct Shares {
    watches: Share,
    deliveries: Share,
}

impl Shares {
    fn of(alive: &Alive) -> Self {
        Self {
            watches: Share::of(alive.all.watches, alive.sharing),
            deliveries: Share::of(alive.all.deliveries, alive.sharing),
        }
    }
}

impl Task {
    /// One round. Says what was taken up with it, and how long the next may wait.
    pub(super) async fn round(&mut self) -> Result<(Held, Duration), StoreError> {
        let begun = Instant::now();
        let alive = self.renew().await?;
        let mut wait = match alive.next_death {
            None => Duration::MAX,
            // It is in the middle of something, which the database breaks off.
            Some(Duration::ZERO) => DYING,
            Some(left) => left.saturating_add(AFTER_DEATH),
        };
        if !self.is_known {
            wait = wait.min(UNKNOWN);
        }
        let mut claimed = Held::default();
        if self.shared.is_stopping() {
            self.store.make_room(0);
        } else {
            let shares = Shares::of(&alive);
            self.give_up(shares).await?;
            let is_all = self.claim(shares, begun, &mut claimed).await?;
            if !is_all {
                wait = Duration::ZERO;
            }
            let held = self.held();
            self.store.make_room(shares.watches.room(held.watches));
        }
        // After what others have lost, as it may take long.
        if std::mem::take(&mut self.astray)
            && let Err(error) = self.find_strays().await
        {
            self.astray = true;
            return Err(error);
        }
        self.heed().await?;
        if begun >= self.learn_at {
            self.shared.learn_stored().await?;
            self.learn_at = begun.saturating_add(LEARN_EVERY);
        }
        Ok((claimed, wait))
    }

    /// Renews the lease; as another instance, where this one is dead.
    async fn renew(&mut self) -> Result<Alive, StoreError> {
        loop {
            let (asked, asked_at) = (Instant::now(), SystemClock.now());
            let held = self.held();
            match self.store.renew(held).await? {
                Renewal::Renewed(alive) => {
                    let until = asked.saturating_add(tenure_of(self.store.lease()));
                    // Where it had ended here, even if others have seen nothing of it, nothing that
                    // was held may be tried before the store is asked what still is.
                    let was_good = self.shared.tenure.is_good();
                    if !was_good {
                        self.shared.let_go().await;
                    }
                    if !self.shared.tenure.extend(until) {
                        if was_good {
                            self.shared.let_go().await;
                        }
                        self.astray = true;
                    }
                    let half_way = asked.elapsed().checked_div(2).unwrap_or_default();
                    let here = asked_at.checked_add(half_way).unwrap_or(asked_at);
                    self.clock.follow(alive.now, here);
                    self.meet(&alive);
                    return Ok(alive);
                }
                Renewal::Lost => {
                    tracing::warn!(
                        "other daemons have taken over, as this one was silent for longer than its lease; it begins anew"
                    );
                    self.shared.tenure.end();
                    self.shared.let_go().await;
                    self.store.join().await?;
                    self.is_known = false;
                }
            }
        }
    }

    /// Takes in how many others there are: they share the limits, once all know of each other.
    fn meet(&mut self, alive: &Alive) {
        // For good, as whoever joins later knows of all who were there.
        self.is_known |= alive.is_known;
        let shared = &self.shared;
        if let Some(leases) = &shared.leases {
            let before = leases.instances.swap(alive.instances, Ordering::Relaxed);
            if before != alive.instances {
                tracing::info!(daemons = alive.instances, "daemons that share the store");
                shared.share_limits();
            }
        }
        shared.barrier.set(!self.is_known);
    }

    /// What is held and not given up yet.
    fn held(&mut self) -> Held {
        let shared = &self.shared;
        let is_here = |id, fence| shared.watch(id).is_some_and(|one| one.fence() == fence);
        self.leaving.retain(|id, fence| is_here(*id, *fence));
        let watches = shared.count().saturating_sub(self.leaving.len());
        Held {
            watches: watches as u64,
            deliveries: shared.dispatcher.count() as u64,
        }
    }

    /// Takes up what is held and not worked on: after the lease had ended here and for nobody else, or
    /// when an answer of the store was lost.
    async fn find_strays(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.held_deliveries(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            self.shared.dispatcher.adopt(page);
        }
        let mut after = None;
        loop {
            let page = self.store.held_watches(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.watch.id);
            self.take_up(page).await;
        }
        Ok(())
    }

    /// Gives up what is beyond this instance's share, for others to claim.
    async fn give_up(&mut self, shares: Shares) -> Result<(), StoreError> {
        let held = self.held();
        let surplus = shares.watches.surplus(held.watches);
        if surplus > 0 {
            let most = usize::try_from(surplus).unwrap_or(usize::MAX);
            let released = self.shared.release(most);
            tracing::info!(watches = released.len(), "handed to other daemons");
            let released = released.iter().map(|one| (one.id, one.fence()));
            self.leaving.extend(released);
        }
        let spare = held.deliveries.saturating_sub(BATCH);
        let surplus = shares.deliveries.surplus(spare);
        if surplus > 0 {
            let most = usize::try_from(surplus).unwrap_or(usize::MAX);
            let released = self.shared.dispatcher.release(most).await;
            self.store.release_deliveries(&released).await?;
        }
        Ok(())
    }

    /// Claims what nobody holds, up to this instance's share. False where there may be more, and the
    /// lease is to be renewed before.
    async fn claim(
        &mut self,
        shares: Shares,
        begun: Instant,
        claimed: &mut Held,
    ) -> Result<bool, StoreError> {
        let room = shares.deliveries.room(self.held().deliveries);
        while let most @ 1.. = batch(room.saturating_sub(claimed.deliveries)) {
            let page = self.store.claim_deliveries(most).await?;
            let count = page.len();
            claimed.deliveries += count as u64;
            self.shared.dispatcher.take_on(page);
            if count < most as usize {
                break;
            }
            if begun.elapsed() >= self.interval() || self.shared.is_stopping() {
                return Ok(false);
            }
        }
        let room = shares.watches.to_claim(self.held().watches);
        while let most @ 1.. = batch(room.saturating_sub(claimed.watches)) {
            let page = self.store.claim_watches(most).await?;
            let count = page.len();
            claimed.watches += count as u64;
            self.take_up(page).await;
            if count < most as usize {
                break;
            }
            if begun.elapsed() >= self.interval() || self.shared.is_stopping() {
                return Ok(false);
            }
        }
        if claimed.watches > 0 {
            tracing::info!(
                watches = claimed.watches,
                deliveries = claimed.deliveries,
                "claimed"
            );
        }
        Ok(true)
    }

    /// Has watches polled, on the thread of the loops.
    async fn take_up(&self, records: Vec<WatchRecord>) {
        let shared = Arc::clone(&self.shared);
        let taking_up = self
            .shared
            .spawn_polling(async move { shared.take_up_all(records.into_iter()) });
        // It ends with the runtime at the latest, as does this.
        drop(taking_up.await);
    }
}

/// How many to claim at once where so many may be claimed.
fn batch(room: u64) -> u32 {
    u32::try_from(room.min(BATCH)).unwrap_or(u32::MAX)
}
