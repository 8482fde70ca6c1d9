//! What the event stream carries: the command line's JSON progress, and deliveries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DeliveryStateShape, EstimateShape, FaultShape, OutcomeShape, WatchShape};
use crate::sanitize::ForeignText;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The watch.
    #[schema(format = "uuid")]
    pub watch_id: String,
    /// The project, by its name in the configuration.
    pub project: String,
    /// The job that is waited for.
    pub job_id: String,
    /// Time since the watch began.
    pub waited_ms: u64,
    /// Requests sent so far.
    pub polls: u32,
}

/// A limit that the service named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitShape {
    /// So many requests.
    pub requests: u32,
    /// In this time.
    pub period_ms: u64,
}

/// How a watch ended: the command line's JSON result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultShape {
    /// The job that was waited for.
    pub job_id: String,
    /// The project's ID, where it is known.
    pub project_id: Option<String>,
    /// How the watch ended.
    pub outcome: OutcomeShape,
    /// The last status of the job, as the service has it.
    #[schema(value_type = Option<String>)]
    pub status: Option<ForeignText>,
    /// The kind of job.
    #[schema(value_type = Option<String>)]
    pub job_type: Option<ForeignText>,
    /// When the job began, by the service's clock.
    #[schema(format = "date-time")]
    pub begin_time: Option<String>,
    /// When the job ended, by the service's clock.
    #[schema(format = "date-time")]
    pub end_time: Option<String>,
    /// How long the job ran.
    pub duration_ms: Option<u64>,
    /// Why the job failed, in the service's words.
    #[schema(value_type = Option<String>)]
    pub fail_reason: Option<ForeignText>,
    /// Requests sent.
    pub polls: u32,
    /// How long the watch lasted.
    pub waited_ms: u64,
    /// What ended it or, for one that timed out, the last trouble since a good answer.
    pub error: Option<FaultShape>,
}

/// An event of the stream: the `data` of a server-sent event, whose `event` is the same word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventShape {
    /// How the watch that was asked for stands: the first event of its stream.
    Watch {
        /// The watch.
        watch: Box<WatchShape>,
    },
    /// A watch began.
    Started {
        /// Which.
        #[serde(flatten)]
        about: About,
    },
    /// The service described a job that goes on.
    Polled {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
        /// The job's status, as the service has it.
        #[schema(value_type = String)]
        status: ForeignText,
        /// The kind of job.
        #[schema(value_type = Option<String>)]
        job_type: Option<ForeignText>,
        /// Whether the status is another than before.
        changed: bool,
        /// Time until the next request.
        next_ms: u64,
        /// What jobs of its type let expect, where any has ended.
        estimate: Option<EstimateShape>,
    },
    /// The service doesn't know the job yet.
    NotYetVisible {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
        /// Time until the next request.
        next_ms: u64,
        /// How much longer that may be so.
        grace_ms: u64,
    },
    /// Passing trouble: the wait goes on.
    Trouble {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
        /// What went wrong.
        error: FaultShape,
        /// How many times in a row.
        in_a_row: u32,
        /// Time until the next request.
        next_ms: u64,
    },
    /// The service asked for fewer requests.
    Throttled {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
        /// The limit that it named.
        limit: Option<LimitShape>,
        /// Time until the next request.
        next_ms: u64,
    },
    /// The daemon's clock is off; requests are signed with the corrected time.
    ClockCorrected {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
        /// How far the clocks are apart.
        off_by_ms: u64,
        /// Whether the daemon's is ahead.
        ahead: bool,
    },
    /// The credential was read anew after a refusal, and is tried once more.
    CredentialRefreshed {
        /// Of which watch.
        #[serde(flatten)]
        about: About,
    },
    /// A watch ended: the last event of its stream.
    Ended {
        /// Which.
        #[serde(flatten)]
        about: About,
        /// How.
        result: Box<ResultShape>,
    },
    /// An attempt to deliver was made.
    Delivery {
        /// Of which delivery.
        #[schema(format = "uuid")]
        delivery_id: String,
        /// For which watch.
        #[schema(format = "uuid")]
        watch_id: String,
        /// By which hook.
        hook: String,
        /// The attempt's number, from 1.
        attempt: u32,
        /// What came of it.
        #[schema(value_type = String)]
        answer: ForeignText,
        /// How the delivery stands now.
        state: DeliveryStateShape,
        /// When it is tried next, while it is pending.
        #[schema(format = "date-time")]
        due_at: Option<String>,
    },
    /// Events are missing: the reader was too slow, or the daemon had lost touch with those that share
    /// its store. One that waits for an end reads the watch.
    Lagged {
        /// How many are missing, where the reader was too slow; 0 where nobody knows.
        missed: u64,
    },
}
