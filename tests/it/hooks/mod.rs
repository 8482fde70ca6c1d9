//! Hooks, made as the configuration asks for them, and what arrives.

mod exec;
mod file;
mod harness;
mod make;
mod receiver;
mod webhook;
