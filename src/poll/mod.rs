//! When to ask, and what an answer means.

mod deadline;
mod exponential;
mod poller;
mod schedule;
mod verdict;

pub use deadline::Deadline;
pub use exponential::{Backoff, BackoffSpec, InvalidBackoff};
pub use poller::{Misconfigured, Poller, WatchSpec};
pub use schedule::Schedule;
pub use verdict::{Context, Verdict, judge};
