//! Several engines on one database.

mod harness;
mod orders;
mod relay;
mod shares;
mod taking_over;
