//! The permit to send a request. It is acquired in this order: the credential is proven, the rate limit lets
//! the request through, and few enough are in flight. So a watch that waits for the proof holds nothing that
//! others need. Before that, a watch that is due sleeps until its turn is near, which uses no memory.

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
use crate::model::Outcome;

/// The resolution of tokio's timers: no sleep is shorter.
const TICK: Duration = Duration::from_millis(1);

/// One of the requests that may be under way at once.
type InFlightPermit = OwnedSemaphorePermit;

/// The permit to send one request.
pub(super) struct RequestPermit<'a> {
    /// For the credential.
    pub(super) pass: Pass<'a>,
    /// Held until the answer is there.
    pub(super) in_flight: InFlightPermit,
}

/// The result of waiting for the rate limit and for an in-flight permit.
enum Slot {
    Free(InFlightPermit),
    /// The credential was refused meanwhile.
    Stale,
    /// None comes in time.
    TooLate,
}

impl<S: Subject> Poller<'_, S> {
    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// With how the watch ends, where that doesn't come in time.
    pub(super) async fn acquire<'a>(
        &mut self,
        session: &'a Session,
    ) -> Result<RequestPermit<'a>, Outcome> {
        loop {
            let mut pass = self.admission(session).await?;
            match self.slot(session, &mut pass).await {
                Slot::Free(in_flight) => return Ok(RequestPermit { pass, in_flight }),
                Slot::Stale => {}
                Slot::TooLate => {
                    drop(pass);
                    return Err(self.at_the_deadline(session).await);
                }
            }
        }
    }

    /// Waits for a turn at the limiter, and then for fewer requests under way than may be.
    ///
    /// A turn is used at its time or not at all, so that requests don't bunch up when permits are released. So
    /// when no permit is free, a watch waits for one first, in the order of asking, and takes its turn with
    /// the permit in hand: turns that pass meanwhile would be lost, and delay other watches.
    async fn slot(&self, session: &Session, pass: &mut Pass<'_>) -> Slot {
        let Gate { limiter, seats, .. } = &*session.gate;
        let too_late = self.deadline().too_late();
        let mut in_flight = None;
        let mut is_full = seats.available_permits() == 0;
        loop {
            if is_full && in_flight.is_none() {
                // They are never closed.
                let free = within(too_late, Arc::clone(seats).acquire_owned()).await;
                in_flight = free.and_then(Result::ok);
                if in_flight.is_none() {
                    return Slot::TooLate;
                }
            }
            let Some(turn) = limiter.reserve(Instant::now(), too_late) else {
                return Slot::TooLate;
            };
            limiter.wait_for(turn).await;
            if !pass.is_still_good() {
                return Slot::Stale;
            }
            if !limiter.is_good(turn, Instant::now()) {
                continue;
            }
            let free = || Arc::clone(seats).try_acquire_owned().ok();
            match in_flight.or_else(free) {
                Some(in_flight) => return Slot::Free(in_flight),
                None => (in_flight, is_full) = (None, true),
            }
        }
    }

    /// Waits for the permission to use the credential; while it is refused, for as long as it may be
    /// replaced. Holds nothing meanwhile.
    async fn admission<'a>(&mut self, session: &'a Session) -> Result<Pass<'a>, Outcome> {
        let breaker = &session.gate.breaker;
        let has_failed = self.held.faults() > 0;
        let mut told = None;
        loop {
            let patience = earlier(self.deadline().too_late(), self.mended_by());
            let refused = match within(patience, pin!(breaker.admit_as(has_failed))).await {
                Some(Ok(pass)) => {
                    if !pass.is_probing() {
                        self.held.accepted();
                    }
                    return Ok(pass);
                }
                Some(Err(refused)) => refused,
                None => return Err(self.out_of_time(session)),
            };
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
