//! The daemon's configuration: a file of tables and keys becomes one validated [`Config`].

pub(crate) mod defaults;
mod error;
mod hook;
mod keys;
mod parse;
mod project;
mod read;
mod store;
pub(crate) mod values;
mod watch;

pub(crate) use keys::instead;
pub(crate) use store::{check_url, host_name};

pub use error::{ConfigError, ConfigErrors, Place};
pub use store::{PostgresConfig, StoreConfig, StorePlace};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::auth::Given;
use crate::connect::{self, Plan};
use crate::environment::Environment;
use crate::hooks::HookSpec;
use crate::model::{HookName, JobId, ProjectId, ProjectName};
use crate::poll::{Backoff, ScheduleSpec};

/// Everything that a daemon is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The projects that jobs are looked for in, at least one, each name once.
    pub projects: Vec<ProjectConfig>,
    /// How jobs are polled.
    pub poll: PollConfig,
    /// What the service is spared.
    pub limits: Limits,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// The control API.
    pub http: HttpConfig,
    /// The hooks, each name once.
    pub hooks: Vec<HookSpec>,
    /// Jobs that are watched from the start on.
    pub watches: Vec<WatchConfig>,
    /// How the daemon lives and ends.
    pub daemon: DaemonConfig,
}

/// A project that jobs are looked for in.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectConfig {
    /// What it is called here.
    pub name: ProjectName,
    /// Its region, such as `cn-north-4`.
    pub region: Option<String>,
    /// The DCS endpoint, instead of the region's public one.
    pub endpoint: Option<Url>,
    /// Its ID; looked up at IAM where it isn't given.
    pub project_id: Option<ProjectId>,
    /// Files with the credential; where there are none, the sources that the command line has.
    pub credential: Given,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl ProjectConfig {
    /// How to connect to it. Where it is, only the configuration says: one variable can't be right
    /// for several projects.
    #[must_use]
    pub fn plan(&self, request_timeout: Duration, environment: Arc<dyn Environment>) -> Plan {
        Plan {
            place: connect::Place {
                region: self.region.clone(),
                endpoint: self.endpoint.clone(),
                project_id: self.project_id.clone(),
            },
            given: self.credential.clone(),
            ca_file: self.ca_file.clone(),
            request_timeout,
            environment,
        }
    }
}

/// How jobs are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct PollConfig {
    /// How requests follow each other while a job goes on.
    pub schedule: ScheduleSpec,
    /// The intervals between requests, exponential ones and those after failures.
    pub backoff: Backoff,
    /// How long a watch lasts unless it says otherwise; `None` for no limit.
    pub timeout: Option<Duration>,
    /// How long a job may stay unknown.
    pub not_found_grace: Duration,
    /// How long a refused credential or a wrong endpoint may be mended before it ends watches.
    pub mending_grace: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Codes of answers of 400 that mean that there is no such job.
    pub not_found_codes: Vec<String>,
}

/// What the service is spared, by all watches under one credential together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests per second.
    pub max_rps: f64,
    /// Requests under way at once, at least 1.
    pub max_in_flight: usize,
}

/// The control API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// The Unix socket.
    pub socket: PathBuf,
    /// An address to listen on as well; only with a token.
    pub listen: Option<SocketAddr>,
    /// The file with the bearer token that is asked for on `listen`.
    pub token_file: Option<PathBuf>,
    /// How many connections are served at once, of all listeners together.
    pub max_connections: usize,
    /// How long a client may take to send a request, and an answer may take to be made.
    pub request_timeout: Duration,
}

/// A job that is watched from the start on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// In which project; the only one, where there is one.
    pub project: Option<ProjectName>,
    /// Which job.
    pub job_id: JobId,
    /// The hooks to fire; the default ones, where none is named.
    pub hooks: Option<Vec<HookName>>,
    /// How long to wait, where it is said; `Some(None)` for no limit.
    pub timeout: Option<Option<Duration>>,
}

/// How the daemon lives and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonConfig {
    /// How long deliveries may still take once it is to end.
    pub drain_timeout: Duration,
    /// Where logs go.
    pub log: LogTarget,
    /// What is logged.
    pub log_level: LogLevel,
}

/// Where logs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// To the journal where standard error is connected to it, and to standard error otherwise.
    Auto,
    /// To the journal, with fields.
    Journal,
    /// To standard error, as lines.
    Stderr,
}

/// What is logged: this and all that is graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What keeps the daemon from its work.
    Error,
    /// What somebody should look at.
    Warn,
    /// Starts, ends, reloads; the end of each watch.
    Info,
    /// Each request.
    Debug,
}
