//! The files of an open store, and whether they are still the ones that its path leads to.
//!
//! SQLite writes into the files that it has open, even after they were renamed or removed. What it writes
//! into a file that was removed or replaced is lost when the process ends.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

use crate::sanitize::system_words;
use crate::store::StoreError;

/// The size of the smallest database, in bytes.
pub(super) const SMALLEST_DATABASE: u64 = 512;

/// The suffix of the file that changes are written to first.
pub(super) const LOG: &str = "-wal";

/// How large the log may stay, in bytes, when a burst is over.
pub(super) const LOG_LIMIT: u64 = 64 * 1024 * 1024;

/// What a log begins with, save for the last bit, which is the order of the bytes in its checksums.
const LOG_MAGIC: [u8; 4] = [0x37, 0x7f, 0x06, 0x82];

/// The suffix of the file that says where in the log each page is.
const LOG_INDEX: &str = "-shm";

/// A file beside the database, named after it.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// The identity of a file, under any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// The files of an open store.
#[derive(Debug)]
pub(super) struct StoreFiles {
    database: PathBuf,
    log: PathBuf,
    /// Each with what it was when the store was opened.
    files: Vec<(PathBuf, FileId)>,
    /// Held while the files are looked at: a size that was read before another one is no sign of a cut.
    sizes: Mutex<Sizes>,
}

/// How large the files have become, in bytes.
#[derive(Debug, Default)]
struct Sizes {
    /// Without `VACUUM`, which this program never runs, it doesn't shrink.
    database: u64,
    log: u64,
    /// Whether this process has written into the log. What another left may begin with anything, and
    /// SQLite writes over it then.
    has_log_begun: bool,
    is_log_unsound: bool,
}

impl StoreFiles {
    /// The files at `path`, which the store has open.
    pub(super) fn of(path: &Path, database: FileId) -> Arc<Self> {
        let mut files = vec![(path.to_owned(), database)];
        for suffix in [LOG, LOG_INDEX] {
            let file = beside(path, suffix);
            if let Ok(metadata) = fs::metadata(&file) {
                files.push((file, FileId::of(&metadata)));
            }
        }
        Arc::new(Self {
            database: path.to_owned(),
            log: beside(path, LOG),
            files,
            sizes: Mutex::default(),
        })
    }

    /// Finds out whether the next process to open the store would find what is written into it. Not
    /// on the caller's thread: the file system may hang.
    pub(super) async fn verify(self: &Arc<Self>) -> Result<(), StoreError> {
        self.verify_on_thread(false).await
    }

    /// The same after a transaction, which is in the log.
    pub(super) async fn verify_written(self: &Arc<Self>) -> Result<(), StoreError> {
        self.verify_on_thread(true).await
    }

    /// Whether the log had a gap when it was looked at.
    pub(super) fn has_unsound_log(&self) -> bool {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.is_log_unsound
    }

    async fn verify_on_thread(self: &Arc<Self>, is_written: bool) -> Result<(), StoreError> {
        let files = Arc::clone(self);
        let verified = spawn_blocking(move || files.verify_now(is_written)).await;
        let why = match verified {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(_) => "its files can't be looked at".to_owned(),
        };
        Err(StoreError::NotNow {
            doing: "written",
            why,
        })
    }

    fn verify_now(&self, is_written: bool) -> Result<(), String> {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, id) in &self.files {
            let metadata = fs::metadata(path).map_err(|error| missing(path, &error))?;
            if FileId::of(&metadata) != *id {
                return Err(format!(
                    "another file is in the place of {}, which the daemon has open; put that one \
                     back, or restart the daemon to go on with what is there now",
                    path.display()
                ));
            }
            let size = metadata.len();
            if *path == self.database {
                if size < sizes.database.max(SMALLEST_DATABASE) {
                    return Err(cut(path, size));
                }
                sizes.database = size;
            } else if *path == self.log {
                let has_begun = is_written || sizes.has_log_begun;
                let verified = self.verify_log(sizes.log, size, has_begun);
                sizes.is_log_unsound = verified.is_err();
                verified?;
                sizes.log = size;
                sizes.has_log_begun = has_begun;
            }
        }
        Ok(())
    }

    /// Finds out whether the log, which had a size before and has one now, still begins where SQLite began to write it.
    /// SQLite doesn't notice that it was cut: it goes on behind the gap, and the next process to open
    /// the store ends at the gap. Another program may empty the log after a checkpoint, with which
    /// SQLite begins a new one.
    fn verify_log(&self, before: u64, size: u64, has_begun: bool) -> Result<(), String> {
        if (1..before.min(LOG_LIMIT)).contains(&size) {
            return Err(cut(&self.log, size));
        }
        // SQLite locks nothing in this file, so no lock is lost when it is closed.
        let is_sound = !has_begun || size == 0 || is_log(&self.log).unwrap_or_default();
        if !is_sound {
            return Err(format!(
                "{} was cut or written over by another program; restart the daemon, and restore a \
                 backup where it doesn't start",
                self.log.display()
            ));
        }
        Ok(())
    }
}

fn is_log(path: &Path) -> io::Result<bool> {
    let mut start = [0; LOG_MAGIC.len()];
    File::open(path)?.read_exact(&mut start)?;
    start[3] &= !1;
    Ok(start == LOG_MAGIC)
}

fn cut(path: &Path, size: u64) -> String {
    format!(
        "{} was cut to {size} bytes by another program; restart the daemon, and restore a backup \
         where it doesn't start",
        path.display()
    )
}

fn missing(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        return format!(
            "{path} was removed or moved away, and what is written would be lost with it; put it \
             back, or restart the daemon to go on with what is there then"
        );
    }
    format!(
        "{path} can't be looked at: {}; its directory must be open to the user that the daemon runs as",
        system_words(error)
    )
}
