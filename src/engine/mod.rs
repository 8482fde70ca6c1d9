//! Runs one poller per watch, stores what becomes of them, and carries out what is owed for it.

mod accepting;
mod active;
mod barrier;
mod dispatcher;
mod ending;
mod health;
mod history;
mod holds;
mod known;
mod leases;
mod moods;
mod names;
mod orders;
mod polling;
mod recorder;
mod seen;
mod service;
mod setup;
mod shared;
mod supervisor;
mod told;
mod wait;
mod wall_clock;

pub use dispatcher::{Dispatcher, DispatcherParts, Retries};
pub use health::{ClusterHealth, Health, ProjectHealth};
pub use holds::Hold;
pub use leases::{Membership, Tenure};
pub use orders::{AcceptError, Accepted, Heard, Order, Refused};
pub use recorder::Recorder;
pub use service::Engine;
pub use setup::{Parts, Project, Setup};
pub use told::{Teller, Told, span};
pub use wait::{Until, WaitResult, WaitSpec, wait};

/// Comes back at that time; never, where there is none.
async fn reached(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Answers whoever asked, and may not care any more.
fn answer<T>(reply: tokio::sync::oneshot::Sender<T>, what: T) {
    drop(reply.send(what));
}

/// The answer, or none for ever: a task that has failed shows no more signs of life, and what it
/// held was not stored.
async fn answered<T>(reply: tokio::sync::oneshot::Receiver<T>) -> T {
    match reply.await {
        Ok(answer) => answer,
        Err(_) => std::future::pending().await,
    }
}
