//! A line of JSON for each delivery, appended to a file that several programs may write to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::{Hook, Message, Problem, Receipt, blocking};
use super::{check_directory, directory_of, receipt, sync_directory};
use crate::clock::SaturatingAdd as _;
use crate::model::BoxFuture;

/// How long another program may hold the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock is tried meanwhile. A thread that waited for it couldn't be called off.
const TRY_EVERY: Duration = Duration::from_millis(20);

pub(in super::super) struct Append {
    path: PathBuf,
}

impl Append {
    pub(in super::super) fn new(path: &Path) -> Result<Self, Problem> {
        check_directory(directory_of(path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    async fn append(&self, message: &Message) -> Receipt {
        let patient_until = Instant::now().saturating_add(PATIENCE);
        loop {
            let (path, body) = (self.path.clone(), message.body.clone());
            let tried = blocking(move || try_append(&path, &body)).await;
            match tried {
                Ok(true) => return receipt(&self.path, Ok(())),
                Ok(false) if Instant::now() < patient_until => sleep(TRY_EVERY).await,
                Ok(false) => {
                    let held = io::Error::other("another program holds its lock");
                    return receipt(&self.path, Err(held));
                }
                Err(error) => return receipt(&self.path, Err(error)),
            }
        }
    }
}

/// Appends a line; false where another has the lock.
fn try_append(path: &Path, body: &str) -> io::Result<bool> {
    let is_new = !path.try_exists()?;
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    append_locked(&file, body)?;
    if is_new {
        sync_directory(directory_of(path))?;
    }
    Ok(true)
}

fn append_locked(mut file: &File, body: &str) -> io::Result<()> {
    let length = file.metadata()?.len();
    // A crash may have left a part of a line; what follows is to be a line of its own.
    let separator = if ends_in_line(file, length)? {
        ""
    } else {
        "\n"
    };
    let written = file
        .write_all(format!("{separator}{body}\n").as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // As with a full disk: half a line is of no use, and the next attempt writes it again.
        drop(file.set_len(length));
    }
    written
}

fn ends_in_line(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == [b'\n'])
}

impl Hook for Append {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(self.append(message))
    }
}
