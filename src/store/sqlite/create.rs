//! A store where there is none. It is completed under another name first, so that a file
//! under its own name is either a store or one that this program must not overwrite.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::errors::{broken, unusable, unwritable};
use super::files::{LOG, SMALLEST_DATABASE, beside};
use super::schema;
use crate::store::StoreError;

/// What SQLite may keep beside a database.
const COMPANIONS: [&str; 3] = ["-journal", LOG, "-shm"];

/// What is at the store's path before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A file that may be a database.
    Database,
}

/// Looks at the path without letting SQLite touch it: to SQLite an empty file is a new database, and
/// the log beside it is of no worth.
pub(super) fn find(path: &Path) -> Result<Found, StoreError> {
    let size = match fs::metadata(path) {
        // What else it may be, opening finds out.
        Ok(metadata) if !metadata.is_file() => return Ok(Found::Database),
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse_link(path)?;
            refuse_rest(path)?;
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(unwritable(path, &error)),
    };
    match size {
        0 => Err(broken(path, "the file is empty")),
        1..SMALLEST_DATABASE => {
            let why = format!("it was cut to {size} bytes");
            Err(broken(path, &why))
        }
        _ => Ok(Found::Database),
    }
}

/// Refuses a symbolic link to a file that isn't there, as where a disk isn't mounted.
fn refuse_link(path: &Path) -> Result<(), StoreError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let path = path.display();
    Err(StoreError::Unusable(format!(
        "the store {path} is a symbolic link to a file that isn't there; mount or restore that, or \
         remove the link to begin with an empty store"
    )))
}

/// Refuses what a database has left behind that was removed: SQLite would apply it to the new one.
fn refuse_rest(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-journal", LOG] {
        let rest = beside(path, suffix);
        if fs::metadata(&rest).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(StoreError::Unusable(format!(
                "the store {} isn't there, but {}, which holds changes to it, is; restore a backup \
                 of both, or move that away to begin with an empty store",
                path.display(),
                rest.display()
            )));
        }
    }
    Ok(())
}

/// Makes an empty store at `path`, where there is nothing. The caller has its lock.
pub(super) async fn create(path: &Path) -> Result<(), StoreError> {
    let new = beside(path, ".new");
    let made = make(path, &new).await;
    if made.is_err() {
        // The next start does it otherwise.
        drop(remove(&new));
    }
    made
}

async fn make(path: &Path, new: &Path) -> Result<(), StoreError> {
    let refused = |error: io::Error| unwritable(path, &error);
    let unusable = |error: sqlx::Error| unusable(new, &error);
    // A start that was cut short leaves it.
    remove(new).map_err(refused)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)
        .map_err(refused)?;
    let options = SqliteConnectOptions::new()
        .filename(new)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(unusable)?;
    schema::migrate(&mut connection).await.map_err(unusable)?;
    connection.close().await.map_err(unusable)?;
    place(new, path).map_err(refused)
}

/// Gives the new file its name, where nothing else has it by now, and makes that durable.
fn place(new: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(new, path)?,
        Err(error) => return Err(error.into()),
    }
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn remove(new: &Path) -> io::Result<()> {
    let companions = COMPANIONS.map(|suffix| beside(new, suffix));
    for file in companions.iter().map(PathBuf::as_path).chain([new]) {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
