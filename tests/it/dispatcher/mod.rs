//! The dispatcher with a real recorder and a store in memory, in paused time.

mod harness;
mod hooks;
mod retries;
mod stopping;
