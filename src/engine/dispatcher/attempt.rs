//! One attempt to carry a delivery out.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::queues::Turn;
use crate::clock::Clock;
use crate::engine::leases::Tenure;
use crate::hooks::{Hook, Message, Receipt};
use crate::model::{Attempt, BoxFuture, DeliveryId, DeliveryState, Fence, HookName, WatchId};
use crate::store::{Store, StoreError};

/// A delivery that was tried. What it carried is needed no more, and many may wait to be stored.
pub(super) struct Tried {
    pub(super) id: DeliveryId,
    pub(super) watch_id: WatchId,
    pub(super) hook: HookName,
    /// Under which it was tried.
    pub(super) fence: Fence,
    /// How often it had been tried before, since it was made or replayed.
    pub(super) tries: u32,
    /// What is to be stored of it.
    pub(super) attempt: Attempt,
    /// What came of it.
    pub(super) receipt: Receipt,
    /// When it had ended.
    pub(super) ended: Instant,
    /// Likewise, by the wall clock.
    pub(super) ended_at: SystemTime,
}

/// Tries once. `None` where there is nothing to try: the delivery is gone, delivered or dead, or not
/// held any more.
pub(super) async fn attempt(
    turn: Turn,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenure: Tenure,
) -> Result<Option<Box<Tried>>, StoreError> {
    let Turn {
        id,
        fence,
        fresh,
        hook,
        ..
    } = turn;
    let delivery = match fresh {
        Some(delivery) => *delivery,
        None => match store.delivery(id).await? {
            Some((delivery, _)) => delivery,
            None => return Ok(None),
        },
    };
    let is_pending = matches!(delivery.state, DeliveryState::Pending(_));
    // Reading it may have taken long.
    if !is_pending || delivery.fence != fence || !tenure.is_good() {
        return Ok(None);
    }
    let (began, began_at) = (Instant::now(), clock.now());
    let message = Message {
        id,
        at: began_at,
        body: delivery.body,
    };
    let receipt = deliver(hook.as_ref(), &message).await;
    let ended = Instant::now();
    let attempt = Attempt {
        number: delivery.attempts + 1,
        at: began_at,
        took: ended.saturating_duration_since(began),
        answer: answer(&receipt).to_owned(),
        delivered: matches!(receipt, Receipt::Delivered { .. }),
    };
    Ok(Some(Box::new(Tried {
        id,
        watch_id: delivery.watch_id,
        hook: delivery.hook,
        fence: delivery.fence,
        tries: delivery.tries,
        attempt,
        receipt,
        ended,
        ended_at: clock.now(),
    })))
}

fn answer(receipt: &Receipt) -> &str {
    match receipt {
        Receipt::Delivered { answer }
        | Receipt::Failed { answer, .. }
        | Receipt::Gone { answer } => answer,
    }
}

/// Delivers; a panic counts as a failure.
async fn deliver(hook: &dyn Hook, message: &Message) -> Receipt {
    let mut delivering: BoxFuture<'_, Receipt> =
        Box::pin(async move { hook.deliver(message).await });
    poll_fn(|context| {
        // It isn't polled again once it has panicked.
        let polled = catch_unwind(AssertUnwindSafe(|| delivering.as_mut().poll(context)));
        polled.unwrap_or_else(|_| {
            std::task::Poll::Ready(Receipt::Failed {
                answer: "this program failed: a hook panicked".to_owned(),
                retry_after: None,
            })
        })
    })
    .await
}
