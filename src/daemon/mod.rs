//! The service: configured, running, draining; and the control API that people and programs talk to
//! it by.

pub mod http;
mod metrics;

pub use metrics::Metrics;
