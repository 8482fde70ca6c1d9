//! The watches that the configuration names.

use std::time::Duration;

use tokio::time::sleep;

use crate::config::WatchConfig;
use crate::engine::{AcceptError, Engine, Order};

/// How long until a watch that couldn't be made durable is ordered again.
const AGAIN: Duration = Duration::from_secs(10);

/// Accepts them, or joins them where they were there. Where the store can't take one now, it is
/// ordered again later: that is no reason to keep all other watches waiting.
pub(super) async fn accept(engine: &Engine, watches: &[WatchConfig]) {
    for watch in watches {
        let order = Order {
            project: watch.project.clone(),
            job_id: watch.job_id.clone(),
            hooks: watch.hooks.clone(),
            timeout: watch.timeout,
        };
        if !is_settled(engine, &order).await {
            let engine = engine.clone();
            tokio::spawn(async move {
                sleep(AGAIN).await;
                while !is_settled(&engine, &order).await {
                    sleep(AGAIN).await;
                }
            });
        }
    }
}

/// Orders once. False where it makes sense to order again.
async fn is_settled(engine: &Engine, order: &Order) -> bool {
    let job_id = &order.job_id;
    match engine.accept(order.clone()).await {
        Ok(_) => true,
        Err(AcceptError::Store(error)) => {
            tracing::error!(%job_id, %error, "a watch of the configuration can't be accepted yet");
            false
        }
        Err(error) => {
            tracing::warn!(%job_id, %error, "a watch of the configuration isn't accepted");
            true
        }
    }
}
