//! What it means that a store can't be opened.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::files::beside;
use crate::sanitize::system_words;
use crate::store::StoreError;
use crate::system_error::is_temporary;

/// Primary codes of SQLite: the low byte of what it says.
mod code {
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const NO_MEMORY: i64 = 7;
    pub(super) const READ_ONLY: i64 = 8;
    pub(super) const INTERRUPTED: i64 = 9;
    pub(super) const IO: i64 = 10;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const CANNOT_OPEN: i64 = 14;
    pub(super) const PROTOCOL: i64 = 15;
    pub(super) const NOT_A_DATABASE: i64 = 26;
}

/// The system refused something. What waiting mends is temporary; all else wants to be mended as
/// `advice` says.
pub(super) fn refused(what: &str, error: &io::Error, advice: &str) -> StoreError {
    let why = system_words(error);
    if is_temporary(error) {
        StoreError::NotNow {
            doing: "opened",
            why: format!("{what}: {why}"),
        }
    } else {
        StoreError::Unusable(format!("{what}: {why}; {advice}"))
    }
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    let what = format!("the store {} can't be written", path.display());
    let advice = "there must be free space, and file and directory must be writable for the user that the \
                  daemon runs as";
    refused(&what, error, advice)
}

pub(super) fn broken(path: &Path, why: &str) -> StoreError {
    StoreError::Unusable(format!(
        "the store {} is broken: {why}; restore a backup, or move the file away to begin with an \
         empty store",
        path.display()
    ))
}

/// What SQLite's error means.
pub(super) fn unusable(path: &Path, error: &sqlx::Error) -> StoreError {
    if let sqlx::Error::Io(error) = error {
        return unwritable(path, error);
    }
    let said = error.as_database_error();
    let why = said.map_or_else(|| error.to_string(), |said| said.message().to_owned());
    let code = said.and_then(|said| said.code()?.parse::<i64>().ok());
    match code.map(|code| code & 0xff) {
        Some(code::CORRUPT | code::NOT_A_DATABASE) => broken(path, &why),
        Some(
            code::BUSY
            | code::LOCKED
            | code::NO_MEMORY
            | code::INTERRUPTED
            | code::IO
            | code::FULL
            | code::PROTOCOL,
        ) => not_now(path, &why),
        // SQLite doesn't pass on what the system said.
        Some(code::READ_ONLY | code::CANNOT_OPEN) => match try_access(path) {
            Err(error) => unwritable(path, &error),
            Ok(()) if code == Some(code::CANNOT_OPEN) => not_now(path, &why),
            Ok(()) => unwritable(path, &io::Error::other(why)),
        },
        _ => unwritable(path, &io::Error::other(why)),
    }
}

fn not_now(path: &Path, why: &str) -> StoreError {
    StoreError::NotNow {
        doing: "opened",
        why: format!("{}: {why}", path.display()),
    }
}

/// Does what SQLite does when it opens a database: opens the file, and makes others beside it.
fn try_access(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(path)?;
    let probe = beside(path, ".probe");
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&probe)?;
    fs::remove_file(&probe)
}
