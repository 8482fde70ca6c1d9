//! Opening a store: everything is looked at before anything is changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::create::{self, Found};
use super::errors::{broken, refused, unusable};
use super::files::{LOG_LIMIT, StoreFiles};
use super::lock::LockFile;
use super::schema::{self, APPLICATION_ID, VERSION};
use super::{SqliteStore, Writer};
use crate::store::StoreError;
use crate::store::limits::{CLIENT_MARGIN, WRITE_TIMEOUT};

/// How many connections read.
const READERS: u32 = 2;

/// How much of the file each connection keeps in memory, in KiB, as SQLite wants it said. The
/// system's cache is as good for reading; but what a transaction has changed and doesn't fit is
/// written, and read again, before it is over.
const READ_CACHE: &str = "-512";
const WRITE_CACHE: &str = "-1024";

/// After how many pages of the log it is folded into the file. A page that was written several times
/// meanwhile is written there once.
const FOLD_AFTER: &str = "4096";

/// How long to wait for another program that looks into the database, such as one that backs it up.
const BUSY_TIMEOUT: Duration = WRITE_TIMEOUT.saturating_sub(CLIENT_MARGIN);

/// Rows that a connection reads ahead of whoever asked.
const READ_AHEAD: usize = 256;

pub(super) async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let given = path.to_owned();
    let (path, lock, found) = blocking(move || {
        let path = place(&given)?;
        let lock = LockFile::acquire(&path)?;
        let found = create::find(&path)?;
        Ok((path, lock, found))
    })
    .await?;
    if found == Found::Nothing {
        create::create(&path).await?;
    }
    let database = path.clone();
    let lock = blocking(move || lock.with_database(&database)).await?;
    let unusable = |error| unusable(&path, &error);
    let plain = SqliteConnectOptions::new()
        .filename(&path)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(READ_AHEAD)
        .disable_statement_logging();
    inspect(&path, &plain.clone().read_only(true)).await?;

    let options = plain
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", WRITE_CACHE)
        .pragma("wal_autocheckpoint", FOLD_AFTER)
        .pragma("journal_size_limit", LOG_LIMIT.to_string());
    let mut writer = options.connect().await.map_err(unusable)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut writer)
        .await
        .map_err(unusable)?;
    if mode != "wal" {
        return Err(StoreError::Unusable(format!(
            "the store {} is on a file system without shared memory, as network file systems are; \
             give it a place on a local disk",
            path.display()
        )));
    }
    schema::migrate(&mut writer).await.map_err(unusable)?;
    try_to_write(&mut writer).await.map_err(unusable)?;
    let reading = options
        .clone()
        .pragma("query_only", "ON")
        .pragma("cache_size", READ_CACHE);
    let readers = SqlitePoolOptions::new()
        .min_connections(READERS)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(reading)
        .await
        .map_err(unusable)?;
    let files = StoreFiles::of(&path, lock.database.id);
    files.verify().await?;
    Ok(SqliteStore {
        options,
        files,
        writer: Mutex::new(Some(Writer {
            connection: Some(writer),
            _lock: lock,
        })),
        readers,
    })
}

/// Refuses a file that isn't there, and one that nothing is in: opening would make a store of it.
/// What else it may be, opening finds out.
pub(super) async fn exists(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let file = path.to_owned();
    let size = blocking(move || {
        let metadata = fs::metadata(&file).map_err(|error| {
            let what = format!("the file {} can't be read", file.display());
            refused(&what, &error, "check the path")
        })?;
        Ok(metadata.len())
    })
    .await?;
    let nothing = || {
        Err(StoreError::Unusable(format!(
            "there is no store in the file {shown}; check the path"
        )))
    };
    // To SQLite an empty file is a new database, and the log beside it is of no worth.
    if size == 0 {
        return nothing();
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let unusable = |error| unusable(path, &error);
    let mut connection = options.connect().await.map_err(unusable)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .map_err(unusable)?;
    connection.close().await.map_err(unusable)?;
    if tables == 0 { nothing() } else { Ok(()) }
}

/// SQLite opens a file that it may not write all the same. A full disk is no error here, as it may
/// have room later.
async fn try_to_write(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    schema::mark(&mut transaction, VERSION).await?;
    transaction.rollback().await
}

/// The path without symbolic links, so that two daemons can't reach one store by different names.
fn place(path: &Path) -> Result<PathBuf, StoreError> {
    if let Ok(place) = path.canonicalize() {
        return Ok(place);
    }
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let Some(name) = path.file_name() else {
        return Err(StoreError::Unusable(format!(
            "{} is no name of a file; name the file that the store is to be kept in",
            path.display()
        )));
    };
    let place = directory.canonicalize().map_err(|error| {
        let what = format!(
            "the store's directory {} can't be entered",
            directory.display()
        );
        let advice = "create it, owned by the user that the daemon runs as";
        refused(&what, &error, advice)
    })?;
    Ok(place.join(name))
}

/// Does what may block on a thread for that: a file system that hangs must not keep a signal waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StoreError::NotNow {
            doing: "opened",
            why: error.to_string(),
        })
    })
}

/// Refuses what isn't this program's, isn't sound, or is too new. Changes nothing.
async fn inspect(path: &Path, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let unusable = |error| unusable(path, &error);
    let mut connection = options.connect().await.map_err(unusable)?;
    let verdict = examine(path, &mut connection).await;
    connection.close().await.map_err(unusable)?;
    verdict
}

async fn examine(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let unusable = |error| unusable(path, &error);
    let (application, version, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) \
         FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(unusable)?;
    if (application, tables) == (0, 0) {
        return Err(broken(path, "the database is empty"));
    }
    let shown = path.display();
    if application != APPLICATION_ID {
        return Err(StoreError::Unusable(format!(
            "{shown} is the database of another program; give the store a file of its own"
        )));
    }
    if version > VERSION {
        return Err(StoreError::Unusable(format!(
            "the store {shown} has version {version}, and this program works with versions up to \
             {VERSION}; run the newer program, or restore a backup from before it"
        )));
    }
    // It reads the whole file, which for a million watches takes a twentieth of what taking them up
    // does: a file that is broken is better found before anything is written into it.
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(unusable)?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(broken(path, &verdict))
    }
}
