//! What a service said of a credential, as it is kept over restarts.

use std::time::{Duration, SystemTime};

use super::Fault;

/// A service refuses a credential, or wants fewer requests with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialHold {
    /// Identifies the credential at an endpoint, and reveals neither.
    pub key: String,
    /// What the service said.
    pub reason: HoldReason,
    /// Until when nothing is sent.
    pub until: SystemTime,
}

/// What a service said of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// It refuses it, in these words.
    Refused(Fault),
    /// It wants fewer requests: this many in this time, where it named a limit.
    Throttled(Option<(u32, Duration)>),
}

/// A change of what is stored about a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldChange {
    /// A service said this; it replaces what it said before of the same kind.
    Held(CredentialHold),
    /// The service accepts the credential.
    Accepted {
        /// Which, as [`CredentialHold::key`] has it.
        key: String,
    },
    /// The user wants requests to be sent now.
    Lifted {
        /// With which credentials.
        keys: Vec<String>,
    },
}
