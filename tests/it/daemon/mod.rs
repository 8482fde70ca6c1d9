//! The daemon from outside: the binary as a child process, with real sockets and a real database,
//! against a simulated service.

mod cluster;
mod crash;
mod descriptors;
mod foreign;
pub(crate) mod harness;
mod held_back;
mod hooks;
mod notify;
mod readiness;
pub(crate) mod receiver;
mod refusals;
mod reload;
mod restarts;
mod stalled;
mod store;
mod watches;
