//! Runs one poller per watch, stores what becomes of them, and carries out what is owed for it.

mod active;
mod dispatcher;
mod ending;
mod health;
mod history;
mod orders;
mod polling;
mod recorder;
mod service;
mod setup;
mod shared;
mod supervisor;
mod told;
mod wait;

pub use dispatcher::{Dispatcher, DispatcherParts, Retries};
pub use health::{Health, ProjectHealth};
pub use orders::{AcceptError, Accepted, Heard, Order};
pub use recorder::Recorder;
pub use service::Engine;
pub use setup::{Parts, Project, Setup};
pub use told::{Teller, Told};
pub use wait::{Until, WaitResult, WaitSpec, wait};

/// Answers whoever asked, and may not care any more.
fn answer<T>(reply: tokio::sync::oneshot::Sender<T>, what: T) {
    drop(reply.send(what));
}
