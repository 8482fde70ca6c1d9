//! What the engine tells of, for whoever follows it at the control API; and for the log, where the
//! engine leaves it to be told.

use tokio::sync::broadcast;

use crate::clean::clean_message;
use crate::engine::{Teller, Told};
use crate::model::{WatchEvent, WatchEventKind};

/// How many events a follower may be behind before it misses some.
pub(super) const BACKLOG: usize = 4096;

/// The teller for an engine.
pub(super) fn teller(events: broadcast::Sender<Told>) -> Teller {
    std::sync::Arc::new(move |told| {
        if let Told::Watch { event, .. } = &told {
            log(event);
        }
        // Where nobody follows, nobody misses it.
        drop(events.send(told));
    })
}

/// Within the span of its watch, which has the watch's names.
fn log(event: &WatchEvent) {
    match &event.kind {
        WatchEventKind::Polled {
            job, changed: true, ..
        } => {
            let status = clean_message(job.status.as_str());
            tracing::debug!(status, "its status has changed");
        }
        WatchEventKind::Trouble {
            fault, in_a_row, ..
        } => {
            let fault = clean_message(&fault.to_string());
            tracing::debug!(fault, in_a_row, "trouble");
        }
        WatchEventKind::Throttled { next, .. } => tracing::debug!(?next, "throttled"),
        WatchEventKind::ClockCorrected { off_by, ahead } => {
            let side = if *ahead { "ahead of" } else { "behind" };
            tracing::warn!(
                ?off_by,
                "this machine's clock is {side} the service's; requests are signed with the service's time"
            );
        }
        WatchEventKind::CredentialRefreshed => {
            tracing::info!("the credential was read anew after a refusal");
        }
        _ => {}
    }
}
