//! Until when is waited: the last request falls exactly on the deadline, and has its time then.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// The end of a wait, or that there is none.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Option<Instant>,
    request_timeout: Duration,
}

impl Deadline {
    /// The deadline of a wait that began at `start`, where one request may take `request_timeout`.
    /// There is none without a `timeout`, nor with one beyond what a clock can show.
    #[must_use]
    pub fn new(start: Instant, timeout: Option<Duration>, request_timeout: Duration) -> Self {
        Self {
            at: timeout.and_then(|timeout| start.checked_add(timeout)),
            request_timeout,
        }
    }

    /// The deadline that falls on `at`, if there is any.
    #[must_use]
    pub fn on(at: Option<Instant>, request_timeout: Duration) -> Self {
        Self {
            at,
            request_timeout,
        }
    }

    /// The deadline itself.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it has come.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// The time from now on, cut at the deadline: an answer that comes a moment before it would be
    /// missed otherwise, by up to a whole interval.
    #[must_use]
    pub fn cut(&self, time: Duration) -> Duration {
        match self.at {
            Some(at) => time.min(at.saturating_duration_since(Instant::now())),
            None => time,
        }
    }

    /// When the last request has had its time, be it for waiting for its turn or for an answer.
    pub(super) fn too_late(&self) -> Option<Instant> {
        self.at?.checked_add(self.request_timeout)
    }

    /// What comes of the future, where it ends within the time of the last request.
    pub async fn before_too_late<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        within(self.too_late(), future).await
    }
}

/// What comes of the future, where it ends by then.
pub(super) async fn within<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

/// Sleeps, where there is anything to sleep for: a timer that is due already would still take up
/// to a millisecond, which is tokio's resolution.
pub(super) async fn until(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}
