//! Waits for Huawei Cloud DCS jobs: polls until a job has ended and says how.
//!
//! The folders are floors: each imports only from those above it in this list, and
//! `tests/it/floors.rs` holds them to it.

// Times and durations: see clippy.toml.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod sanitize;

pub mod decode;
pub mod model;
pub(crate) mod system_error;

pub(crate) mod children;
pub mod clock;
pub mod environment;
pub(crate) mod forms;
pub(crate) mod output;
pub mod secret;

pub mod http;

pub mod auth;

pub mod api;

pub mod connect;

pub mod poll;

pub mod store;

pub mod hooks;

pub mod engine;

pub mod report;

pub mod config;

pub mod sim;

pub mod daemon;

pub mod cli;
