//! Leave to send a request: the credential is good, not too many requests are under way, and it is
//! this watch's turn. In this order: turns are given out only to those that may use them.

use std::pin::pin;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::deadline::{until, within};
use super::poller::Poller;
use crate::api::{Pass, Session};
use crate::model::{Outcome, WatchEvent};

/// Leave to send one request.
pub(super) struct Leave<'a> {
    /// For the credential.
    pub(super) pass: Pass<'a>,
    /// Held until the answer is there.
    pub(super) seat: SemaphorePermit<'a>,
}

impl<E: Fn(WatchEvent) + Send> Poller<E> {
    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// With how the watch ends, where that doesn't come in time.
    pub(super) async fn leave<'a>(&mut self, session: &'a Session) -> Result<Leave<'a>, Outcome> {
        loop {
            let mut pass = self.admission(session).await?;
            let Some(seat) = seat(session, self.deadline().too_late()).await else {
                return Err(self.out_of_time(session));
            };
            if !self.turn(session).await {
                drop(seat);
                drop(pass);
                return Err(self.at_the_deadline(session).await);
            }
            if pass.is_still_good() {
                return Ok(Leave { pass, seat });
            }
        }
    }

    /// Waits for leave to use the credential; while it is refused, as long as that may be mended.
    async fn admission<'a>(&mut self, session: &'a Session) -> Result<Pass<'a>, Outcome> {
        let breaker = &session.gate.breaker;
        let mut told = None;
        loop {
            let patience = earlier(self.deadline().too_late(), self.mended_by());
            let refused = match within(patience, pin!(breaker.admit())).await {
                Some(Ok(pass)) => {
                    if !pass.is_probing() {
                        self.refused_since = None;
                    }
                    return Ok(pass);
                }
                Some(Err(refused)) => refused,
                None => return Err(self.out_of_time(session)),
            };
            let now = Instant::now();
            self.refused_since.get_or_insert(now);
            let end = earlier(self.deadline, self.mended_by());
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
        if let Some(at) = self.deadline {
            until(at).await;
        }
        self.out_of_time(session)
    }

    /// By when a refused credential is to be mended, where it is refused.
    fn mended_by(&self) -> Option<Instant> {
        self.refused_since?.checked_add(self.spec.mending_grace)
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
async fn seat(session: &Session, too_late: Option<Instant>) -> Option<SemaphorePermit<'_>> {
    let seats = &session.gate.seats;
    // Mostly there is one, and no need for a timer.
    match seats.try_acquire() {
        Ok(seat) => Some(seat),
        // They are never closed.
        Err(_) => within(too_late, seats.acquire()).await?.ok(),
    }
}
