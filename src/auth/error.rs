//! Why there is no credential.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::found::Source;
use super::sign::SignError;
use crate::http::{TlsError, Trouble, is_transient_status};
use crate::model::InvalidId;
use crate::sanitize::ForeignText;
use crate::secret::SecretFileError;

/// Why there is no credential. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No source has any.
    #[error(
        "no credentials: {0}; set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give --ak-file and --sk-file"
    )]
    Nowhere(Considerations),
    /// The source that the credential came from has it no more.
    #[error("{source_of} has no credentials any more: {why}")]
    Gone {
        /// The source.
        source_of: Source,
        /// What it says now.
        why: ForeignText,
    },
    /// Options that only work together.
    #[error("{missing} is missing, without which the other secret files can't be used; give both")]
    MissingOption {
        /// The options that are needed as well.
        missing: &'static str,
    },
    /// Options that exclude each other.
    #[error(
        "--auth-token-file and the files of an access key are two kinds of credentials; give only one kind"
    )]
    TwoKinds,
    /// Variables that only work together.
    #[error("{set} is set, but {missing} isn't; set that as well, or neither")]
    MissingVariable {
        /// One that is set.
        set: &'static str,
        /// What is needed as well.
        missing: &'static str,
    },
    /// A variable's value can't be used.
    #[error("{name} {why}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong, and what to set instead.
        why: ForeignText,
    },
    /// Something that should name the project doesn't.
    #[error("{of} is no project ID: {why}; copy the ID from \"My Credentials\" of the console")]
    ProjectId {
        /// What holds the value.
        of: ForeignText,
        /// What is wrong with it.
        why: InvalidId,
    },
    /// The credential can't be sent.
    #[error("{source_of}: {why}")]
    Unsendable {
        /// Where it was found.
        source_of: Source,
        /// What is wrong with it.
        why: SignError,
    },
    /// The file of a secret.
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    /// A profile file that can't be used.
    #[error("{path}: {why}", path = ForeignText::path(path))]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: ProfileFault,
    },
    /// The ID token of OIDC can't be read.
    #[error(
        "can't read the ID token {path}: {why}; check HUAWEICLOUD_OIDC_TOKEN_FILE",
        path = ForeignText::path(path)
    )]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: ForeignText,
    },
    /// There is nothing to trust the security token service by.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The service that gives out temporary keys gives no whole answer.
    #[error("can't ask the {service} for credentials: {trouble}; {advice}", advice = advice(trouble))]
    NoAnswer {
        /// The service.
        service: Service,
        /// What happened.
        trouble: Trouble,
    },
    /// The service that gives out temporary keys refuses to.
    #[error("the {service} refuses credentials: HTTP {status}{message}; {advice}", advice = service.advice())]
    Refused {
        /// The service.
        service: Service,
        /// The HTTP status.
        status: u16,
        /// Its own words, if it has any, after a colon.
        message: ForeignText,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service that gives out temporary keys answers something else.
    #[error("the answer of the {service} holds no credentials: {why}; {advice}", advice = service.advice())]
    Unreadable {
        /// The service.
        service: Service,
        /// What is wrong with it.
        why: ForeignText,
    },
    /// The source was asked a moment ago, and this came of it.
    #[error(transparent)]
    Repeated(Arc<AuthError>),
}

/// What is wrong with a file of profiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileFault {
    /// A line of an INI file that is none.
    #[error("line {0} is neither a [section], nor key = value, nor a comment; correct it")]
    Line(usize),
    /// No such section.
    #[error("there is no section [basic]; write ak and sk below a line [basic]")]
    NoSection,
    /// A key of the INI file is missing or empty.
    #[error("section [basic] has no {0}; add a line {0} = ...")]
    NoKey(&'static str),
    /// The IAM endpoint is none.
    #[error("iam_endpoint is no http or https URL; write one like https://iam.myhuaweicloud.com")]
    IamEndpoint,
    /// Broken JSON, or JSON of another shape.
    #[error("line {line}, column {column} is not what KooCLI writes; run: hcloud configure init")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The current profile isn't there.
    #[error(
        "the current profile {name:?} is not among {known:?}; choose one with: hcloud configure set --cli-profile=NAME"
    )]
    NoProfile {
        /// The current one.
        name: ForeignText,
        /// Those that are there.
        known: Vec<ForeignText>,
    },
    /// KooCLI has encrypted the keys.
    #[error(
        "the keys of profile {0:?} are encrypted, which only KooCLI can undo; store them in the clear with: hcloud configure set --cli-auth-encrypt=false"
    )]
    Encrypted(ForeignText),
    /// A profile that holds no key pair of its own.
    #[error(
        "profile {profile:?} authenticates by {mode:?}, and only AKSK can be used from here; choose another profile or another source"
    )]
    Mode {
        /// The profile.
        profile: ForeignText,
        /// How it authenticates.
        mode: ForeignText,
    },
    /// A key of the profile is missing or empty.
    #[error(
        "profile {profile:?} has no {key}; run: hcloud configure set --cli-profile={profile:?} --cli-access-key=... --cli-secret-key=..."
    )]
    NoMember {
        /// The profile.
        profile: ForeignText,
        /// What is missing.
        key: &'static str,
    },
}

/// The services that give out temporary keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The metadata service of a cloud server.
    Metadata,
    /// The security token service.
    Sts,
}

impl Service {
    fn advice(self) -> &'static str {
        match self {
            Self::Metadata => "check the agency of this server, or set HUAWEICLOUD_SDK_AK and _SK",
            Self::Sts => {
                "check HUAWEICLOUD_OIDC_PROVIDER_URN and _AGENCY_URN, the agency's trust policy, and that the ID token is fresh"
            }
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata service",
            Self::Sts => "security token service",
        })
    }
}

fn advice(trouble: &Trouble) -> &'static str {
    if trouble.is_transient() {
        "check the network, or set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"
    } else {
        "an authority of your own is trusted with --ca-file"
    }
}

/// The names of the sources that were looked at, and why each has no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considerations(pub Vec<(&'static str, ForeignText)>);

impl fmt::Display for Considerations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, why)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{name} ({why})")?;
        }
        Ok(())
    }
}

impl AuthError {
    /// The HTTP status with which a service refused to give out keys, where one did.
    #[must_use]
    pub fn refused_with(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Repeated(error) => error.refused_with(),
            _ => None,
        }
    }

    /// How long the service asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Repeated(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether it is a transient error: asking again later makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer { trouble, .. } => trouble.is_transient(),
            Self::Refused { status, .. } => is_transient_status(*status),
            Self::Unreadable { .. } => true,
            Self::Gone { source_of, .. } => *source_of == Source::Metadata,
            Self::Repeated(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether it is a transient error of a service that has given credentials before. What answers
    /// in its place with a redirect, an unknown path or another certificate is something on the way.
    #[must_use]
    pub fn is_transient_once_answered(&self) -> bool {
        match self {
            Self::NoAnswer { .. }
            | Self::Refused {
                status: 300..=399 | 404,
                ..
            } => true,
            Self::Repeated(error) => error.is_transient_once_answered(),
            other => other.is_transient(),
        }
    }

    /// Whether it is about this machine: options, variables and files. No service's answer is, and
    /// neither is a file that the system can't read now.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Nowhere(_)
            | Self::Gone { .. }
            | Self::NoAnswer { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. } => false,
            Self::Unsendable { source_of, .. } => {
                !matches!(source_of, Source::Metadata | Source::Oidc)
            }
            Self::Repeated(error) => error.is_local(),
            Self::SecretFile(error) => !error.is_temporary(),
            _ => true,
        }
    }
}
