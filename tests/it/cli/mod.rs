//! The command from outside: the binary as a child process, against a simulated service.

mod check;
mod commands;
mod control;
mod credentials;
mod dates;
mod encodings;
mod exit_codes;
pub(crate) mod foreign;
mod harness;
mod history;
mod hook_timeout;
mod hooks;
mod input;
mod migrate;
mod misbehavior;
mod options;
mod output;
mod place;
mod process;
mod profiles;
mod receiver;
mod secrets;
mod stalled;
pub(crate) mod streams;
mod tls;
mod transient;
