//! What is known of the types of jobs: the daemon's answer, and what `dcs-wait history` prints.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sanitize::ForeignText;

/// The types of jobs that have ended, by project and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTypesShape {
    /// The types.
    pub job_types: Vec<JobTypeShape>,
}

/// How long jobs of one type took: the last 64 of them, whether they succeeded or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTypeShape {
    /// The project, by its name in the configuration; in a user's own history, its ID.
    pub project: String,
    /// The kind of job, such as `masterStandbySwapJob`; an open list.
    #[schema(value_type = String)]
    pub job_type: ForeignText,
    /// How many jobs that is known from, at least one.
    pub count: u32,
    /// What half of them didn't exceed.
    pub median_ms: u64,
    /// What nine of ten didn't exceed.
    pub p90_ms: u64,
    /// Each of them, the newest last.
    pub durations_ms: Vec<u64>,
}
