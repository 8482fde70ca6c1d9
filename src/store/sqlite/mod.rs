//! A store in one SQLite file, for one daemon. One connection writes; a few read beside it, each
//! from a state of things that stands still.

mod batch;
mod create;
mod errors;
mod files;
mod holds;
mod lock;
mod open;
mod read;
mod schema;
mod statements;
mod values;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use self::files::StoreFiles;
use self::lock::StoreLock;
use super::{
    Change, Counts, DeliveryFilter, Effect, Page, Store, StoreError, StoreFuture, WatchFilter,
};
use crate::model::{
    Answers, Attempt, CredentialHold, Delivery, DeliveryId, Durations, JobType, ProjectName,
    WatchId, WatchRecord,
};
use crate::store::columns::trouble;

/// Keeps everything in one SQLite file.
///
/// The file is this process's alone while the store exists. [`SqliteStore::close`] leaves it tidy; a
/// process that just ends loses nothing either.
pub struct SqliteStore {
    options: SqliteConnectOptions,
    files: Arc<StoreFiles>,
    // Closed before the lock.
    readers: SqlitePool,
    /// None once it is closed.
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    /// None when the last commit has failed: whatever was left of it went with its connection.
    connection: Option<SqliteConnection>,
    _lock: StoreLock,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, and makes it where there is none, with mode 0600. A
    /// file of an earlier version becomes one of this version.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another daemon has it, when it is another program's or a newer
    /// version's, when it is empty or broken, or when it can't be written. It stays as it is then.
    /// [`StoreError::NotNow`] when that may pass: another program uses it, the disk is full or fails,
    /// or the system lacks a resource.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::open(path).await
    }

    /// Opens the store that there is in the file at `path`, and makes none. An earlier version's
    /// becomes one of this version.
    ///
    /// # Errors
    /// As [`SqliteStore::open`] has them, and [`StoreError::Unusable`] when there is none.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        open::exists(path).await?;
        open::open(path).await
    }

    /// Folds the log into the file, and lets go of it. Nothing can be read or written any more. A log
    /// that was cut stays as it is; one that was removed is still folded in.
    pub async fn close(&self) {
        let mut writer = self.writer.lock().await;
        let connection = writer.as_mut().and_then(|writer| writer.connection.take());
        drop(self.files.verify().await);
        if self.files.has_unsound_log() {
            // The last connection to be closed would fold a log with gaps into the file.
            std::mem::forget(self.readers.clone());
            std::mem::forget(connection);
            *writer = None;
            return;
        }
        self.readers.close().await;
        if let Some(connection) = connection {
            // Nothing is lost when this fails: it only tidies up.
            drop(connection.close().await);
        }
        *writer = None;
    }

    /// Has `work` done on the connection that writes, which comes back with the result.
    async fn write<T, W>(
        &self,
        work: impl FnOnce(SqliteConnection) -> W + Send,
    ) -> Result<T, StoreError>
    where
        W: Future<Output = sqlx::Result<(SqliteConnection, T)>> + Send,
    {
        let unwritten = |error| trouble("written", error);
        let mut writer = self.writer.lock().await;
        let Some(writer) = writer.as_mut() else {
            return Err(unwritten(sqlx::Error::PoolClosed));
        };
        // Nothing goes into files that are gone, and no new connection opens those in their place.
        self.files.verify().await?;
        // The connection is put back when all went well. After an error, or when nobody waits for
        // this any more, it is dropped, and its transaction with it.
        let connection = match writer.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(unwritten)?,
        };
        let (connection, result) = work(connection).await.map_err(unwritten)?;
        writer.connection = Some(connection);
        // Only what the next start finds is acknowledged.
        self.files.verify_written().await?;
        Ok(result)
    }
}

fn unread(error: sqlx::Error) -> StoreError {
    trouble("read", error)
}

impl Store for SqliteStore {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>> {
        Box::pin(self.write(move |mut connection| async move {
            let effects = write::commit(&mut connection, changes).await?;
            Ok((connection, effects))
        }))
    }

    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        Box::pin(async move {
            read::active(&self.readers, after, limit)
                .await
                .map_err(unread)
        })
    }

    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        Box::pin(async move {
            read::pending(&self.readers, after, limit)
                .await
                .map_err(unread)
        })
    }

    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>> {
        Box::pin(async move { read::watch(&self.readers, id).await.map_err(unread) })
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        Box::pin(async move {
            read::watches(&self.readers, filter, page)
                .await
                .map_err(unread)
        })
    }

    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>> {
        Box::pin(async move { read::delivery(&self.readers, id).await.map_err(unread) })
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        Box::pin(async move {
            read::deliveries(&self.readers, filter, page)
                .await
                .map_err(unread)
        })
    }

    fn durations(&self) -> StoreFuture<'_, Vec<(ProjectName, JobType, Durations)>> {
        Box::pin(async move { read::durations(&self.readers).await.map_err(unread) })
    }

    fn holds(&self) -> StoreFuture<'_, Vec<CredentialHold>> {
        Box::pin(async move { holds::read(&self.readers).await.map_err(unread) })
    }

    fn seen_at(&self) -> StoreFuture<'_, Option<SystemTime>> {
        Box::pin(async move { read::seen_at(&self.readers).await.map_err(unread) })
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        Box::pin(async move { read::counts(&self.readers).await.map_err(unread) })
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()> {
        Box::pin(self.write(move |mut connection| async move {
            write::mark_unfinished(&mut connection, is_unfinished).await?;
            Ok((connection, ()))
        }))
    }

    fn verify(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.files.verify())
    }

    fn is_unfinished(&self) -> StoreFuture<'_, bool> {
        Box::pin(async move { read::is_unfinished(&self.readers).await.map_err(unread) })
    }
}
