//! Several engines on one database.

mod harness;
mod orders;
mod shares;
mod taking_over;
