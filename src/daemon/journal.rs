//! What the engine tells of, for whoever follows it at the control API; and for the log, where the
//! engine leaves it to be told.

use tokio::sync::broadcast;
use tracing::Span;

use crate::engine::{Teller, Told, span};
use crate::model::WatchEventKind;

/// How many events a follower may be behind before it misses some.
pub(super) const BACKLOG: usize = 4096;

/// The teller for an engine.
pub(super) fn teller(events: broadcast::Sender<Told>) -> Teller {
    std::sync::Arc::new(move |told| {
        if let Told::Watch {
            watch_id,
            project,
            event,
        } = &told
            && is_logged(&event.kind)
        {
            // There is one already where every request is logged.
            let within = match Span::current().is_none() {
                true => span(&event.job_id, *watch_id, project),
                false => Span::none(),
            };
            within.in_scope(|| log(&event.kind));
        }
        // Where nobody follows, nobody misses it.
        drop(events.send(told));
    })
}

/// Whether there may be anything to log of it: mostly there isn't, and no need for a span.
fn is_logged(event: &WatchEventKind) -> bool {
    !matches!(
        event,
        WatchEventKind::Started
            | WatchEventKind::Polled { changed: false, .. }
            | WatchEventKind::NotYetVisible { .. }
            | WatchEventKind::Ended(_)
    )
}

fn log(event: &WatchEventKind) {
    match event {
        WatchEventKind::Polled { job, .. } => {
            tracing::debug!(status = %job.status, "its status has changed");
        }
        WatchEventKind::Trouble {
            fault, in_a_row, ..
        } => {
            tracing::debug!(%fault, in_a_row, "trouble");
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
