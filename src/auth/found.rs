//! A credential together with where it was found and what else stood there.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use reqwest::Url;

use super::credential::Credential;
use super::sources::Family;
use crate::model::ProjectId;
use crate::sanitize::ForeignText;

/// A credential, and what its source says besides.
#[derive(Debug, Clone)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Where it was found.
    pub source: Source,
    /// The project that the source names.
    pub project_id: Option<ProjectId>,
    /// The region that the source names.
    pub region: Option<ForeignText>,
    /// The project's name (`HW_PROJECT_NAME`); for most projects it is the region's.
    pub project_name: Option<ForeignText>,
    /// The IAM endpoint that the source names.
    pub iam_endpoint: Option<Url>,
    /// When the credential ends, where that is known.
    pub expires_at: Option<SystemTime>,
}

/// The places that credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Files given as options.
    Files,
    /// Variables of one family of names.
    Environment(Family),
    /// The vendor's INI file at this path.
    Profile(PathBuf),
    /// A profile of KooCLI, the vendor's command line.
    KooCli {
        /// Its configuration file.
        path: PathBuf,
        /// The profile's name.
        profile: ForeignText,
    },
    /// The metadata service of the cloud server that this runs on.
    Metadata,
    /// An ID token exchanged at the security token service.
    Oidc,
}

impl Found {
    /// A credential about which nothing else is known.
    pub(super) fn new(credential: Credential, source: Source) -> Self {
        Self {
            credential,
            source,
            project_id: None,
            region: None,
            project_name: None,
            iam_endpoint: None,
            expires_at: None,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.credential)?;
        if let Some(at) = self.expires_at {
            write!(f, ", valid until {}", humantime::format_rfc3339_seconds(at))?;
        }
        if let Some(project_id) = &self.project_id {
            write!(f, ", project {project_id}")?;
        }
        if let Some(name) = &self.project_name {
            write!(f, ", project name {name}")?;
        }
        if let Some(region) = &self.region {
            write!(f, ", region {region}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => f.write_str("files given as options"),
            Self::Environment(family) => write!(f, "environment ({family})"),
            Self::Profile(path) => write!(f, "profile ({})", ForeignText::path(path)),
            Self::KooCli { path, profile } => {
                write!(
                    f,
                    "KooCLI (profile {profile:?} of {})",
                    ForeignText::path(path)
                )
            }
            Self::Metadata => f.write_str("ECS metadata (the agency of this server)"),
            Self::Oidc => f.write_str("OIDC (HUAWEICLOUD_OIDC_*)"),
        }
    }
}
