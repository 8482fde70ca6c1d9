//! What the engine tells of, as it happens.

use crate::model::{DeliveryId, DeliveryState, HookName, JobId, ProjectName, WatchEvent, WatchId};

/// Something that happened. Ends and deliveries are told of once they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// To a watch.
    Watch {
        /// Which.
        watch_id: WatchId,
        /// In which project.
        project: ProjectName,
        /// What.
        event: WatchEvent,
    },
    /// To a delivery: an attempt was made.
    Delivery {
        /// Which.
        delivery_id: DeliveryId,
        /// The watch that it is owed for.
        watch_id: WatchId,
        /// By which hook.
        hook: HookName,
        /// The attempt's number, from 1.
        attempt: u32,
        /// What came of it, in one line.
        answer: String,
        /// How the delivery stands now.
        state: DeliveryState,
    },
    /// To a watch that another daemon polls: it has ended. How, is in the store.
    Elsewhere(WatchId),
    /// What other daemons did for a while may be missing.
    Missed,
}

/// The span that what happens to a watch is logged in.
#[must_use]
pub fn span(job_id: &JobId, watch_id: WatchId, project: &ProjectName) -> tracing::Span {
    tracing::info_span!("watch", %job_id, %watch_id, %project)
}

/// Where it is told. Called from many tasks; must not block.
pub type Teller = std::sync::Arc<dyn Fn(Told) + Send + Sync>;
