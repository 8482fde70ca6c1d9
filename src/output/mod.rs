//! Everything that the process writes to readers that may stall: standard output, standard error,
//! the journal, the service manager.
//!
//! Each destination has a bounded queue and a writer thread; no other thread blocks on a reader. When a
//! queue is full, the oldest log lines are dropped and counted, and producers of results wait.

mod fd;
mod panics;
mod queue;
mod streams;
mod writer;

pub(crate) use panics::report_panics;
pub(crate) use queue::{Kind, dropped_text};
pub(crate) use streams::{LogWriter, report_dropped_lines_by, stderr, stdout};
pub(crate) use writer::{Delivery, Destination, Writer};
