//! The DCS API: how a job is asked for, and what may hold a request back. What an answer means
//! is decided elsewhere.

mod answer;
mod breaker;
mod client;
mod endpoint;
mod holds;
mod iam;
mod limiter;
mod provenance;
mod rate;
mod service_clock;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use answer::{Answer, Content, Refusal};
pub use breaker::{Breaker, Pass, Refused};
pub use client::{DcsClient, Target};
pub use endpoint::{EndpointError, endpoint, endpoint_variable, iam_endpoint, parse_endpoint};
pub use holds::HoldBook;
pub use iam::{ProjectError, ProjectQuestion};
pub use limiter::{Limiter, Place, RateHold, Turn};
pub use rate::RateLimit;
pub use service_clock::{
    ClockOffset, Evidence, Observed, ServiceClock, SignatureCheck, SigningTime,
};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::http::client_connections;
use crate::model::{BoxFuture, Fault, JobId, Meter, ProjectId};

/// What came of reading a refused credential anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// It is another one now, and worth another request.
    Changed,
    /// It is the same, or its source has it no more.
    Unchanged,
    /// Its source can't be read now, but may well be in a moment.
    NotNow(Fault),
}

/// Whom a poller asks.
pub trait JobSource: Send + Sync {
    /// Asks once about the job, and answers within the time that one request may take, beside what
    /// renewing the credential takes where that is due.
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer>;

    /// Reads the credential anew, after the service has refused it.
    fn renew(&self) -> BoxFuture<'_, Renewal>;

    /// How long nothing is to be sent with a credential that an earlier run found refused.
    fn refused_for(&self) -> Option<Duration> {
        None
    }

    /// Discards what an earlier run stored about the credential, so that a request is sent now.
    fn lift_hold(&self) {}

    /// The project that it asks about, as soon as that is known.
    fn project_id(&self) -> Option<ProjectId>;

    /// Looks up what it needs before it can ask, where that hasn't succeeded yet and may be tried
    /// again by now.
    fn connect(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Why it can't ask yet. `None` once it can.
    fn not_ready(&self) -> Option<String> {
        None
    }
}

/// What all watches under one credential share, be they of one project or of several.
#[derive(Debug)]
pub struct Gate {
    /// How often they may ask.
    pub limiter: Limiter,
    /// Whether the credential is any good.
    pub breaker: Breaker,
    /// A seat for each request that may be under way; given out in the order of asking.
    pub seats: Arc<Semaphore>,
    /// How many there are of those for all who share the limits, and how many here.
    in_flight: (usize, Mutex<usize>),
}

impl Gate {
    /// A gate that lets through `requests_per_second`, which is more than zero, and `in_flight` of
    /// them at once, at least one, and no more than there are descriptors for; and a credential that has yet to prove itself.
    #[must_use]
    pub fn new(requests_per_second: f64, in_flight: usize) -> Self {
        let here = in_flight.min(client_connections());
        Self {
            limiter: Limiter::new(requests_per_second),
            breaker: Breaker::default(),
            seats: Arc::new(Semaphore::new(here)),
            in_flight: (in_flight, Mutex::new(here)),
        }
    }

    /// Shares the limits with others from now on: so many processes keep to them together, this one
    /// included. Each has one seat at least. Seats that are taken, or waited for, go in their turn.
    pub fn share_among(&self, processes: u32) {
        self.limiter.share_among(Instant::now(), processes);
        let (whole, here) = &self.in_flight;
        let mut here = here.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (whole / (processes.max(1) as usize)).clamp(1, client_connections());
        if wanted > *here {
            self.seats.add_permits(wanted - *here);
        } else if let Ok(surplus @ 1..) = u32::try_from(*here - wanted) {
            let seats = Arc::clone(&self.seats);
            tokio::spawn(async move {
                // They are never closed.
                if let Ok(surplus) = seats.acquire_many(surplus).await {
                    surplus.forget();
                }
            });
        }
        *here = wanted;
    }
}

/// Whether an endpoint has described a job under a credential, to any watch. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct EndpointProof(Arc<AtomicBool>);

impl EndpointProof {
    /// The endpoint has described a job.
    pub fn prove(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What all watches in one project share.
pub struct Session {
    /// Whom they ask.
    pub source: Box<dyn JobSource>,
    /// What holds them back.
    pub gate: Arc<Gate>,
    /// Whether the endpoint has shown that it is the right one.
    pub endpoint: EndpointProof,
    /// Where measurements go.
    pub meter: Arc<dyn Meter>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn seats_that_others_wait_for_are_shared_as_well() {
        let gate = Gate::new(10.0, 6);
        let taken: Vec<_> = (0..6)
            .map(|_| Arc::clone(&gate.seats).try_acquire_owned().unwrap())
            .collect();
        gate.share_among(3);
        tokio::task::yield_now().await;
        let waiting = tokio::spawn(Arc::clone(&gate.seats).acquire_many_owned(2));
        tokio::task::yield_now().await;
        drop(taken);
        let seats = waiting.await.unwrap().unwrap();
        assert_eq!(gate.seats.available_permits(), 0);
        drop(seats);
        gate.share_among(1);
        assert_eq!(gate.seats.available_permits(), 6);
        gate.share_among(100);
        tokio::task::yield_now().await;
        assert_eq!(gate.seats.available_permits(), 1, "each has one at least");
    }
}
