//! Why there is no connection.

use std::time::Duration;

use crate::api::{EndpointError, ProjectError};
use crate::auth::AuthError;
use crate::http::TlsError;
use crate::model::InvalidId;
use crate::sanitize::ForeignText;

/// Why there is no connection.
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
        text: ForeignText,
        /// What is wrong with it.
        why: InvalidId,
    },
    /// The project can't be looked up.
    #[error(transparent)]
    Project(#[from] ProjectError),
}

impl ConnectError {
    /// Whether it is a transient error of a service that was asked.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Credential(error) => error.is_transient(),
            Self::Project(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether it is about options, configuration, variables or files of this machine. No answer of a
    /// service is, and neither is the lack of credentials: a metadata service may come up later.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Credential(error) => error.is_local(),
            Self::Project(_) => false,
            Self::Endpoint(_)
            | Self::Tls(_)
            | Self::NoRegion
            | Self::NoProject
            | Self::ProjectId { .. } => true,
        }
    }

    /// How long the service that was asked wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Credential(error) => error.retry_after(),
            Self::Project(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether a service refused the credential. Asking often with such a one locks its key.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let status = match self {
            Self::Credential(error) => error.refused_with(),
            Self::Project(error) => error.refused_with(),
            _ => None,
        };
        matches!(status, Some(401 | 403))
    }
}
