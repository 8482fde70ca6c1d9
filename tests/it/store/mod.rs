//! Stores: what all of them promise, and what SQLite alone can do wrong.

mod child;
mod contract;
mod crash;
mod full_disk;
mod opening;
mod samples;
mod sqlite;
mod upgrading;
