//! Stores: what all of them promise, and what SQLite alone can do wrong.

mod contract;
mod samples;
