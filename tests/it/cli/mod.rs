//! The command from outside: the binary as a child process, against a simulated service.

mod check;
mod commands;
mod control;
mod credentials;
mod dates;
mod encodings;
mod exit_codes;
mod harness;
mod history;
mod hooks;
mod input;
mod migrate;
mod misbehavior;
mod options;
mod output;
mod place;
mod profiles;
mod raw_service;
mod receiver;
mod secrets;
mod tls;
mod transient;
