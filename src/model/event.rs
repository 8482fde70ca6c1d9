//! What happens to a watch, told as it happens. The engine emits, reporters render.

use std::sync::Arc;
use std::time::Duration;

use super::{Estimate, Fault, Job, JobId, WatchReport};

/// Something that happened to one watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchEvent {
    /// The job that is waited for.
    pub job_id: JobId,
    /// Time since the watch began.
    pub waited: Duration,
    /// Requests sent so far.
    pub polls: u32,
    /// What happened.
    pub kind: WatchEventKind,
}

/// The kinds of [`WatchEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEventKind {
    /// The watch began.
    Started,
    /// The service described a job that goes on. Told for every poll; `changed` when the status is
    /// another than before.
    Polled {
        /// The service's description.
        job: Arc<Job>,
        /// Whether the status differs from the one seen before (true for the first).
        changed: bool,
        /// Time until the next request.
        next: Duration,
        /// What jobs of its type let expect, where any has ended.
        estimate: Option<Estimate>,
    },
    /// The service doesn't know the job, and the grace for that hasn't passed.
    NotYetVisible {
        /// Time until the next request.
        next: Duration,
        /// How much of the grace is left.
        grace: Duration,
    },
    /// Passing trouble: the wait goes on.
    Trouble {
        /// What went wrong.
        fault: Fault,
        /// How many times in a row.
        in_a_row: u32,
        /// Time until the next request.
        next: Duration,
    },
    /// The service asked for fewer requests.
    Throttled {
        /// The limit it named, in requests and the time they are counted over, where it named one.
        limit: Option<(u32, Duration)>,
        /// Time until the next request.
        next: Duration,
    },
    /// This machine's clock is off; requests are signed with the corrected time from now on.
    ClockCorrected {
        /// How far the machine's clock is from the service's.
        off_by: Duration,
        /// Whether the machine's clock is ahead of the service's.
        ahead: bool,
    },
    /// The credential was read anew after a refusal, and is tried once more.
    CredentialRefreshed,
    /// The watch ended.
    Ended(Box<WatchReport>),
}
