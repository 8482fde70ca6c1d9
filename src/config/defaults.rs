//! What holds where the file says nothing. `config/dcs-wait.toml` shows all of it.

use std::time::Duration;

pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than the longest job that is known, and short enough that one that the service has
/// forgotten, but goes on answering for, isn't asked for until somebody happens to look.
pub(super) const TIMEOUT: Duration = Duration::from_secs(24 * 3600);
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
pub(super) const NOT_FOUND_GRACE: Duration = Duration::from_secs(30);
pub(super) const MENDING_GRACE: Duration = Duration::from_secs(15 * 60);
pub(super) const NOT_FOUND_CODES: [&str; 6] = [
    "DCS.4133", "DCS.4031", "DCS.4232", "DCS.4941", "DCS.4942", "DCS.4988",
];

pub(super) const MAX_RPS: f64 = 10.0;
pub(crate) const MAX_IN_FLIGHT: u32 = 64;

pub(super) const STORE_PATH: &str = "/var/lib/dcs-wait/dcs-wait.db";
pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(super) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) const SOCKET: &str = "/run/dcs-wait/control.sock";
pub(super) const MAX_CONNECTIONS: u32 = 256;
/// Longer than the store takes to say that it can't: the answer then says why.
pub(crate) const HTTP_REQUEST_TIMEOUT: Duration = crate::store::limits::REQUEST_TIMEOUT;

pub(crate) const WEBHOOK_CONCURRENCY: u32 = 16;
pub(crate) const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);
pub(crate) const EXEC_CONCURRENCY: u32 = 4;
pub(crate) const EXEC_TIMEOUT: Duration = Duration::from_secs(60);
pub(crate) const FILE_CONCURRENCY: u32 = 1;
pub(super) const FILE_NAME: &str = "{job_id}.json";
