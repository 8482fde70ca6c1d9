//! The commands that talk to the daemon: against a stand-in that answers as it is told, and against
//! the daemon itself.

mod client;
mod cluster;
mod deliveries;
mod history;
mod large;
mod real;
pub(super) mod stand_in;
mod waiting;
mod watches;
