//! What is kept, so that nothing that was accepted is lost: watches, their history, how they ended,
//! and what is owed for that.
//!
//! All writing is one call, [`Store::commit`]: whatever came together is stored together, in one
//! transaction. A store knows nothing of what the changes mean beyond keeping them consistent.

mod changes;
mod columns;
mod copy;
mod holds;
pub(crate) mod limits;
mod memory;
mod postgres;
mod shared;
mod sqlite;

pub use copy::{Copied, CopyError, copy};
pub use memory::MemoryStore;
pub use postgres::{PostgresPlan, PostgresStore};
pub use shared::{Alive, Held, Instance, Notice, Renewal, SharedStore, Wish, Wished};
pub use sqlite::SqliteStore;

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::{
    Answers, Attempt, BoxFuture, CredentialHold, Delivery, DeliveryId, DeliveryState, Durations,
    End, Fence, HoldChange, HookName, JobId, JobType, Outcome, Progress, ProjectName, Ran, Watch,
    WatchId, WatchRecord,
};
use crate::sanitize::ForeignText;

/// How many watches one [`Change::Prune`] forgets at most, so that no commit takes long.
pub const PRUNED_AT_ONCE: usize = 1000;

/// Something to be stored.
#[derive(Debug, Clone)]
pub enum Change {
    /// Accepts a watch; or joins the one that there is for this project and job, where it goes on
    /// or has ended as the job itself did. Joining adds the hooks that it doesn't have; all else
    /// stays.
    Accept(Watch),
    /// Likewise several, each with an effect of its own within [`Effect::Each`]. None are accepted
    /// where one can't be stored.
    AcceptAll(Vec<Watch>),
    /// How far an active watch has come. May be lost with the last moments before a crash.
    Note {
        /// Which watch.
        watch_id: WatchId,
        /// Under which fence. A stale one changes nothing, here and below.
        fence: Fence,
        /// All of its progress.
        progress: Progress,
        /// Lines that its history doesn't have yet.
        answers: Vec<Answers>,
    },
    /// How an active watch ended, and what is owed for it. Changes nothing where it has ended
    /// already: an outcome is decided once.
    End {
        /// Which watch.
        watch_id: WatchId,
        /// Under which fence.
        fence: Fence,
        /// How far it came.
        progress: Progress,
        /// How it ended.
        end: End,
        /// Lines that its history doesn't have yet.
        answers: Vec<Answers>,
        /// What is owed.
        deliveries: Vec<Delivery>,
        /// How long the job ran, where that is to be remembered for its type; longer than the
        /// watch, see [`Store::durations`].
        ran: Option<Ran>,
    },
    /// How far an active watch has come that is given up, for another daemon to take. Where no other
    /// can, this is but a note.
    Release {
        /// Which watch.
        watch_id: WatchId,
        /// Under which fence.
        fence: Fence,
        /// All of its progress.
        progress: Progress,
        /// Lines that its history doesn't have yet.
        answers: Vec<Answers>,
    },
    /// More that is owed for watches that have ended. Skips hooks that have their delivery already.
    /// It is [`Effect::Done`] where any was stored: whoever must know which owes one at a time.
    Owe(Vec<Delivery>),
    /// An attempt, and how the delivery stands after it. Changes nothing where an attempt of this
    /// number is kept already.
    Attempted {
        /// Which delivery.
        delivery_id: DeliveryId,
        /// Under which fence.
        fence: Fence,
        /// The attempt.
        attempt: Attempt,
        /// How it stands now.
        state: DeliveryState,
    },
    /// Carries a delivery out again from this time on, delivered or dead; its tries start over.
    Replay {
        /// Which delivery.
        delivery_id: DeliveryId,
        /// When.
        due: SystemTime,
    },
    /// How long a job ran whose watch isn't kept here, or whose end didn't say so.
    Learn {
        /// The project, by its name in the configuration.
        project: ProjectName,
        /// How long, and what it was.
        ran: Ran,
    },
    /// The wall clock shows this time, and the store is in use.
    SeenAt(SystemTime),
    /// The wall clock was set: when watches that go on were accepted and time out, and when pending
    /// deliveries are due, is shifted by this much.
    ShiftTimes {
        /// Milliseconds; less than 0 for a clock that was set back.
        by_millis: i64,
    },
    /// Forgets watches that ended before this time, with their history and their deliveries, except
    /// those that still owe something: pending or dead deliveries. Forgets [`PRUNED_AT_ONCE`] at
    /// most: whoever is told of so many asks again.
    Prune(SystemTime),
    /// What a service said of a credential.
    Hold(HoldChange),
}

impl Change {
    /// Whether it names a fence, and so changes nothing where that is stale.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        matches!(
            self,
            Self::Note { .. } | Self::End { .. } | Self::Release { .. } | Self::Attempted { .. }
        )
    }
}

/// What became of a [`Change`].
#[derive(Debug, Clone)]
pub enum Effect {
    /// The watch that was accepted or joined, as it is kept now.
    Accepted {
        /// The watch.
        record: Box<WatchRecord>,
        /// Whether it was there before.
        joined: bool,
        /// Whether it is this daemon's to poll; another's, or nobody's yet, otherwise.
        held: bool,
    },
    /// What became of each of several.
    Each(Vec<Effect>),
    /// It was stored.
    Done,
    /// How a watch ended was stored. It has these hooks by now, where another daemon may have had it
    /// joined.
    Ended(Arc<[HookName]>),
    /// It was stored, and another daemon hears of it that has more to do.
    Passed,
    /// There was nothing to change: no such watch or delivery, or it has ended already, or it is
    /// another daemon's.
    Nothing,
    /// How many watches were forgotten.
    Pruned(u64),
}

/// Why something can't be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store can't be opened: it is another program's, a newer version's, broken, locked by
    /// another daemon, or its place can't be written.
    #[error("{}", ForeignText::from(.0.as_str()))]
    Unusable(String),
    /// It can't be written or read at the moment, as with a full disk. Later may do better.
    #[error("the store can't be {doing}: {why}", why = ForeignText::from(.why.as_str()))]
    NotNow {
        /// "opened", "written", "read", or [`StoreError::REACHED`].
        doing: &'static str,
        /// What the system says.
        why: String,
    },
    /// What is kept makes no sense, as when somebody has changed it by hand.
    #[error("the store holds what can't be read: {}; mend that by hand, or restore a backup", ForeignText::from(.0.as_str()))]
    Broken(String),
}

impl StoreError {
    /// What can't be done with a database that is away, whatever was wanted of it.
    pub const REACHED: &'static str = "reached";
}

/// A part of a long list: the newest first.
#[derive(Debug, Clone, Copy)]
pub struct Page<Id> {
    /// Only what is older than this one.
    pub before: Option<Id>,
    /// At most so many.
    pub limit: u32,
}

/// Which watches. What is `None` doesn't matter.
#[derive(Debug, Clone, Default)]
pub struct WatchFilter {
    /// Whether they have ended.
    pub ended: Option<bool>,
    /// How they ended.
    pub outcome: Option<Outcome>,
    /// In which project.
    pub project: Option<ProjectName>,
    /// For which job.
    pub job_id: Option<JobId>,
}

/// Which deliveries. What is `None` doesn't matter.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// How they stand, as [`DeliveryState::as_str`] has it.
    pub state: Option<&'static str>,
    /// By which hook.
    pub hook: Option<HookName>,
    /// For which watch.
    pub watch_id: Option<WatchId>,
    /// Whether their bodies are left out, and empty instead: a list of many doesn't show them.
    pub without_bodies: bool,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Watches that go on.
    pub active: u64,
    /// Watches that have ended and are still kept.
    pub ended: u64,
    /// Deliveries that are still to be carried out.
    pub pending: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// When the oldest pending delivery came to be.
    pub oldest_pending: Option<SystemTime>,
}

/// What a store answers, once it does.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Keeps everything, times to the millisecond. Many may read; one at a time writes. Lists are in
/// the order of their IDs, which is that of their age.
pub trait Store: Send + Sync {
    /// Stores all of the changes in one durable transaction, in their order, or none of them. Says
    /// what became of each. Without any change it writes something all the same, so that its success
    /// says that the store can be written.
    ///
    /// # Errors
    /// When nothing was stored.
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>>;

    /// Watches that go on, from the oldest on, after the one named.
    ///
    /// # Errors
    /// When they can't be read.
    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>>;

    /// Deliveries that are still to be carried out, from the oldest on, after the one named. These may
    /// be fewer than the limit where their bodies are large, but only none where there are none.
    ///
    /// # Errors
    /// When they can't be read.
    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>>;

    /// A watch with its history, from the oldest line on. Its deliveries are asked for apart.
    ///
    /// # Errors
    /// When it can't be read.
    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>>;

    /// A page of watches.
    ///
    /// # Errors
    /// When they can't be read.
    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>>;

    /// A delivery with its attempts, from the first on.
    ///
    /// # Errors
    /// When it can't be read.
    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>>;

    /// A page of deliveries.
    ///
    /// # Errors
    /// When they can't be read.
    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>>;

    /// How long jobs took, by project and type: the last [`crate::model::KEPT_DURATIONS`] of each,
    /// in the order in which they were stored. They stay when their watches are forgotten.
    ///
    /// # Errors
    /// When they can't be read. Those that make no sense are left out.
    fn durations(&self) -> StoreFuture<'_, Vec<(ProjectName, JobType, Durations)>>;

    /// What services said of credentials, also what is over. None of it is copied into another store.
    ///
    /// # Errors
    /// When it can't be read. What makes no sense is left out.
    fn holds(&self) -> StoreFuture<'_, Vec<CredentialHold>>;

    /// The last time that [`Change::SeenAt`] has stored. `None` where wall time is the store's own.
    ///
    /// # Errors
    /// When it can't be read.
    fn seen_at(&self) -> StoreFuture<'_, Option<SystemTime>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// How much there is.
    ///
    /// # Errors
    /// When it can't be read.
    fn counts(&self) -> StoreFuture<'_, Counts>;

    /// Notes durably that a copy into this store isn't finished, or that it is: nobody may do anything
    /// else with it until then. Another process can't begin or go on with a copy while this one has it
    /// marked.
    ///
    /// # Errors
    /// When nothing was noted. [`StoreError::Unusable`] when another process copies into it.
    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()>;

    /// Looks whether what is written would be found again by the next process that opens the store,
    /// without writing anything.
    ///
    /// # Errors
    /// When it wouldn't, as where its file was removed.
    fn verify(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Whether a copy into this store isn't finished, of this process or another one.
    ///
    /// # Errors
    /// When it can't be read.
    fn is_unfinished(&self) -> StoreFuture<'_, bool>;
}
