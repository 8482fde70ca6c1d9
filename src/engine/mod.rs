//! Runs one poller per watch, stores what becomes of them, and carries out what is owed for it.

mod dispatcher;
mod recorder;
mod service;
mod supervisor;
mod told;

pub use dispatcher::{Dispatcher, DispatcherParts, Retries};
pub use recorder::Recorder;
pub use service::{
    AcceptError, Accepted, Engine, Health, Heard, Order, Parts, Project, ProjectHealth, Setup,
};
pub use supervisor::{Until, WaitResult, WaitSpec, wait};
pub use told::{Teller, Told};
