//! The wall clock between two runs, and while one goes on.
//!
//! Deadlines and due times are stored as wall times, and waited for by the monotonic clock. When the wall
//! clock is set, the stored times become wrong. While the engine runs, a change of the difference between
//! the two clocks shows that, and the stored times are shifted by it. At a start, a clock that is behind the
//! time at which the store was last in use was set back: the remaining time of each wait is kept. A clock
//! that is far ahead of it may have been set, or the daemon was down for that long. Then a watch whose
//! deadline has passed isn't ended before one answer: the service's `Date` shows which of the two is true.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::shared::Shared;
use crate::clock::SaturatingAdd as _;
use crate::store::{Change, DeliveryFilter, Page, StoreError, WatchFilter};

/// How often the clocks are compared while the engine runs.
const COMPARE_INTERVAL: Duration = Duration::from_secs(10);

/// How often the time is stored.
const STORE_INTERVAL: Duration = Duration::from_secs(60);

/// Smaller steps are drift, or time that passed between two readings.
const STEP_TOLERANCE: Duration = Duration::from_secs(60);

/// The longest time between two runs that needs no confirmation by the service.
const BELIEVED_DOWNTIME: Duration = Duration::from_secs(10 * 60);

/// How long after the start an answer is awaited before the stored times are trusted.
const DOUBT_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What a start has found out about the wall clock.
#[derive(Debug, Default)]
pub(super) struct WallClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    start: Option<Start>,
    /// How far the clock was set ahead between two runs, as an answer has shown.
    ahead: Duration,
}

/// A start long after the store was last in use.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// What the wall clock showed, and the monotonic one.
    wall: SystemTime,
    at: Instant,
    /// The time that has passed since, by the wall clock.
    gap: Duration,
    /// Whether no answer has shown yet if that much time has passed.
    is_doubted: bool,
}

impl WallClock {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The start finds that so much time has passed.
    fn started(&self, wall: SystemTime, gap: Duration) {
        let start = Start {
            wall,
            at: Instant::now(),
            gap,
            is_doubted: true,
        };
        self.with(|state| state.start = (gap > BELIEVED_DOWNTIME).then_some(start));
    }

    /// When a watch times out that was accepted and times out at these wall times, where its loop has
    /// this deadline.
    pub(super) fn deadline(
        &self,
        accepted_at: SystemTime,
        deadline_at: SystemTime,
        deadline: Instant,
    ) -> Instant {
        self.with(|state| {
            let Some(start) = state.start.filter(|start| accepted_at < start.wall) else {
                return deadline;
            };
            if start.is_doubted {
                return deadline.max(start.at.saturating_add(DOUBT_LIMIT));
            }
            let shifted = deadline_at.saturating_add(state.ahead);
            let left = shifted.duration_since(start.wall).unwrap_or_default();
            match state.ahead.is_zero() {
                true => deadline,
                false => start.at.saturating_add(left),
            }
        })
    }

    /// How far the clock was set ahead while a watch was waited for that was accepted at this time.
    pub(super) fn ahead(&self, accepted_at: SystemTime) -> Duration {
        self.with(|state| match state.start {
            Some(start) if accepted_at < start.wall => state.ahead,
            _ => Duration::ZERO,
        })
    }

    /// The service has answered, with this `Date` if any, while the wall clock shows `now`. Says by how
    /// much the clock was set ahead, where the answer is what shows that.
    fn answered(&self, date: Option<SystemTime>, now: SystemTime) -> Option<Duration> {
        self.with(|state| {
            let start = state.start.as_mut().filter(|start| start.is_doubted)?;
            start.is_doubted = false;
            let ahead = now.duration_since(date?).ok()?.min(start.gap);
            if ahead <= STEP_TOLERANCE {
                return None;
            }
            state.ahead = ahead;
            Some(ahead)
        })
    }
}

impl Shared {
    /// Compares the wall clock with the time at which the store was last in use, before anything is
    /// taken up from it; and has IDs follow those that are in it.
    pub(super) async fn begin_with_stored_time(&self) -> Result<(), StoreError> {
        let watch_filter = WatchFilter::default();
        let last_watch = Page {
            before: None,
            limit: 1,
        };
        let newest = self.store.watches(&watch_filter, last_watch).await?;
        let newest = newest.first().map(|record| record.watch.id);
        let delivery_filter = DeliveryFilter::default();
        let last_delivery = Page {
            before: None,
            limit: 1,
        };
        let deliveries = self.store.deliveries(&delivery_filter, last_delivery);
        self.follow_ids(newest, deliveries.await?.first().map(|one| one.id));
        if self.leases.is_some() {
            return Ok(());
        }
        let seen_at = self.store.seen_at().await?;
        let Some(seen_at) = seen_at.or(newest.map(|id| id.made_at())) else {
            return Ok(());
        };
        let now = self.clock.now();
        match now.duration_since(seen_at) {
            Ok(gap) => self.wall_clock.started(now, gap),
            Err(back) if back.duration() > STEP_TOLERANCE => {
                let back = back.duration();
                tracing::warn!(
                    "this machine's clock shows {back:?} less than when the store was last in use; \
                     deadlines and deliveries wait for what was left of their time then"
                );
                self.shift_times(as_millis(back).saturating_neg()).await;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Stores wall times as the clock shows them now. What can't be stored stays as it is.
    async fn shift_times(&self, by_millis: i64) {
        let shift = Change::ShiftTimes { by_millis };
        let seen = Change::SeenAt(self.clock.now());
        for change in [shift, seen] {
            if let Err(error) = self.recorder.store(change).await {
                tracing::warn!(%error, "times can't be stored as this machine's clock shows them now");
            }
        }
    }

    /// The service has answered a request of a watch.
    pub(super) fn answered(self: &Arc<Self>, date: Option<SystemTime>) {
        let Some(ahead) = self.wall_clock.answered(date, self.clock.now()) else {
            return;
        };
        tracing::warn!(
            "this machine's clock was set ahead by about {ahead:?} while the daemon was down, as the \
             service's time shows; deadlines wait for what was left of their time"
        );
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.shift_times(as_millis(ahead)).await });
    }

    /// Stores the time every minute, and shifts what is kept where the wall clock is set.
    pub(super) async fn keep_time(&self) {
        let (mut wall, mut at) = (self.clock.now(), Instant::now());
        let mut stored: Option<Instant> = None;
        loop {
            sleep(COMPARE_INTERVAL).await;
            let (now, instant) = (self.clock.now(), Instant::now());
            let expected = wall.saturating_add(instant.duration_since(at));
            let step = match now.duration_since(expected) {
                Ok(ahead) => as_millis(ahead),
                Err(back) => as_millis(back.duration()).saturating_neg(),
            };
            (wall, at) = (now, instant);
            if step.unsigned_abs() > STEP_TOLERANCE.as_millis() as u64 {
                tracing::warn!(
                    step_ms = step,
                    "this machine's clock was set; waits go on as before"
                );
                self.shift_times(step).await;
                stored = Some(instant);
            } else if stored.is_none_or(|stored| stored.elapsed() >= STORE_INTERVAL) {
                self.store_time().await;
                stored = Some(instant);
            }
        }
    }

    /// Stores the time at which the store was last in use. A failure has no consequence: it is repeated.
    pub(super) async fn store_time(&self) {
        if let Err(error) = self.recorder.store(Change::SeenAt(self.clock.now())).await {
            tracing::debug!(%error, "the time can't be stored now");
        }
    }
}

fn as_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
