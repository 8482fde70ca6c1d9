//! The control API on real sockets, before a real engine with an in-memory service and store.

mod bad_input;
mod client;
mod deliveries;
mod events;
mod harness;
mod job_types;
mod limits;
mod sockets;
mod state;
mod store;
mod token;
mod watches;
