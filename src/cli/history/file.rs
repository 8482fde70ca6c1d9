//! The history's file. Whoever reads it sees all of one version of it, and who writes it holds a
//! lock beside it, so that nothing is lost between processes. What a crash of the machine takes of
//! it is learned anew.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::content::{Content, Foreign, Seen};
use crate::decode::without_bom;
use crate::environment::Environment;
use crate::sanitize::system_words;

/// The largest file that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// Why there is a history that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} {why}", path = path.display())]
pub(super) struct ReadError {
    path: PathBuf,
    why: Unreadable,
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("can't be read: {}", system_words(.0))]
    Unopened(#[from] io::Error),
    #[error("is no file")]
    NoFile,
    #[error("has more than 1 MiB, which dcs-wait never writes there")]
    TooLarge,
    #[error(transparent)]
    Foreign(#[from] Foreign),
}

/// Why nothing could be added to a history. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    /// This user can't have one.
    #[error("{}", system_words(.0))]
    NoPlace(io::Error),
    /// Another process holds it.
    #[error("another process holds {path}; see which with fuser", path = .0.display())]
    Busy(PathBuf),
    /// What is there isn't for this program to write over.
    #[error("{0}; remove it")]
    Unreadable(#[from] ReadError),
    /// The disk is full, and the like.
    #[error("can't write to {path}: {why}; mend that", path = .0.display(), why = system_words(.1))]
    Unwritten(PathBuf, io::Error),
}

/// Where a user's history is.
#[derive(Debug, Clone)]
pub(super) struct HistoryFile(PathBuf);

impl HistoryFile {
    /// The place for it by the XDG Base Directory specification, by which a relative path counts
    /// as none.
    pub(super) fn of(environment: &dyn Environment) -> Option<Self> {
        let state = environment.var("XDG_STATE_HOME").map(PathBuf::from);
        let home = || Some(environment.home()?.join(".local/state"));
        let state = state.filter(|path| path.is_absolute()).or_else(home)?;
        let directory = state.join("dcs-wait");
        directory.is_absolute().then_some(Self(directory))
    }

    /// The file itself.
    pub(super) fn path(&self) -> PathBuf {
        self.0.join("history.json")
    }

    /// What it holds; nothing, where it isn't there, or nobody lets this user look.
    pub(super) fn read(&self) -> Result<Content, ReadError> {
        let path = self.path();
        read(&path).map_err(|why| ReadError { path, why })
    }

    /// Adds jobs that have ended. Never waits for another process.
    pub(super) fn keep(&self, seen: &[Seen]) -> Result<(), KeepError> {
        let mut make = DirBuilder::new();
        let made = make.recursive(true).mode(0o700).create(&self.0);
        made.map_err(KeepError::NoPlace)?;
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                KeepError::NoPlace(error)
            }
            _ => KeepError::Unwritten(self.0.clone(), error),
        };
        let lock_path = self.0.join("history.lock");
        let lock = open_to_write(&lock_path, false).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(KeepError::Busy(lock_path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut content = self.read()?;
        let mut is_new = false;
        for seen in seen {
            is_new |= content.learn(seen);
        }
        if !is_new {
            return Ok(());
        }
        // Under the lock it is nobody else's; what a killed process left there goes.
        let beside = self.0.join("history.tmp");
        let write = || {
            let mut file = open_to_write(&beside, true)?;
            writeln!(file, "{}", content.to_json())?;
            fs::rename(&beside, self.path())
        };
        let written = write().map_err(failed);
        drop(lock);
        written
    }
}

/// A file that only its owner may read. Neither a link nor a pipe is taken for one.
fn open_to_write(path: &Path, truncate: bool) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(truncate);
    let options = options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options.open(path)
}

fn read(path: &Path) -> Result<Content, Unreadable> {
    let mut options = OpenOptions::new();
    // A pipe that nobody writes to must not keep the wait from beginning.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match options.read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if is_absence(path, &error) => return Ok(Content::default()),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unreadable::NoFile);
    }
    let length = metadata.len().min(MAX_BYTES);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| Foreign::Another)?;
    Ok(Content::parse(without_bom(&text))?)
}

/// Whether there is no file, as far as this user may know.
fn is_absence(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => true,
        ErrorKind::PermissionDenied => path.symlink_metadata().is_err(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn place(variables: &[(&str, &str)]) -> Option<String> {
        let variables = variables.iter().copied();
        let environment: BTreeMap<String, String> = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        HistoryFile::of(&environment).map(|file| file.path().display().to_string())
    }

    #[test]
    fn it_lies_where_the_xdg_specification_says() {
        let home = Some("/home/me/.local/state/dcs-wait/history.json".to_owned());
        assert_eq!(place(&[("HOME", "/home/me")]), home);
        assert_eq!(
            place(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "/state")]).as_deref(),
            Some("/state/dcs-wait/history.json")
        );
        for relative in ["", "state", "./state"] {
            let variables = [("HOME", "/home/me"), ("XDG_STATE_HOME", relative)];
            assert_eq!(place(&variables), home, "{relative:?}");
        }
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[("HOME", "here")]), None);
    }
}
