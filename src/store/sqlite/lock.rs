//! One process a store: a lock on a file beside the database, which says who has it, and another on
//! the database itself, which holds under any name of the database, and if that file is removed.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::fstatfs;

use super::errors::refused;
use super::files::{FileId, beside};
use crate::sanitize::system_words;
use crate::store::StoreError;

/// The databases that this process has open. POSIX drops all of SQLite's own locks on a file when the
/// process closes any descriptor of it, so none that is in here is ever opened to try its lock.
static OPEN: Mutex<BTreeSet<FileId>> = Mutex::new(BTreeSet::new());

fn open_databases<T>(use_them: impl FnOnce(&mut BTreeSet<FileId>) -> T) -> T {
    use_them(&mut OPEN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The lock on the file beside the database. The system releases it however the process ends.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl LockFile {
    /// Locks the store at `path`, whose directory exists.
    pub(super) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let lock_path = beside(path, ".lock");
        let cannot_lock = |error: &io::Error| {
            let what = format!("the store's lock {} can't be acquired", lock_path.display());
            refused(
                &what,
                error,
                "the store's directory must be writable for the user that the daemon runs as",
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| cannot_lock(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(is_held(path, &holder));
            }
            Err(TryLockError::Error(error)) => return Err(cannot_lock(&error)),
        }
        // The process ID is for people. The lock holds without it, as on a full disk.
        drop(write_holder(&mut file));
        Ok(Self { file })
    }

    /// Locks the database at `path` as well, which exists.
    pub(super) fn with_database(self, path: &Path) -> Result<StoreLock, StoreError> {
        let database = DatabaseLock::acquire(path)?;
        Ok(StoreLock {
            database,
            _file: self.file,
        })
    }
}

/// Holds the store as long as it exists. It is dropped after all of SQLite's connections.
#[derive(Debug)]
pub(super) struct StoreLock {
    pub(super) database: DatabaseLock,
    _file: File,
}

/// The lock on the database itself: of `flock(2)`, which knows nothing of SQLite's locks.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    pub(super) id: FileId,
    _file: File,
}

impl DatabaseLock {
    fn acquire(path: &Path) -> Result<Self, StoreError> {
        let cannot_lock = |error: &io::Error| {
            let what = format!("the store {} can't be read", path.display());
            refused(
                &what,
                error,
                "it must be readable and writable for the user that the daemon runs as",
            )
        };
        let metadata = fs::metadata(path).map_err(|error| cannot_lock(&error))?;
        if !metadata.is_file() {
            return Err(StoreError::Unusable(format!(
                "the store {} can't be written: it is no file; name the file that the store is to be \
                 kept in",
                path.display()
            )));
        }
        let id = FileId::of(&metadata);
        if !open_databases(|open| open.insert(id)) {
            return Err(is_held(path, "this process, under another name"));
        }
        let locked = lock(path, id);
        if locked.is_err() {
            open_databases(|open| open.remove(&id));
        }
        match locked {
            Ok(file) => Ok(Self { id, _file: file }),
            Err(TryLockError::WouldBlock) => Err(is_held(path, "another process")),
            Err(TryLockError::Error(error)) => Err(cannot_lock(&error)),
        }
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        open_databases(|open| open.remove(&self.id));
    }
}

fn lock(path: &Path, id: FileId) -> Result<File, TryLockError> {
    let file = File::open(path).map_err(TryLockError::Error)?;
    let metadata = file.metadata().map_err(TryLockError::Error)?;
    if FileId::of(&metadata) != id {
        let why = io::Error::other("it was replaced in this moment; start again");
        return Err(TryLockError::Error(why));
    }
    if !has_flock(&file) {
        return Ok(file);
    }
    match file.try_lock() {
        Err(TryLockError::Error(error)) => {
            let error = system_words(&error);
            tracing::debug!(
                error,
                "the file system locks no whole files; the lock file has to do"
            );
            Ok(file)
        }
        locked => locked.map(|()| file),
    }
}

/// Whether locks of `flock(2)` and SQLite's own don't meet on this file system. On those of the network
/// both become locks of the server.
fn has_flock(file: &File) -> bool {
    const NFS: u32 = 0x6969;
    const SMB: u32 = 0x517B;
    const CIFS: u32 = 0xFF53_4D42;
    const SMB2: u32 = 0xFE53_4D42;
    let Ok(system) = fstatfs(file) else {
        return false;
    };
    // The kernel has 32 bits of it.
    let kind = u32::try_from(system.f_type & 0xFFFF_FFFF).unwrap_or(NFS);
    ![NFS, SMB, CIFS, SMB2].contains(&kind)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut holder = String::new();
    let read = file.take(20).read_to_string(&mut holder);
    let pid = read.ok().and_then(|_| holder.trim().parse::<u32>().ok());
    pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
}

fn is_held(path: &Path, holder: &str) -> StoreError {
    StoreError::Unusable(format!(
        "the store {} is in use by {holder}; stop that first, or name another file",
        path.display()
    ))
}
