//! Reports panics on standard error without waiting for its reader, as Rust's own hook does.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;
use std::thread;

use super::streams::stderr;

/// Replaces Rust's hook, which blocks the thread that panicked until its report is read.
pub(crate) fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let backtrace = Backtrace::capture();
        let trace = match backtrace.status() {
            BacktraceStatus::Captured => format!("\nstack backtrace:\n{backtrace}"),
            _ => String::new(),
        };
        stderr().log(format!("thread '{name}' {info}{trace}\n"));
    }));
}
