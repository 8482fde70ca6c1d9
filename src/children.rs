//! Child processes: this program's own, and those that the system leaves to it.
//!
//! The first process of a container inherits every process whose parent ends, and must reap it.
//! Reaping one of its own would take the exit status from the code that waits for it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, WaitOptions, child_subreaper, waitpid};
use tokio::process::{Child, Command};

/// The children that have code waiting for them.
static OWN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn own() -> MutexGuard<'static, BTreeSet<i32>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a child from being reaped as an orphan. To be dropped after the child was waited for.
#[derive(Debug)]
pub(crate) struct OwnChild(Option<i32>);

impl Drop for OwnChild {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            own().remove(&id);
        }
    }
}

/// Starts a child process of this program's own.
pub(crate) fn spawn(command: &mut Command) -> io::Result<(Child, OwnChild)> {
    // Locked meanwhile, as the child may end before it is known.
    let mut own = own();
    let child = command.spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    own.extend(id);
    Ok((child, OwnChild(id)))
}

/// Whether the system leaves orphans to this process.
pub(crate) fn inherits_orphans() -> bool {
    std::process::id() == 1 || child_subreaper().is_ok_and(|reaper| reaper.is_some())
}

/// Reaps the orphans that have ended.
pub(crate) fn reap_orphans() -> io::Result<()> {
    let own = own();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        let id = id.filter(|id| !own.contains(id)).and_then(Pid::from_raw);
        if let Some(id) = id {
            // Any process that isn't a child is none to wait for.
            waitpid(Some(id), WaitOptions::NOHANG).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[tokio::test]
    async fn a_child_with_code_that_waits_for_it_keeps_its_exit_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 7"]).stdout(Stdio::piped());
        let (mut child, _own) = spawn(&mut command).unwrap();
        // It has ended once its output has.
        let mut stdout = child.stdout.take().unwrap();
        tokio::io::copy(&mut stdout, &mut tokio::io::sink())
            .await
            .unwrap();
        for _ in 0..100 {
            reap_orphans().unwrap();
        }
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    }
}
