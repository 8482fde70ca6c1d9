//! One daemon a store: a lock on a file beside the database. The database itself can't be locked so:
//! closing any handle on it would drop SQLite's own locks.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::super::StoreError;
use crate::sanitize::system_words;

/// Holds the store as long as it exists. The system lets go of it however the process ends.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Locks the store at `path`, whose directory exists.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let lock_path = beside(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| cannot_lock(&lock_path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(is_held(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(cannot_lock(&lock_path, &error)),
        }
        // Who holds it is only told: the lock is as good without, as on a full disk.
        drop(write_holder(&mut file));
        Ok(Self { _file: file })
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn is_held(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    let read = file.take(20).read_to_string(&mut holder);
    let pid = read.ok().and_then(|_| holder.trim().parse::<u32>().ok());
    let holder = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    StoreError::Unusable(format!(
        "the store {} is in use by {holder}; stop that first, or name another file",
        path.display()
    ))
}

fn cannot_lock(lock_path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!(
        "the store's lock {} can't be had: {}; the store's directory must be writable for the \
         user that the daemon runs as",
        lock_path.display(),
        system_words(error)
    ))
}
