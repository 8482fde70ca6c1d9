//! What the process asks of the system before it does anything.

use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit, umask};

/// Keeps what is created from everybody but this user and, where the umask permits it, the group,
/// which may have to read what file hooks write; and raises the number of files that may be open at
/// once to what is permitted: every connection to the socket is one.
pub(super) fn prepare() {
    let given = umask(Mode::RWXG | Mode::RWXO);
    umask((given & Mode::RWXG) | Mode::RWXO);
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
