//! What the service manager is told: that the daemon is ready, reloads or stops, how it is, and that
//! it is alive. Where there is no service manager, nobody is told.

use std::sync::OnceLock;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::engine::Engine;
use crate::environment::{Environment, ProcessEnvironment};
use crate::output::{Delivery, Destination, Kind, Writer};

/// How long the store may take to close, and the process to end.
pub(super) const CLOSE_MARGIN: Duration = Duration::from_secs(5);

/// For how long the service manager may read nothing at the end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages wait here: sending one blocks while the service manager doesn't read.
static WRITER: OnceLock<Option<Writer>> = OnceLock::new();

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

/// Waits until the service manager has read everything, as long as it reads.
pub(super) async fn flush() {
    if let Some(writer) = writer() {
        writer.flush(IDLE_TIMEOUT, IDLE_TIMEOUT).await;
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Some(writer) = writer() {
        let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
        writer.log(lines.join("\n"));
    }
}

fn writer() -> Option<&'static Writer> {
    let start = || Writer::start("notify", ServiceManager);
    let writer = WRITER.get_or_init(|| ProcessEnvironment.var("NOTIFY_SOCKET").map(|_| start()));
    writer.as_ref()
}

struct ServiceManager;

impl Destination for ServiceManager {
    fn write(&mut self, _kind: Kind, message: &[u8], progress: &dyn Fn()) -> Delivery {
        let message = String::from_utf8_lossy(message);
        match sd_notify::notify(&[NotifyState::Custom(&message)]) {
            Ok(()) => {
                progress();
                Delivery::Written
            }
            Err(error) => {
                tracing::debug!(%error, "the service manager can't be told");
                Delivery::Lost
            }
        }
    }

    /// A newer message replaces what an older one said.
    fn report(&self, _dropped: u64) -> Vec<u8> {
        Vec::new()
    }
}
