//! What loops wait at while the watches of an earlier run are taken up.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Open, but for the time of a restart: with a full store, requests would hold up what is still to be
/// read, and lie between the watches in memory, which nobody else could use afterwards.
#[derive(Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    opened: Notify,
}

impl Gate {
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn open(&self) {
        self.closed.store(false, Ordering::Release);
        self.opened.notify_waiters();
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
