//! The control API, metrics and health, over a Unix socket and, with a token, over TCP.

mod accept;
mod ask;
mod cluster;
mod control_socket;
mod convert;
mod deliveries;
mod description;
mod door;
mod events;
mod job_types;
mod listen;
mod orders;
mod patient;
mod problem;
mod serve;
pub mod shapes;
mod state;
mod watches;

pub use listen::{ListenError, Listeners};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::clock::Clock;
use crate::engine::{Engine, Told};

/// What the server works with.
pub struct ServerParts {
    /// Whom it asks, and tells.
    pub engine: Engine,
    /// What it shows under `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// What happens, for event streams; those that are too slow miss some.
    pub events: broadcast::Sender<Told>,
    /// Whether the daemon is draining.
    pub draining: CancellationToken,
    /// How many connections are served at once; half of them may be event streams.
    pub max_connections: usize,
    /// How long a request may take to come in, and its answer to be made; how long a connection may
    /// be idle; and how long a client may read nothing of what it is sent.
    pub request_timeout: Duration,
}

/// What all requests are answered from.
type App = Arc<Shared>;

struct Shared {
    engine: Engine,
    /// When the server began.
    since: SystemTime,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    events: broadcast::Sender<Told>,
    draining: CancellationToken,
    /// Ends event streams.
    stop: CancellationToken,
    /// How many more of them there may be.
    streams: Arc<Semaphore>,
    /// How many more batches of watches are read and accepted at once: each may take a dozen megabytes.
    batches: Arc<Semaphore>,
    /// How many more connections there may be.
    seats: Arc<Semaphore>,
    /// How many there may be in all.
    most: usize,
    /// In OpenAPI.
    description: Arc<str>,
}

impl Shared {
    /// Connections that are being served.
    fn connections(&self) -> usize {
        self.most - self.seats.available_permits()
    }
}
