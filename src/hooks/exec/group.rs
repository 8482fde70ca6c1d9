//! The process group of a program: it and all that it started, ended together.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// How long a program has to end by itself, once it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A group that runs. Dropped, it is asked to end, and killed if it doesn't.
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group of a process that is its leader.
    pub(super) fn led_by(process: Option<u32>) -> Self {
        let id = process.and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Leaves whatever still runs to itself.
    pub(super) fn leave(&mut self) {
        self.0 = None;
    }

    /// Ends it, within the grace or by force.
    pub(super) async fn end(&mut self) {
        if let Some(id) = self.0.take() {
            ask_to_end(id);
            end_for_good(Kill(id)).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0.take() else {
            return;
        };
        ask_to_end(id);
        // Where the runtime ends first, the task is dropped, and kills.
        let end = end_for_good(Kill(id));
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(end));
        }
    }
}

fn ask_to_end(id: Pid) {
    // It may have ended meanwhile.
    _ = kill_process_group(id, Signal::TERM);
}

async fn end_for_good(group: Kill) {
    let mut waited = Duration::ZERO;
    // While anything is left in it, nothing else can have its ID.
    while waited < GRACE && test_kill_process_group(group.0).is_ok() {
        sleep(LOOK_EVERY).await;
        waited = waited.saturating_add(LOOK_EVERY);
    }
}

/// Dropped, it kills the group.
struct Kill(Pid);

impl Drop for Kill {
    fn drop(&mut self) {
        _ = kill_process_group(self.0, Signal::KILL);
    }
}
