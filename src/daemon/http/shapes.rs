//! What goes over the control API, as JSON: what is asked, and what is answered. The server writes
//! these shapes, the command line reads them, and the API's description is made of them.
//!
//! Times are RFC 3339, UTC, with milliseconds; durations are whole milliseconds. Names are those of
//! the command line's JSON results. An absent value is `null`.

mod cluster;
mod events;
mod health;
mod holds;
mod job_types;

pub use crate::forms::EstimateShape;
pub use cluster::{ClusterShape, InstanceShape, InstanceStateShape, OrphansShape};
pub use events::{About, EventShape, LimitShape, ResultShape};
pub use health::{AliveShape, HealthShape, ProjectShape};
pub use holds::{HoldReason, HoldShape};
pub use job_types::{JobTypeShape, JobTypesShape};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Outcome;
use crate::sanitize::ForeignText;

/// A job to wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with a job_id")]
#[schema(example = json!({"job_id": "ff8080818822bbf70188235afc24141a", "timeout": "30m"}))]
pub struct NewWatch {
    /// The job, as the operation that started it answered it.
    #[schema(pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64)]
    pub job_id: String,
    /// The project, by its name in the configuration. Needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64)]
    pub project: Option<String>,
    /// The hooks to fire, by their names in the configuration. Absent: the default ones. An empty
    /// list: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
    /// How long to wait, such as `10m` or `1h 30m`, or `none` for no limit. Absent: as the
    /// configuration has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^([1-9][0-9]{0,3}(s|m|h)|none)$")]
    pub timeout: Option<String>,
}

impl NewWatch {
    /// The members that there are.
    pub const MEMBERS: [&'static str; 4] = ["job_id", "project", "hooks", "timeout"];
}

/// Jobs to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"watches": [
    {"job_id": "ff8080818822bbf70188235afc24141a"},
    {"job_id": "ff8080818822bbf70188235afc24141b", "timeout": "30m"},
]}))]
pub struct NewWatches {
    /// The watches, in any order.
    #[schema(min_items = 1, max_items = 10_000)]
    pub watches: Vec<NewWatch>,
}

impl NewWatches {
    /// The members that there are.
    pub const MEMBERS: [&'static str; 1] = ["watches"];
    /// The most watches in one batch.
    pub const MOST: usize = 10_000;
}

/// Whether a watch goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchStateShape {
    /// The job is polled.
    Active,
    /// The watch has an outcome.
    Ended,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeShape {
    /// The job ended in `SUCCESS`.
    Succeeded,
    /// The job ended in `FAIL`.
    Failed,
    /// The service knows no such job.
    NotFound,
    /// The service refuses the credential, or the credential lacks the permission.
    Denied,
    /// The deadline passed first.
    TimedOut,
    /// The service rejects what is asked.
    Rejected,
    /// The wait was called off; the job itself goes on.
    Cancelled,
}

impl From<Outcome> for OutcomeShape {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
            Outcome::NotFound => Self::NotFound,
            Outcome::Denied => Self::Denied,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Rejected => Self::Rejected,
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

impl From<OutcomeShape> for Outcome {
    fn from(shape: OutcomeShape) -> Self {
        match shape {
            OutcomeShape::Succeeded => Self::Succeeded,
            OutcomeShape::Failed => Self::Failed,
            OutcomeShape::NotFound => Self::NotFound,
            OutcomeShape::Denied => Self::Denied,
            OutcomeShape::TimedOut => Self::TimedOut,
            OutcomeShape::Rejected => Self::Rejected,
            OutcomeShape::Cancelled => Self::Cancelled,
        }
    }
}

/// What went wrong with a request to the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultShape {
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// The service's error code, such as `DCS.4133`.
    #[schema(value_type = Option<String>)]
    pub code: Option<ForeignText>,
    /// The service's message, or the daemon's where it gave none.
    #[schema(value_type = String)]
    pub message: ForeignText,
    /// The service's ID of the request.
    #[schema(value_type = Option<String>)]
    pub request_id: Option<ForeignText>,
}

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchShape {
    /// The watch's ID. IDs sort by the time that they were made at.
    #[schema(format = "uuid")]
    pub id: String,
    /// The project, by its name in the configuration.
    pub project: String,
    /// The job that is waited for.
    pub job_id: String,
    /// Whether it goes on.
    pub state: WatchStateShape,
    /// How it ended.
    pub outcome: Option<OutcomeShape>,
    /// The last status of the job, as the service has it; an open list.
    #[schema(value_type = Option<String>)]
    pub status: Option<ForeignText>,
    /// The kind of job, such as `masterStandbySwapJob`; an open list.
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
    /// What jobs of its type let expect of one that goes on, where any has ended.
    pub estimate: Option<EstimateShape>,
    /// Requests sent so far, as far as they are stored.
    pub polls: u32,
    /// When the watch was accepted.
    #[schema(format = "date-time")]
    pub accepted_at: String,
    /// When it times out; `null` for never.
    #[schema(format = "date-time")]
    pub deadline_at: Option<String>,
    /// When it ended.
    #[schema(format = "date-time")]
    pub ended_at: Option<String>,
    /// The hooks that may fire.
    pub hooks: Vec<String>,
    /// What ended it or, for one that timed out, the last trouble since a good answer.
    pub error: Option<FaultShape>,
    /// What holds its requests back now, while it goes on.
    #[serde(default)]
    pub held_by: Option<HoldShape>,
}

/// A watch that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedShape {
    /// Whether it was there before.
    pub joined: bool,
    /// The watch as it is kept now.
    pub watch: WatchShape,
}

/// Watches that were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedBatch {
    /// One for each that was asked for, in the same order.
    pub watches: Vec<AcceptedOne>,
}

/// One of many watches that were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedOne {
    /// The watch's ID.
    #[schema(format = "uuid")]
    pub id: String,
    /// The job that is waited for.
    pub job_id: String,
    /// Whether it was there before.
    pub joined: bool,
    /// How it ended, where it was there before and has.
    pub outcome: Option<OutcomeShape>,
}

impl From<&AcceptedShape> for AcceptedOne {
    fn from(AcceptedShape { joined, watch }: &AcceptedShape) -> Self {
        Self {
            id: watch.id.clone(),
            job_id: watch.job_id.clone(),
            joined: *joined,
            outcome: watch.outcome,
        }
    }
}

/// Like answers in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswersShape {
    /// The job's status, or what there was in its place.
    #[schema(value_type = String)]
    pub answer: ForeignText,
    /// How many there were.
    pub count: u32,
    /// When the first came.
    #[schema(format = "date-time")]
    pub first_at: String,
    /// When the last came.
    #[schema(format = "date-time")]
    pub last_at: String,
}

/// A watch with its history and what is owed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchDetail {
    /// The watch.
    pub watch: WatchShape,
    /// Its answers, the oldest first.
    pub answers: Vec<AnswersShape>,
    /// Its deliveries, the newest first.
    pub deliveries: Vec<DeliveryShape>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStateShape {
    /// It is to be carried out.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up. It stays, and can be replayed.
    Dead,
}

/// One hook's due for one ended watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryShape {
    /// The delivery's ID: the `webhook-id` of every attempt. IDs sort by the time that they were
    /// made at.
    #[schema(format = "uuid")]
    pub id: String,
    /// The watch that ended.
    #[schema(format = "uuid")]
    pub watch_id: String,
    /// The hook, by its name in the configuration.
    pub hook: String,
    /// How it stands.
    pub state: DeliveryStateShape,
    /// When it is tried next, while it is pending.
    #[schema(format = "date-time")]
    pub due_at: Option<String>,
    /// How many attempts there were.
    pub attempts: u32,
    /// When it came to be.
    #[schema(format = "date-time")]
    pub created_at: String,
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptShape {
    /// Its number within the delivery, from 1.
    pub number: u32,
    /// When it began.
    #[schema(format = "date-time")]
    pub at: String,
    /// How long it took.
    pub took_ms: u64,
    /// Whether it arrived.
    pub delivered: bool,
    /// What came of it.
    #[schema(value_type = String)]
    pub answer: ForeignText,
}

/// A delivery with its attempts and what it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: DeliveryShape,
    /// Its attempts, the first one first.
    pub attempts: Vec<AttemptShape>,
    /// What is delivered: JSON, byte for byte as it is signed and sent.
    pub body: String,
}

/// A page of watches, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchPage {
    /// The watches.
    pub watches: Vec<WatchShape>,
    /// What to give as `before` for the next page; `null` where there is none.
    #[schema(format = "uuid")]
    pub next: Option<String>,
}

/// A page of deliveries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<DeliveryShape>,
    /// What to give as `before` for the next page; `null` where there is none.
    #[schema(format = "uuid")]
    pub next: Option<String>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"error": {"code": "invalid_job_id", "message": "\"a/b\" is no job ID: it contains '/' at position 2; letters, digits, '-' and '_' of ASCII are allowed"}}))]
pub struct ErrorShape {
    /// The error.
    pub error: ErrorBody,
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What kind of error, for programs.
    pub code: String,
    /// What, why, and what to do, for people.
    #[schema(value_type = String)]
    pub message: ForeignText,
}
