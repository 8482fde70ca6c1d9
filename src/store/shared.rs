//! What several daemons agree on through the store that they share: who is alive, and who holds what.
//!
//! An instance has one lease, which it renews as a whole, and which keeps everything that it holds.
//! Whoever finds that another's lease has ended declares that one dead, for good: a dead instance can't
//! renew, and begins anew as another one. What it held is an orphan, as is what nobody has held yet,
//! and whoever acquires an orphan raises its [`Fence`]. So there are three lines of defence: an
//! instance stops by itself before its lease ends; once dead it is told so; and whatever it still
//! writes is stale. All times are the store's own.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Store, StoreFuture};
use crate::model::{BoxFuture, Delivery, DeliveryId, Fence, HookName, WatchId, WatchRecord};

/// How much an instance holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Watches that go on.
    pub watches: u64,
    /// Deliveries that are pending.
    pub deliveries: u64,
}

/// What came of renewing a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It goes on for the whole of its length, from when that was asked for.
    Renewed(Alive),
    /// It has ended, and the instance is dead: what it held is others'.
    Lost,
}

/// What an instance is told of all of them when it renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// How many instances there are, this one included.
    pub instances: u32,
    /// How many of them are to hold a share: those that all others know of, and this one.
    pub sharing: u32,
    /// How much all of them are to hold together: everything active, and everything pending.
    pub all: Held,
    /// Whether all others have renewed since this one joined, and so know of it.
    pub is_known: bool,
    /// When the first of the others is dead unless it renews; `None` where there is no other.
    pub next_death: Option<Duration>,
    /// The store's time.
    pub now: SystemTime,
}

/// What one daemon wants of a watch that another holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it is called off.
    CallOff,
    /// That its job is asked for now.
    PollNow,
}

/// What others want of something that this instance holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wished {
    /// Of a watch.
    Watch {
        /// Which.
        id: WatchId,
        /// Its hooks by now.
        hooks: Arc<[HookName]>,
        /// Whether it is to be called off.
        call_off: bool,
        /// Whether its job is to be asked for now.
        poll_now: bool,
    },
    /// That a delivery is carried out anew.
    Delivery(Delivery),
}

/// What the others have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// There are orphans, or an instance has joined or left: it is worth renewing and claiming.
    Changed,
    /// There is something in [`SharedStore::wishes`].
    Wished,
    /// These watches of others have ended.
    Ended(Vec<WatchId>),
    /// Notices begin with this one: whatever happened before may be missing.
    Missed,
}

/// An instance, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What it is called; those that run at the same time may have the same name.
    pub name: String,
    /// Its number, which no other ever has.
    pub number: u64,
    /// Which version of the program it is.
    pub version: String,
    /// Whether it is the one that was asked.
    pub is_this: bool,
    /// Whether its lease has ended.
    pub is_dead: bool,
    /// When it joined.
    pub joined_at: SystemTime,
    /// How long ago it has renewed its lease.
    pub renewed: Duration,
    /// How much it holds, as counted now.
    pub held: Held,
}

/// A store that several daemons share. What it does for one is done as the instance that has joined.
pub trait SharedStore: Store {
    /// How long a lease is.
    fn lease(&self) -> Duration;

    /// Joins as an instance that holds nothing; again, where the one before is dead.
    ///
    /// # Errors
    /// When the store can't be written.
    fn join(&self) -> StoreFuture<'_, ()>;

    /// Leaves: what it holds is an orphan at once, and nothing more can be written.
    ///
    /// # Errors
    /// When the store can't be written; its lease ends by itself then.
    fn leave(&self) -> StoreFuture<'_, ()>;

    /// Renews the lease, declares those dead whose leases have ended, and says who is alive. `held`
    /// is for others to see.
    ///
    /// # Errors
    /// When the store can't be written.
    fn renew(&self, held: Held) -> StoreFuture<'_, Renewal>;

    /// How many more new watches this instance takes from now on. Those beyond are accepted as
    /// orphans, and others are told. Before this is called, it takes all.
    fn make_room(&self, watches: u64);

    /// Acquires orphaned watches, the oldest first. Those that another is about to acquire are left
    /// to it. None at all where the instance is dead.
    ///
    /// # Errors
    /// When the store can't be written. They may be held all the same.
    fn claim_watches(&self, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>>;

    /// Likewise deliveries.
    ///
    /// # Errors
    /// When the store can't be written. They may be held all the same.
    fn claim_deliveries(&self, limit: u32) -> StoreFuture<'_, Vec<Delivery>>;

    /// Gives up pending deliveries, for others to acquire. Those whose fences are stale stay.
    ///
    /// # Errors
    /// When the store can't be written.
    fn release_deliveries<'a>(&'a self, held: &'a [(DeliveryId, Fence)]) -> StoreFuture<'a, ()>;

    /// Active watches that this instance holds, from the oldest on, after the one named.
    ///
    /// # Errors
    /// When they can't be read.
    fn held_watches(&self, after: Option<WatchId>, limit: u32)
    -> StoreFuture<'_, Vec<WatchRecord>>;

    /// Pending deliveries that this instance holds, from the oldest on, after the one named.
    ///
    /// # Errors
    /// When they can't be read.
    fn held_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<Delivery>>;

    /// Wants something of an active watch, and has whoever holds it told, or whoever acquires it. False
    /// where it has ended, or there is none.
    ///
    /// # Errors
    /// When the store can't be written.
    fn wish(&self, id: WatchId, wish: Wish) -> StoreFuture<'_, bool>;

    /// Takes what others want of what this instance holds. That a watch is to be called off is told
    /// each time, until it has ended.
    ///
    /// # Errors
    /// When the store can't be written.
    fn wishes(&self) -> StoreFuture<'_, Vec<Wished>>;

    /// Waits for what others do. The first is [`Notice::Missed`], as is the first after the
    /// connection was lost and is there again. What comes while nobody waits is told later.
    fn notice(&self) -> BoxFuture<'_, Notice>;

    /// All instances: those alive, and dead ones that something is still left of.
    ///
    /// # Errors
    /// When they can't be read.
    fn instances(&self) -> StoreFuture<'_, Vec<Instance>>;
}
