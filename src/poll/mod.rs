//! When to ask, and what an answer means.

mod control;
mod deadline;
mod exponential;
mod held;
mod learned;
mod leave;
mod outlook;
mod poller;
mod renewal;
mod schedule;
mod subject;
mod telling;
mod verdict;

pub use control::Control;
pub use deadline::Deadline;
pub use exponential::{Backoff, BackoffSpec, Interval, InvalidBackoff};
pub use learned::{DelayPerRequest, Experience, InvalidDelayPerRequest, Learned};
pub use outlook::{ScheduleSpec, age_of};
pub use poller::{Misconfigured, Poller, WatchSpec};
pub use schedule::Schedule;
pub use subject::Subject;
pub use verdict::{Context, FinalAnswer, Verdict, judge};
