//! The watches that wait for the proof of a credential.
//!
//! Watches whose last request failed have a queue of their own, and are woken only while no other watch
//! waits. Otherwise a job whose requests hang would return to the end of the queue after each time-out, and
//! be the next probe again.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Queues {
    others: Notify,
    after_failure: Notify,
    /// How many watches wait in the first queue, or are about to.
    count: AtomicUsize,
}

impl Queues {
    /// The queue for a watch.
    pub(super) fn of(&self, has_failed: bool) -> &Notify {
        match has_failed {
            true => &self.after_failure,
            false => &self.others,
        }
    }

    /// The queue that the next watch is woken from.
    pub(super) fn next(&self) -> &Notify {
        self.of(self.count.load(Ordering::SeqCst) == 0)
    }

    pub(super) fn wake_all(&self) {
        self.others.notify_waiters();
        self.after_failure.notify_waiters();
    }

    /// Counts a watch of the first queue. To be called before the watch looks at the state.
    pub(super) fn enter(&self) -> Waiting<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }
}

/// A watch that is counted until this is dropped.
pub(super) struct Waiting<'a>(&'a Queues);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // It may have been woken and gone without a probe. A watch that is woken needlessly waits on.
            self.0.after_failure.notify_one();
        }
    }
}
