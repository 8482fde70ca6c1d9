//! What loops wait at while the watches of an earlier run are taken up.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Open, but for the time of a restart: with a full store, requests would hold up what is still to be
/// read, and lie between the watches in memory, which nobody else could use afterwards. And where
/// others share the limits, until all of them know of this one.
#[derive(Default)]
pub(super) struct Barrier {
    closed: AtomicBool,
    opened: Notify,
}

/// Keeps it closed.
pub(super) struct Closed<'a>(&'a Barrier);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Barrier {
    /// Closes it for as long as what this gives is kept.
    pub(super) fn close(&self) -> Closed<'_> {
        self.set(true);
        Closed(self)
    }

    /// Closes or opens it.
    pub(super) fn set(&self, closed: bool) {
        self.closed.store(closed, Ordering::Release);
        if !closed {
            self.opened.notify_waiters();
        }
    }

    /// Comes back once it is open.
    pub(super) async fn pass(&self) {
        // Listens before it looks, so that it isn't opened in between.
        let opened = self.opened.notified();
        if self.closed.load(Ordering::Acquire) {
            opened.await;
        }
    }
}
