//! The dispatcher: carries deliveries out, again and again if it must, until each has arrived or is
//! dead. Each hook has its own queue, so that a slow receiver holds up nobody else.

use std::sync::Arc;
use std::time::Duration;

use super::recorder::Recorder;
use super::told::Teller;
use crate::clock::Clock;
use crate::hooks::Configured;
use crate::model::{Delivery, Meter, WatchId};
use crate::store::Store;

/// How long after which try in vain the next one is made; after the last, the delivery is dead.
#[derive(Debug, Clone, PartialEq)]
pub struct Retries {
    /// The intervals in turn.
    pub after: Vec<Duration>,
    /// The share of an interval that it may be longer by chance, 0 to 1.
    pub jitter: f64,
}

/// What a dispatcher works with.
pub struct DispatcherParts {
    /// Where deliveries are kept.
    pub store: Arc<dyn Store>,
    /// Writes what comes of them.
    pub recorder: Recorder,
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// Takes measurements.
    pub meter: Arc<dyn Meter>,
    /// Is told of attempts.
    pub teller: Teller,
    /// When to try again.
    pub retries: Retries,
    /// The seed of all jitter.
    pub seed: u64,
}

/// A handle on the dispatcher's tasks.
#[derive(Clone)]
pub struct Dispatcher;

impl Dispatcher {
    /// Starts it, with nothing to do and no hooks.
    #[must_use]
    pub fn start(parts: DispatcherParts) -> Self {
        unimplemented!("{:?}", parts.retries)
    }

    /// Replaces the hooks. Attempts under way go on as they began. A delivery whose hook is gone is
    /// tried in vain until the hook is back or the delivery is dead.
    pub fn configure(&self, hooks: Vec<Configured>) {
        unimplemented!("{}", hooks.len())
    }

    /// Takes on deliveries that are stored.
    pub fn take_on(&self, deliveries: Vec<Delivery>) {
        unimplemented!("{deliveries:?}")
    }

    /// Comes back once nothing is pending for the watch any more: all is delivered or dead.
    pub async fn settled(&self, watch_id: WatchId) {
        unimplemented!("{watch_id}")
    }

    /// Begins no more attempts, and comes back once those under way have ended or that time has
    /// passed. What is left stays in the store.
    pub async fn stop(&self, within: Duration) {
        unimplemented!("{within:?}")
    }
}
