//! How the daemon and its projects are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HoldShape, LimitShape};
use crate::sanitize::ForeignText;

/// How a project is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectShape {
    /// Its name in the configuration.
    pub name: String,
    /// Why its jobs can't be polled yet: its credential or its project ID isn't known.
    #[schema(value_type = Option<String>)]
    pub not_ready: Option<ForeignText>,
    /// What the service said when it refused the credential, while it counts as refused.
    #[schema(value_type = Option<String>)]
    pub refused: Option<ForeignText>,
    /// How long the service wants nothing to be sent from now on.
    pub paused_ms: Option<u64>,
    /// The time that is kept between two requests.
    pub spacing_ms: u64,
    /// The limit of the service that applies now, if it is stricter than the configured one.
    #[serde(default)]
    pub limit: Option<LimitShape>,
    /// How long that limit still applies, unless the service names one again.
    #[serde(default)]
    pub limit_expires_ms: Option<u64>,
    /// What holds its requests back now.
    #[serde(default)]
    pub held_by: Option<HoldShape>,
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthShape {
    /// Whether it accepts watches, keeps them, and can ask about the jobs of every project.
    pub ready: bool,
    /// Why it can't.
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<ForeignText>,
    /// Watches that haven't been answered yet.
    pub unseen: u64,
    /// Watches whose job goes on, by the last answer.
    pub running: u64,
    /// Watches whose last answer was trouble.
    pub in_trouble: u64,
    /// Outcomes and attempts that wait for the store.
    pub held: u64,
    /// The projects. One that isn't ready is among the reasons. One whose credential the service
    /// refuses is none: watches for it are accepted, and polled once that is mended.
    pub projects: Vec<ProjectShape>,
}

/// The process serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AliveShape {
    /// The daemon's version.
    pub version: String,
}
