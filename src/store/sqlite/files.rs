//! The files of an open store, and whether they are still the ones that its path leads to.
//!
//! SQLite writes into the files that it has open, even after they were renamed or removed. What it writes
//! into a file that was removed or replaced is lost when the process ends.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::spawn_blocking;

use crate::sanitize::system_words;
use crate::store::StoreError;

/// The size of the smallest database, in bytes.
pub(super) const SMALLEST_DATABASE: u64 = 512;

/// The suffix of the file that changes are written to first.
pub(super) const LOG: &str = "-wal";

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
    /// Each with what it was when the store was opened.
    files: Vec<(PathBuf, FileId)>,
    /// How large the database has become. Without `VACUUM`, which this program never runs, it doesn't
    /// shrink.
    size: AtomicU64,
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
            files,
            size: AtomicU64::new(0),
        })
    }

    /// Finds out whether the next process to open the store would find what is written into it. Not
    /// on the caller's thread: the file system may hang.
    pub(super) async fn verify(self: &Arc<Self>) -> Result<(), StoreError> {
        let files = Arc::clone(self);
        let verified = spawn_blocking(move || files.verify_now()).await;
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

    fn verify_now(&self) -> Result<(), String> {
        for (path, id) in &self.files {
            let metadata = fs::metadata(path).map_err(|error| missing(path, &error))?;
            if FileId::of(&metadata) != *id {
                return Err(format!(
                    "another file is in the place of {}, which the daemon has open; put that one \
                     back, or restart the daemon to go on with what is there now",
                    path.display()
                ));
            }
            if *path == self.database {
                let size = metadata.len();
                if size
                    < self
                        .size
                        .fetch_max(size, Ordering::Relaxed)
                        .max(SMALLEST_DATABASE)
                {
                    return Err(format!(
                        "{} was cut to {size} bytes by another program; restart the daemon, and restore \
                         a backup where it doesn't start",
                        path.display()
                    ));
                }
            }
        }
        Ok(())
    }
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
