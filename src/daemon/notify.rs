//! What the service manager is told: that the daemon is ready, reloads or stops, how it is, and that
//! it is alive. Where there is no service manager, nobody is told.

use std::time::Duration;

use sd_notify::NotifyState;

/// What stopping may take beside the drain: flushing, answers that are being written.
const BESIDE_THE_DRAIN: Duration = Duration::from_secs(15);

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

/// The daemon is about to end, which may take as long as the drain.
pub(super) fn stopping(drain: Duration) {
    let most =
        u32::try_from(drain.saturating_add(BESIDE_THE_DRAIN).as_micros()).unwrap_or(u32::MAX);
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
