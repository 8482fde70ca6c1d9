//! What the daemon does beside its work: forgets what is old, says how it is, and shows that it lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::Level;

use super::{condition, notify};
use crate::clock::Clock;
use crate::engine::{Engine, Health};
use crate::model::HoldChange;
use crate::store::{PRUNED_AT_ONCE, StoreError};

/// How often what is old is forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// How long after some of it the next is, so that nothing waits for long behind it.
const BETWEEN_PRUNES: Duration = Duration::from_millis(200);
/// How often the daemon looks at how it is.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the store may take to count. A time-out is reported in the metrics.
pub(super) const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// Forgets watches that ended longer ago than the retention, now and every hour.
pub(super) async fn prune(
    engine: Engine,
    clock: Arc<dyn Clock>,
    retention: watch::Receiver<Duration>,
) {
    let mut hours = interval(PRUNE_EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        let retention = *retention.borrow();
        let Some(before) = clock.now().checked_sub(retention) else {
            continue;
        };
        let forgotten = loop_until_few(&engine, before).await;
        match forgotten {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "forgot watches that ended long ago"),
            Err(error) => tracing::warn!(%error, "what ended long ago can't be forgotten now"),
        }
    }
}

async fn loop_until_few(engine: &Engine, before: std::time::SystemTime) -> Result<u64, StoreError> {
    let mut all = 0;
    loop {
        let forgotten = engine.prune(before).await?;
        all += forgotten;
        if forgotten < PRUNED_AT_ONCE as u64 {
            return Ok(all);
        }
        sleep(BETWEEN_PRUNES).await;
    }
}

/// Stores what services say of credentials.
pub(super) async fn keep_holds(engine: Engine, mut changes: UnboundedReceiver<HoldChange>) {
    while let Some(change) = changes.recv().await {
        engine.store_hold(change).await;
    }
}

/// Corrects stored times when the wall clock is set. A shared store has its own time instead.
pub(super) async fn keep_time(engine: Engine) {
    if engine.shared_store().is_none() {
        engine.keep_time().await;
    }
}

/// Logs what changes for the worse or the better, and keeps the service manager's line up to date.
pub(super) async fn look(engine: Engine) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut told) = (Health::default(), String::new());
    loop {
        looks.tick().await;
        engine.verify_store().await;
        let health = engine.health();
        for (level, line) in condition::news(&before, &health) {
            match level {
                Level::ERROR => tracing::error!("{line}"),
                Level::WARN => tracing::warn!("{line}"),
                _ => tracing::info!("{line}"),
            }
        }
        let counts = timeout(COUNT_TIMEOUT, engine.store().counts()).await;
        let counts = counts.ok().and_then(Result::ok);
        let line = condition::status(&health, counts);
        if line != told {
            notify::status(&line);
            told = line;
        }
        before = health;
    }
}

/// Shows the service manager that the daemon lives, but only while supervisor, dispatcher and
/// recorder make progress, or the recorder knows that its file system hangs: where one is stuck, the service manager hears nothing, and starts another
/// daemon.
pub(super) async fn show_life(engine: Engine, within: Duration) {
    let mut signs = interval(within.checked_div(3).unwrap_or(within));
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        signs.tick().await;
        engine.pulse().await;
        notify::alive();
    }
}
