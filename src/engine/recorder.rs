//! The recorder: the one task that writes to the store. What is waiting when it is ready goes into
//! one transaction.

use std::sync::Arc;

use crate::model::Meter;
use crate::store::{Change, Effect, Store, StoreError};

/// A handle on the recorder's task, which ends with the last handle.
#[derive(Clone)]
pub struct Recorder;

impl Recorder {
    /// Starts the task.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, meter: Arc<dyn Meter>) -> Self {
        unimplemented!("{:p} {:p}", store, meter)
    }

    /// Stores a change, and says what became of it once it is durable.
    ///
    /// # Errors
    /// When it wasn't stored, as with a full disk; nothing is kept of it then.
    pub async fn store(&self, change: Change) -> Result<Effect, StoreError> {
        unimplemented!("{change:?}")
    }

    /// Stores a change that may not be lost, however long that takes: it is held and tried again
    /// until the store takes it.
    pub async fn keep(&self, change: Change) -> Effect {
        unimplemented!("{change:?}")
    }

    /// Stores a change some time soon. It may be lost with a crash; nobody waits for it.
    pub fn note(&self, change: Change) {
        unimplemented!("{change:?}")
    }

    /// Comes back once the task has done everything that was asked before, or has found that the
    /// store can't now: a sign of life, not of health.
    pub async fn pulse(&self) {
        unimplemented!()
    }

    /// Why the store can't be written at the moment, if so, and how many changes are held.
    #[must_use]
    pub fn trouble(&self) -> Option<(String, usize)> {
        unimplemented!()
    }
}
