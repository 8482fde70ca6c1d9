//! The commands that talk to the daemon, against a stand-in that answers as it is told.

mod client;
mod deliveries;
mod stand_in;
mod waiting;
mod watches;
