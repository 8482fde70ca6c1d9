//! The program from outside: the library's surface, the binary, and the floors.
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a helper of a test fails the test"
)]

mod cli;
mod config;
mod daemon;
mod dispatcher;
mod engine;
mod floors;
mod hooks;
mod http;
mod origin;
mod poller;
mod postgres;
mod scripted;
mod sim;
mod store;
