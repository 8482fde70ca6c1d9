//! Leave to send a request: not too many are under way, the credential is good, and it is this
//! watch's turn. In this order: turns are given out only to those that may use them. And before all of
//! that, whoever is due sleeps in line until its turn comes near, which takes no room at all.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Deadline;
use super::Subject;
use super::deadline::{until, within};
use super::poller::Poller;
use crate::api::{Gate, Pass, Place, Session};
use crate::clock::SaturatingAdd as _;
use crate::model::{BoxFuture, Outcome};

/// The resolution of tokio's timers: no sleep is shorter.
const TICK: Duration = Duration::from_millis(1);

/// One of the requests that may be under way at once.
pub(super) type Seat = OwnedSemaphorePermit;

/// Leave to send one request.
pub(super) struct Leave<'a> {
    /// For the credential.
    pub(super) pass: Pass<'a>,
    /// Held until the answer is there.
    pub(super) seat: Seat,
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
        seat: Seat,
    ) -> Result<Leave<'a>, Outcome> {
        let mut seat = Some(seat);
        loop {
            let mut pass = self.admission(session, &mut seat).await?;
            if seat.is_none() {
                seat = free_seat(session, self.deadline().too_late()).await;
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
        seat: &mut Option<Seat>,
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
                self.held.blame(refused.fault);
                return Err(Outcome::Denied);
            }
            let until = end.map_or(refused.until, |end| end.min(refused.until));
            if told.replace(refused.until) != Some(refused.until) {
                self.held.fail(refused.fault.clone());
                self.tell_trouble(refused.fault, until.duration_since(now));
            }
            breaker.change(until).await;
        }
    }

    /// Waits for a turn at the limiter. False when none comes in time.
    pub(super) async fn turn(&mut self, session: &Session) -> bool {
        let limiter = &session.gate.limiter;
        loop {
            let too_late = self.deadline().too_late();
            let Some(turn) = limiter.reserve(Instant::now(), too_late) else {
                return false;
            };
            limiter.wait_for(turn).await;
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
                self.held.blame(fault);
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

/// Lines up for a request. Says until when to sleep, where there is anything to sleep for.
pub(super) fn line_up(
    gate: &Gate,
    now: Instant,
    deadline: Deadline,
) -> (Place<'_>, Option<Instant>) {
    // Nothing is sent then, and whoever comes is to know.
    if gate.breaker.is_refusing() {
        return (Place::default(), None);
    }
    let (turn, mut place) = gate.limiter.line_up(now);
    let until = now.saturating_add(deadline.cut(turn.saturating_duration_since(now)));
    if until < turn {
        // It is beyond the deadline, and of no use.
        place = Place::default();
    }
    (place, (until > now.saturating_add(TICK)).then_some(until))
}

/// A request that is due, with all that it needs from before it may be sent.
pub(super) struct Seated {
    pub(super) session: Arc<Session>,
    pub(super) due: Instant,
    /// None came in time.
    pub(super) seat: Option<Seat>,
}

/// Takes a seat, or waits for one. What waits is on the heap and holds all else, as a watch that sleeps
/// has no room for any of it; and mostly there is a seat.
pub(super) fn seated(
    session: Arc<Session>,
    due: Instant,
    too_late: Option<Instant>,
) -> Result<Seated, BoxFuture<'static, Seated>> {
    match Arc::clone(&session.gate.seats).try_acquire_owned() {
        Ok(seat) => Ok(Seated {
            session,
            due,
            seat: Some(seat),
        }),
        Err(_) => Err(Box::pin(async move {
            let seat = free_seat(&session, too_late).await;
            Seated { session, due, seat }
        })),
    }
}

/// Waits until fewer requests are under way than may be. `None` when that takes too long.
async fn free_seat(session: &Session, too_late: Option<Instant>) -> Option<Seat> {
    let seats = Arc::clone(&session.gate.seats);
    // They are never closed.
    within(too_late, seats.acquire_owned()).await?.ok()
}
