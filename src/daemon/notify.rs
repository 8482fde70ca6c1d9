//! What the service manager is told: that the daemon is ready, reloads or stops, how it is, and that
//! it is alive. Where there is no service manager, nobody is told.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::engine::Engine;

/// How long the store may take to close, and the process to end.
pub(super) const CLOSE_MARGIN: Duration = Duration::from_secs(5);

/// Everything that was accepted is watched again, and new jobs are accepted.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The configuration is read anew; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager isn't told of the reload"),
    }
}

/// The daemon is about to end, which may take as long as the drain, what is stored after it, and the
/// answers that are being made.
pub(super) fn stopping(drain: Duration, request_timeout: Duration) {
    let most = [drain, Engine::STOP_MARGIN, request_timeout, CLOSE_MARGIN];
    let most = most
        .into_iter()
        .fold(Duration::ZERO, Duration::saturating_add);
    let most = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    notify(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(most)]);
}

/// How the daemon is, in a line.
pub(super) fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

/// The daemon makes progress.
pub(super) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How long the service manager waits for a sign of life, where it does.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager can't be told");
    }
}
