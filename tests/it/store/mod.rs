//! Stores: what all of them promise, and what SQLite alone can do wrong.

mod child;
mod contract;
pub(crate) mod copying;
mod crash;
mod full_disk;
mod in_place;
mod leases;
mod opening;
mod postgres;
mod reaching;
pub(crate) mod samples;
mod sqlite;
mod unfinished;
mod upgrading;
