//! A store in a PostgreSQL database, which several daemons share.

mod claim;
mod collisions;
mod copying;
mod errors;
mod holds;
mod instance;
mod lane;
mod limits;
mod notices;
mod open;
mod read;
mod schema;
mod shared;
mod statements;
mod url;
mod values;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;

use self::errors::unfit;
use self::lane::Lane;
use self::limits::{BULK_QUERY_TIMEOUT, QUERY_TIMEOUT};
use self::notices::Notices;
use self::schema::Absent;
use self::url::Address;
use self::write::{Author, BOUNDLESS};
use super::columns::AllDurations;
use super::{
    Change, Counts, DeliveryFilter, Effect, Page, Store, StoreError, StoreFuture, WatchFilter,
};
use crate::model::{Answers, Attempt, CredentialHold, Delivery, DeliveryId, WatchId, WatchRecord};

/// Where a PostgreSQL database is, and how this process appears in it.
#[derive(Debug, Clone)]
pub struct PostgresPlan {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password; with `sslmode`, `sslrootcert`,
    /// `host` (the directory of a Unix socket) as parameters. Servers elsewhere are verified
    /// (`sslmode=verify-full`) unless it says otherwise.
    pub url: String,
    /// The password, where one is needed.
    pub password: Option<SecretString>,
    /// What this process is called among those that share the database; unique names are kinder, but
    /// each run is an instance of its own all the same.
    pub instance: String,
    /// How long a lease is.
    pub lease: Duration,
}

impl PostgresPlan {
    /// Whether a database can be reached by this URL at all; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with it, and what to do: the part of a sentence that follows its name.
    pub fn check_url(url: &str) -> Result<(), String> {
        Address::parse(url).map(drop)
    }
}

/// Keeps everything in a PostgreSQL database.
///
/// One connection writes, so that changes are made in their order; another keeps the lease, which
/// can't wait for large changes; a few read; and one listens, once notices are waited for. What takes
/// longer than 7 s, or 30 s for [`Change::Prune`], is given up as [`StoreError::NotNow`], and its
/// connection with it: it may have been stored all the same where that comes at its very end.
pub struct PostgresStore {
    plan: PostgresPlan,
    writer: Lane,
    leases: Lane,
    readers: Lane,
    notices: Notices,
    this: Arc<This>,
}

/// This process among those that share the database.
struct This {
    /// The number of its instance; 0 before it has joined.
    id: AtomicI64,
    has_left: AtomicBool,
    /// Whether there were others alive when it last renewed.
    has_others: AtomicBool,
    /// How many new watches it takes.
    room: AtomicU64,
}

impl This {
    fn id(&self) -> i64 {
        self.id.load(Ordering::Acquire)
    }

    fn author(&self) -> Author {
        Author {
            id: self.id(),
            room: self.room.load(Ordering::Relaxed),
            has_others: self.has_others.load(Ordering::Relaxed),
        }
    }

    /// Notes that new watches were taken.
    fn take_room(&self, watches: u64) {
        let left = |room: u64| match room {
            BOUNDLESS => BOUNDLESS,
            room => room.saturating_sub(watches),
        };
        self.room.update(Ordering::Relaxed, Ordering::Relaxed, left);
    }
}

impl PostgresStore {
    /// Opens the store, and makes its tables where there are none. Joins nobody yet.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when waiting doesn't help: the URL, the password or the database are
    /// wrong, or it is a newer version's. [`StoreError::NotNow`] when that may pass.
    pub async fn open(plan: PostgresPlan) -> Result<Self, StoreError> {
        open::open(plan, Absent::Made).await
    }

    /// Opens the store that there is, and makes none. An earlier version's becomes one of this version.
    ///
    /// # Errors
    /// As [`PostgresStore::open`] has them, and [`StoreError::Unusable`] when there is none.
    pub async fn open_existing(plan: PostgresPlan) -> Result<Self, StoreError> {
        open::open(plan, Absent::Refused).await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.notices.close();
        tokio::join!(
            self.writer.close(),
            self.leases.close(),
            self.readers.close()
        );
    }

    async fn write(&self, changes: &[Change]) -> Result<Vec<Effect>, StoreError> {
        self.not_left()?;
        let prunes = changes.iter().any(|one| matches!(one, Change::Prune(_)));
        let limit = if prunes {
            BULK_QUERY_TIMEOUT
        } else {
            QUERY_TIMEOUT
        };
        let written = self.writer.run(limit, |mut connection| async move {
            let written = write::commit(&mut connection, self.this.author(), changes).await?;
            self.this.take_room(written.taken);
            Ok((connection, written.effects))
        });
        written.await.map_err(|error| unfit("written", error))
    }

    fn not_left(&self) -> Result<(), StoreError> {
        if self.this.has_left.load(Ordering::Acquire) {
            return Err(StoreError::NotNow {
                doing: "written",
                why: "this daemon has left those that share it".to_owned(),
            });
        }
        Ok(())
    }
}

/// Has a connection of those that read do `$query`, as `$connection`.
macro_rules! reading {
    ($store:ident, $connection:ident => $query:expr) => {
        Box::pin(async move {
            let found = $store
                .readers
                .run(QUERY_TIMEOUT, |mut $connection| async move {
                    let found = $query.await?;
                    Ok(($connection, found))
                });
            found.await.map_err(|error| unfit("read", error))
        })
    };
}
use reading;

impl Store for PostgresStore {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>> {
        Box::pin(self.write(changes))
    }

    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        reading!(self, connection => read::active(&mut connection, after, limit))
    }

    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        reading!(self, connection => read::pending(&mut connection, after, limit))
    }

    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>> {
        reading!(self, connection => read::watch(&mut connection, id))
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        reading!(self, connection => read::watches(&mut connection, filter, page))
    }

    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>> {
        reading!(self, connection => read::delivery(&mut connection, id))
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        reading!(self, connection => read::deliveries(&mut connection, filter, page))
    }

    fn durations(&self) -> StoreFuture<'_, AllDurations> {
        reading!(self, connection => read::durations(&mut connection))
    }

    fn holds(&self) -> StoreFuture<'_, Vec<CredentialHold>> {
        reading!(self, connection => holds::read(&mut connection))
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        reading!(self, connection => read::counts(&mut connection))
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()> {
        Box::pin(self.mark(is_unfinished))
    }

    fn is_unfinished(&self) -> StoreFuture<'_, bool> {
        reading!(self, connection => copying::is_unfinished(&mut connection))
    }
}
