//! A hook that writes a file: one for each delivery, replaced as a whole, or a line appended to one
//! that all share. What it has delivered is on the disk.

mod append;
mod replace;
mod template;

pub(super) use append::Append;
pub(super) use replace::Replace;

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Problem, Receipt};
use crate::sanitize::{sanitize, system_words};

/// Refuses a directory that isn't there or can't be written.
fn check_directory(path: &Path) -> Result<(), Problem> {
    let unusable = |source| Problem::Place {
        path: path.to_owned(),
        source,
    };
    if !path.metadata().map_err(unusable)?.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }
    access(path, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| unusable(error.into()))
}

/// The directory that holds the file. The current one, where the path is a name alone.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes durable what was created or renamed in a directory.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What became of writing, as a receipt.
fn receipt(path: &Path, written: io::Result<()>) -> Receipt {
    let path = path.display();
    match written {
        Ok(()) => Receipt::Delivered {
            answer: sanitize(&format!("wrote {path}"), super::ANSWER),
        },
        Err(error) => Receipt::failed(sanitize(
            &format!("can't write {path}: {}", system_words(&error)),
            super::ANSWER,
        )),
    }
}
