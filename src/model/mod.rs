//! The nouns of the program: jobs, watches, how they end. No I/O, no clocks.

use std::future::Future;
use std::pin::Pin;

mod durations;
mod event;
mod exit;
mod fault;
mod hold;
mod id;
mod job;
mod lease;
mod meter;
mod outcome;
mod short;
mod watch;

pub use durations::{
    Durations, Estimate, KEPT_DURATIONS, LONGEST_LEARNED, Ran, Ranked, begin_tolerance,
};
pub use event::{WatchEvent, WatchEventKind};
pub use exit::Exit;
pub use fault::{Fault, TOKEN_ADVICE};
pub use hold::{CredentialHold, HoldChange, HoldReason};
pub use id::{
    DeliveryId, HookName, InvalidId, InvalidUuid, JobId, ProjectId, ProjectName, WatchId,
};
pub use job::{Job, JobStatus, JobType};
pub use lease::Fence;
pub use meter::{Meter, NoMeter};
pub use outcome::{Outcome, WatchReport};
pub use watch::{Answers, Attempt, Delivery, DeliveryState, End, Progress, Watch, WatchRecord};

/// A future on the heap: dropped with what it did, so that whoever sleeps holds none of it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
