//! Runs one poller per watch.

mod supervisor;

pub use supervisor::{Until, WaitResult, WaitSpec, wait};
