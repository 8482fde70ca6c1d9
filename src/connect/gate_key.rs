//! What limits and refusals belong to.

use reqwest::Url;

use crate::auth::Given;

/// One credential, by its files, at one server. The sources of credentials that the environment names count
/// as one credential. What one server says about a credential is no concern of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GateKey {
    credential: Given,
    /// Scheme, host and port; `None` until the credential's source has named the region.
    server: Option<String>,
}

impl GateKey {
    /// The key for a credential at the server of `endpoint`, whose path doesn't matter.
    #[must_use]
    pub fn new(credential: &Given, endpoint: Option<&Url>) -> Self {
        Self {
            credential: credential.clone(),
            server: endpoint.map(|url| url.origin().ascii_serialization()),
        }
    }

    /// The credential's files.
    #[must_use]
    pub fn credential(&self) -> &Given {
        &self.credential
    }
}
