//! The plumbing under every request: TLS, proxies, limits, and what can go wrong on the way.
//! It knows nothing of what is asked.

mod body;
mod client;
mod descriptors;
mod error_body;
mod origin;
mod pool;
mod tls;
mod transient;
mod trouble;

pub use client::{Client, Connector, Incoming, Reply, Route};
pub use descriptors::{
    RETRY_INTERVAL, client_connections, free_descriptors, is_out_of_descriptors,
    server_connections, with_descriptor,
};
pub use error_body::ErrorBody;
pub use origin::Origin;
pub use tls::TlsError;
pub use transient::is_transient_status;
pub use trouble::{Trouble, TroubleKind};

/// The largest body that is read, in bytes. The service's own have under a kilobyte.
pub const MAX_BODY: usize = 1024 * 1024;
