//! Credentials: where they come from, in which order, and how a request is signed with them.
//! It knows nothing of jobs.

mod chain;
mod credential;
mod error;
mod found;
mod provider;
pub mod sign;
mod sources;
#[cfg(test)]
mod testing;

pub use chain::{Chain, Considered, Verdict};
pub use credential::{Credential, KeyPair};
pub use error::{AuthError, Considerations, ProfileFault, Service};
pub use found::{Found, Source};
pub use provider::Provider;
pub use sources::{Family, Given};
