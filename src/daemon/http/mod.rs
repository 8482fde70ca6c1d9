//! The control API, metrics and health, over a Unix socket and, with a token, over TCP.

pub mod shapes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::engine::{Engine, Told};
use crate::secret::Secret;

/// What the server works with.
pub struct ServerParts {
    /// Whom it asks, and tells.
    pub engine: Engine,
    /// What it shows under `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What happens, for event streams; those that are too slow miss some.
    pub events: broadcast::Sender<Told>,
    /// Whether the daemon is draining.
    pub draining: CancellationToken,
    /// How many connections are served at once.
    pub max_connections: usize,
    /// How long a request may take to come in, and its answer to be made.
    pub request_timeout: Duration,
}

/// Where the server listens. Bound before anything else is ready, so that errors come early.
pub struct Listeners;

/// Why there is no listening there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ListenError(String);

impl Listeners {
    /// Listens on a Unix socket, with mode 0660, and on a TCP address, where one is given, for those
    /// who have the token. A socket file that nobody answers on is taken over.
    ///
    /// # Errors
    /// When somebody answers on the socket, or a place can't be had.
    pub async fn bind(
        socket: PathBuf,
        tcp: Option<(SocketAddr, Secret)>,
    ) -> Result<Self, ListenError> {
        _ = tcp;
        Err(ListenError(socket.display().to_string()))
    }

    /// The TCP address that is listened on: the one to ask for where port 0 was given.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Serves until `stop`, then answers what was asked before, for `request_timeout` at most; ends
    /// event streams; and removes the socket file.
    pub async fn serve(self, parts: ServerParts, stop: CancellationToken) {
        _ = parts;
        stop.cancelled().await;
    }
}
