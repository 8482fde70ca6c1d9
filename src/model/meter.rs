//! Where measurements go. Whoever measures knows nothing of what becomes of them.

use std::time::Duration;

use super::HookName;

/// Takes measurements in. Every method does nothing by itself, so that a meter takes what it wants.
pub trait Meter: Send + Sync {
    /// A request for a job was answered, or was not. `answer` is one of a closed set of words;
    /// `late` is how long after its due time it was sent, turns at the limiter included.
    fn polled(&self, answer: &'static str, took: Duration, late: Duration) {
        _ = (answer, took, late);
    }

    /// A number of changes was stored in one transaction, which took that long.
    fn committed(&self, changes: usize, took: Duration) {
        _ = (changes, took);
    }

    /// So many changes of watches or deliveries changed nothing: they had ended, or were another
    /// daemon's.
    fn stale(&self, changes: usize) {
        _ = changes;
    }

    /// A polling loop panicked, and was started again.
    fn restarted(&self) {}

    /// An attempt to deliver was made. `result` is `delivered`, `failed` or `dead`.
    fn attempted(&self, hook: &HookName, result: &'static str, took: Duration) {
        _ = (hook, result, took);
    }
}

/// Measures nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMeter;

impl Meter for NoMeter {}
