//! The dispatcher: carries deliveries out, again and again if it must, until each has arrived or is
//! dead. Each hook has its own queue, so that a slow receiver holds up nobody else.

mod attempt;
mod queues;
mod retries;
mod task;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::answered;
use super::leases::Tenure;
use super::recorder::Recorder;
use super::told::Teller;
use crate::clock::Clock;
use crate::hooks::Configured;
use crate::model::{Delivery, DeliveryId, Fence, Meter, WatchId};
use crate::store::Store;
pub use retries::Retries;
use task::{Command, Task};

/// What a dispatcher works with.
pub struct DispatcherParts {
    /// Where deliveries are kept.
    pub store: Arc<dyn Store>,
    /// Writes what comes of them.
    pub recorder: Recorder,
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// Takes measurements.
    pub meter: Arc<dyn Meter>,
    /// Is told of attempts.
    pub teller: Teller,
    /// When to try again.
    pub retries: Retries,
    /// Until when what it has taken on is its own: nothing is tried after that.
    pub tenure: Tenure,
    /// The seed of all jitter.
    pub seed: u64,
}

/// A handle on the dispatcher's task, which ends with the last handle.
#[derive(Clone)]
pub struct Dispatcher {
    commands: UnboundedSender<Command>,
    count: Arc<AtomicUsize>,
}

impl Dispatcher {
    /// Starts it, with nothing to do and no hooks.
    #[must_use]
    pub fn start(parts: DispatcherParts) -> Self {
        let (sender, commands) = unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(Task::new(parts, Arc::clone(&count)).run(commands));
        Self {
            commands: sender,
            count,
        }
    }

    /// Replaces the hooks. Attempts under way go on as they began. A delivery whose hook is gone is
    /// tried in vain until the hook is back or the delivery is dead. A hook whose receiver wanted no
    /// more is tried again.
    pub fn configure(&self, hooks: Vec<Configured>) {
        self.send(Command::Configure(hooks));
    }

    /// Takes on deliveries that are stored, each when it is due. One that it has already is tried
    /// when it is due now.
    pub fn take_on(&self, deliveries: Vec<Delivery>) {
        self.send(Command::TakeOn(deliveries));
    }

    /// Takes on those of the deliveries that it doesn't have already.
    pub fn adopt(&self, deliveries: Vec<Delivery>) {
        self.send(Command::Adopt(deliveries));
    }

    /// How many it has taken on that are neither delivered nor dead.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Gives up at most so many deliveries, none of which is under way. Says which, and under which
    /// fences it had them; none, where it has stopped.
    pub async fn release(&self, most: usize) -> Vec<(DeliveryId, Fence)> {
        let (reply, released) = oneshot::channel();
        self.send(Command::Release(most, reply));
        released.await.unwrap_or_default()
    }

    /// Lets go of everything that isn't under way, and comes back once nothing of it will be tried.
    pub async fn let_go(&self) {
        let (reply, gone) = oneshot::channel();
        self.send(Command::LetGo(reply));
        drop(gone.await);
    }

    /// Comes back once nothing is pending for the watch any more: all is delivered or dead. Counts
    /// what was taken on before; comes back as well when the dispatcher has stopped.
    pub async fn settled(&self, watch_id: WatchId) {
        let (reply, settled) = oneshot::channel();
        self.send(Command::Settled(watch_id, reply));
        drop(settled.await);
    }

    /// Comes back once the task has shown that it goes on; never, where it has stopped.
    pub async fn pulse(&self) {
        let (reply, pulse) = oneshot::channel();
        self.send(Command::Pulse(reply));
        answered(pulse).await;
    }

    /// Begins no more attempts, and comes back once those under way have ended and are stored, or
    /// that time has passed. What is left stays in the store.
    pub async fn stop(&self, within: Duration) {
        let (reply, stopped) = oneshot::channel();
        self.send(Command::Stop(within, reply));
        drop(stopped.await);
    }

    /// A task that has stopped does nothing more.
    fn send(&self, command: Command) {
        drop(self.commands.send(command));
    }
}
