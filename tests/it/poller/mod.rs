//! The polling loop under paused time, asked through an in-memory service.

mod confirmation;
mod credential;
pub(crate) mod harness;
mod held;
mod learned;
mod limits;
mod one_job;
mod resumed;
mod several_jobs;
