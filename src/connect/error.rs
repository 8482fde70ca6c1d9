//! Why there is no connection.

use crate::api::{EndpointError, ProjectError};
use crate::auth::AuthError;
use crate::http::TlsError;
use crate::model::InvalidId;

/// Why there is no connection. Texts of servers are in some of the messages: they are to be cleaned
/// before a person sees them.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no usable credential.
    #[error(transparent)]
    Credential(#[from] AuthError),
    /// An address is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// There is nothing to trust the service by.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Neither an address is known, nor a region that has one.
    #[error(
        "no region is given; name it with --region or DCS_WAIT_REGION (such as cn-north-4), or give the address with --endpoint"
    )]
    NoRegion,
    /// Neither a project is known, nor a name to look it up by.
    #[error(
        "no project is given, and no region to look it up by; give it with --project-id or DCS_WAIT_PROJECT_ID"
    )]
    NoProject,
    /// What should be a project's ID isn't.
    #[error("{text:?} is no project ID: {why}; it is on the console's page \"My Credentials\"")]
    ProjectId {
        /// What was given, cut where it is long.
        text: String,
        /// What is wrong with it.
        why: InvalidId,
    },
    /// The project can't be looked up.
    #[error(transparent)]
    Project(#[from] ProjectError),
}

impl ConnectError {
    /// Whether the same may well go better in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Credential(error) => error.is_passing(),
            Self::Project(error) => error.is_passing(),
            _ => false,
        }
    }

    /// Whether a service refused the credential. Asking often with such a one locks its key.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let status = match self {
            Self::Credential(error) => error.refused_with(),
            Self::Project(ProjectError::Refused(fault)) => fault.http_status,
            _ => None,
        };
        matches!(status, Some(401 | 403))
    }
}
