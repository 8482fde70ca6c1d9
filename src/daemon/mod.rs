//! The service: configured, running, draining; and the control API that people and programs talk to
//! it by.

mod care;
mod condition;
pub mod http;
mod journal;
mod logging;
mod metrics;
mod notify;
mod orders;
mod process;
mod reload;
mod run;
mod sessions;
mod stores;

pub use metrics::Metrics;
pub(crate) use stores::Opened;

pub use run::{Asked, DaemonError, Ended, Start, run};
