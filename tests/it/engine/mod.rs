//! The engine under paused time, with jobs, hooks and a store that do as they are told.

mod accepting;
mod cluster;
mod configuring;
mod ending;
mod harness;
mod history;
mod learning;
mod mishaps;
mod polling;
mod recorder;
mod restoring;
mod rows;
mod store;
mod waiting;
mod wall_clock;
