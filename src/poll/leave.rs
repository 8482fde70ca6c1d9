//! Leave to send a request: not too many are under way, the credential is good, and it is this
//! watch's turn. In this order: most that wait do so for a seat, where that takes little room, and
//! turns are given out only to those that may use them.

use std::pin::pin;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::Subject;
use super::deadline::{until, within};
use super::poller::Poller;
use crate::api::{Pass, Session};
use crate::model::Outcome;

/// One of the requests that may be under way at once.
pub(super) type Seat<'a> = SemaphorePermit<'a>;

/// Leave to send one request.
pub(super) struct Leave<'a> {
    /// For the credential.
    pub(super) pass: Pass<'a>,
    /// Held until the answer is there.
    pub(super) seat: Seat<'a>,
}

impl<S: Subject> Poller<'_, S> {
    /// Waits until a request may be sent by whoever has this seat, or another where it was given
    /// up meanwhile.
    ///
    /// # Errors
    /// With how the watch ends, where that doesn't come in time.
    pub(super) async fn leave<'a>(
        &mut self,
        session: &'a Session,
        seat: Seat<'a>,
    ) -> Result<Leave<'a>, Outcome> {
        let mut seat = Some(seat);
        loop {
            let mut pass = self.admission(session, &mut seat).await?;
            if seat.is_none() {
                seat = free_seat(&session.gate.seats, self.deadline().too_late()).await;
            }
            let Some(kept) = seat.take() else {
                return Err(self.out_of_time(session));
            };
            if !self.turn(session).await {
                drop((kept, pass));
                return Err(self.at_the_deadline(session).await);
            }
            if pass.is_still_good() {
                return Ok(Leave { pass, seat: kept });
            }
            seat = Some(kept);
        }
    }

    /// Waits for leave to use the credential; while it is refused, as long as that may be mended,
    /// and without a seat, which others need to find that out.
    async fn admission<'a>(
        &mut self,
        session: &'a Session,
        seat: &mut Option<Seat<'a>>,
    ) -> Result<Pass<'a>, Outcome> {
        let breaker = &session.gate.breaker;
        let mut told = None;
        loop {
            let patience = earlier(self.deadline().too_late(), self.mended_by());
            let refused = match within(patience, pin!(breaker.admit())).await {
                Some(Ok(pass)) => {
                    if !pass.is_probing() {
                        self.held.accepted();
                    }
                    return Ok(pass);
                }
                Some(Err(refused)) => refused,
                None => return Err(self.out_of_time(session)),
            };
            drop(seat.take());
            let now = Instant::now();
            self.held.refused(now);
            let end = earlier(self.subject.deadline(), self.mended_by());
            if end.is_some_and(|end| now >= end) {
                self.fault = Some(Box::new(refused.fault));
                return Err(Outcome::Denied);
            }
            let until = end.map_or(refused.until, |end| end.min(refused.until));
            if told.replace(refused.until) != Some(refused.until) {
                self.fail(refused.fault.clone());
                self.tell_trouble(refused.fault, until.duration_since(now));
            }
            breaker.change(until).await;
        }
    }

    /// Waits for a turn at the limiter. False when none comes in time.
    pub(super) async fn turn(&mut self, session: &Session) -> bool {
        let limiter = &session.gate.limiter;
        loop {
            let turn = limiter.reserve(Instant::now());
            if self.deadline().is_too_late(turn.at) {
                return false;
            }
            until(turn.at).await;
            if limiter.is_good(turn, Instant::now()) {
                return true;
            }
        }
    }

    /// How the wait ends for which no turn comes any more. Nobody ends before the deadline.
    pub(super) async fn at_the_deadline(&mut self, session: &Session) -> Outcome {
        if let Some(at) = self.subject.deadline() {
            until(at).await;
        }
        self.out_of_time(session)
    }

    /// By when a refused credential is to be mended, where it is refused.
    fn mended_by(&self) -> Option<Instant> {
        let since = self.held.refused_since()?;
        since.checked_add(self.spec.mending_grace)
    }

    /// How the wait ends that can send no more.
    pub(super) fn out_of_time(&mut self, session: &Session) -> Outcome {
        match session.gate.breaker.refusal() {
            Some(fault) => {
                self.fault = Some(Box::new(fault));
                Outcome::Denied
            }
            None => Outcome::TimedOut,
        }
    }
}

/// The earlier of two instants, where there are any.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Waits until fewer requests are under way than may be. `None` when that takes too long.
// With a deadline, it is on the heap while it waits: a watch that sleeps has room for the rest.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function would hold its arguments twice"
)]
pub(super) fn free_seat(
    seats: &Semaphore,
    too_late: Option<Instant>,
) -> impl Future<Output = Option<Seat<'_>>> + Send {
    async move {
        // Mostly there is one, and no need for a timer.
        if let Ok(seat) = seats.try_acquire() {
            return Some(seat);
        }
        // They are never closed.
        match too_late {
            Some(too_late) => Box::pin(timeout_at(too_late, seats.acquire()))
                .await
                .ok()?
                .ok(),
            None => seats.acquire().await.ok(),
        }
    }
}
