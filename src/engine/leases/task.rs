//! The task of the leases: when there is a round, and what else others want.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::Heard;
use crate::clock::{FollowingClock, SaturatingAdd as _};
use crate::engine::active::Wish;
use crate::engine::answer;
use crate::engine::shared::Shared;
use crate::engine::told::Told;
use crate::model::{Fence, WatchId};
use crate::store::{Held, Notice, SharedStore, StoreError, Wished};

/// How many rounds there are in a lease where nothing happens.
const ROUNDS: u32 = 3;

/// The least time between two rounds, however much happens.
const GAP: Duration = Duration::from_millis(50);

/// How long after a failure the next round is.
const AGAIN: Duration = Duration::from_millis(500);

/// The state of the task.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<dyn SharedStore>,
    pub(super) clock: Arc<FollowingClock>,
    heard: UnboundedReceiver<Heard>,
    /// Whether something may be held that nobody here works on.
    pub(super) astray: bool,
    /// Watches that are being given up.
    pub(super) leaving: HashMap<WatchId, Fence>,
    /// Whether all who share the limits know of this instance.
    pub(super) is_known: bool,
    /// When what others have learned is read next.
    pub(super) learn_at: Instant,
    in_trouble: bool,
    /// What goes on beside it, and ends with it.
    attendants: Vec<AbortOnDropHandle<()>>,
}

impl Task {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Arc<dyn SharedStore>,
        clock: Arc<FollowingClock>,
        heard: UnboundedReceiver<Heard>,
    ) -> Self {
        Self {
            shared,
            store,
            clock,
            heard,
            astray: false,
            leaving: HashMap::new(),
            is_known: false,
            learn_at: Instant::now(),
            in_trouble: false,
            attendants: Vec::new(),
        }
    }

    /// Has something go on beside this, and end with it.
    pub(super) fn attend(&mut self, attendant: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(attendant);
        self.attendants.push(AbortOnDropHandle::new(task));
    }

    /// Joins, and has a first round. Says what has been taken up with it.
    pub(super) async fn join(&mut self) -> Result<Held, StoreError> {
        self.store.join().await?;
        let (held, _) = self.round().await?;
        Ok(held)
    }

    pub(super) async fn run(mut self) {
        loop {
            let begun = Instant::now();
            let mut next = match self.round().await {
                Ok((_, wait)) => {
                    if std::mem::take(&mut self.in_trouble) {
                        tracing::info!("the store is reached again");
                        self.shared.recorder.retry();
                    }
                    begun.saturating_add(self.interval().min(wait))
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.in_trouble, true) {
                        tracing::warn!(%error, "the store can't be asked; what is held goes on until the lease ends");
                    }
                    // What was asked for may have been done all the same.
                    self.astray = true;
                    Instant::now().saturating_add(AGAIN)
                }
            };
            loop {
                let heard = tokio::select! {
                    () = sleep_until(next) => break,
                    heard = self.heard.recv() => heard,
                };
                match heard {
                    Some(Heard::Notice(Notice::Ended(ids))) => self.tell_ended(ids),
                    Some(Heard::Notice(notice)) => {
                        if notice == Notice::Missed {
                            self.shared.tell_of(Told::Missed);
                        }
                        next = next.min(begun.saturating_add(GAP));
                    }
                    Some(Heard::Astray) => {
                        self.astray = true;
                        next = next.min(begun.saturating_add(GAP));
                    }
                    Some(Heard::Leave(reply)) => {
                        self.leave().await;
                        answer(reply, ());
                        return;
                    }
                    None => return,
                }
            }
        }
    }

    /// How long after the beginning of one round the next begins, where nothing happens.
    pub(super) fn interval(&self) -> Duration {
        self.store.lease().checked_div(ROUNDS).unwrap_or_default()
    }

    fn tell_ended(&self, ids: Vec<WatchId>) {
        for id in ids {
            self.shared.tell_of(Told::Elsewhere(id));
        }
    }

    /// Does what others want of what is held here.
    pub(super) async fn heed(&mut self) -> Result<(), StoreError> {
        for wished in self.store.wishes().await? {
            match wished {
                Wished::Watch {
                    id,
                    hooks,
                    call_off,
                    poll_now,
                } => {
                    let Some(active) = self.shared.watch(id) else {
                        self.astray = true;
                        continue;
                    };
                    active.join(&hooks);
                    if call_off {
                        active.wish(Wish::CallOff);
                    } else if poll_now {
                        self.shared.poll_now(&active);
                    }
                }
                Wished::Delivery(delivery) => self.shared.dispatcher.take_on(vec![delivery]),
            }
        }
        Ok(())
    }

    async fn leave(&self) {
        if let Err(error) = self.store.leave().await {
            tracing::warn!(%error, "the other daemons can't be told that this one leaves; they find out when its lease ends");
        }
    }
}
