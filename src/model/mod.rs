//! The nouns of the program: jobs, watches, how they end. No I/O, no clocks.

mod event;
mod exit;
mod fault;
mod id;
mod job;
mod outcome;

pub use event::{WatchEvent, WatchEventKind};
pub use exit::Exit;
pub use fault::Fault;
pub use id::{InvalidId, JobId, ProjectId};
pub use job::{Job, JobStatus};
pub use outcome::{Outcome, WatchReport};
