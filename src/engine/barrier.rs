//! What loops wait at while the watches of an earlier run are taken up.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Open, but for the time of a restart: with a full store, requests would hold up what is still to be
/// read, and lie between the watches in memory, which nobody else could use afterwards.
#[derive(Default)]
pub(super) struct Barrier {
    closed: AtomicBool,
    opened: Notify,
}

/// Keeps it closed.
pub(super) struct Closed<'a>(&'a Barrier);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.closed.store(false, Ordering::Release);
        self.0.opened.notify_waiters();
    }
}

impl Barrier {
    /// Closes it for as long as what this gives is kept.
    pub(super) fn close(&self) -> Closed<'_> {
        self.closed.store(true, Ordering::Release);
        Closed(self)
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
