//! What holds requests back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sanitize::ForeignText;

/// The kind of a hold. New values may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The service refuses the credential.
    CredentialRefused,
    /// The service asks for fewer requests.
    RateLimit,
    /// Another one, of a later version.
    #[serde(other)]
    Other,
}

/// What holds requests back, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldShape {
    /// The kind of the hold.
    pub reason: HoldReason,
    /// The reason as text, with the service's own words.
    #[schema(value_type = String)]
    pub message: ForeignText,
    /// The earliest time of the next request.
    #[schema(format = "date-time")]
    pub until: String,
}
