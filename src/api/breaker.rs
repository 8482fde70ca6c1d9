//! The authentication breaker: more than five authentication failures in a row lock an access key
//! for five minutes, for everybody who uses it.
//!
//! So a credential has to prove itself with one request before all watches use it, and the first
//! refusal stops them all. Whoever was refused may try once more after the credential was renewed
//! or the clock corrected; everybody else waits for how that goes. When it goes wrong, nothing is
//! sent for as long as a lock lasts, and then one request.
//!
//! Those who wait are woken in their order and one at a time, as only one may find out; all at once
//! when that one has found out.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::clock::SaturatingAdd as _;
use crate::model::Fault;

/// How long the service locks a key (dcs: "AK access failed to reach the limit").
pub(super) const LOCK: Duration = Duration::from_secs(5 * 60);

/// The shortest time between two retries that a program may ask for: with the first refusal, they are
/// fewer than what locks a key.
const RETRY_INTERVAL: Duration = Duration::from_secs(150);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No answer has shown yet whether the credential is good.
    Unproven,
    /// One request is under way to find out.
    Probing,
    /// The service took it.
    Proven,
    /// The service refused it; it isn't sent again until then.
    Open(Instant),
}

/// Shared by all watches under one credential.
#[derive(Debug)]
pub struct Breaker {
    shared: Mutex<Shared>,
    changed: Notify,
}

#[derive(Debug)]
struct Shared {
    state: State,
    /// How often a probe has found the credential good.
    proofs: u64,
    /// What the service said when it refused the credential, until it takes it.
    refusal: Option<Fault>,
    /// When the last refusal was overruled by [`Breaker::retry_sparingly`].
    retried: Option<Instant>,
}

/// The credential counts as refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What the service said.
    pub fault: Fault,
    /// Until when it isn't sent again, unless [`Breaker::retry`] is called.
    pub until: Instant,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            shared: Mutex::new(Shared {
                state: State::Unproven,
                proofs: 0,
                refusal: None,
                retried: None,
            }),
            changed: Notify::new(),
        }
    }
}

impl Breaker {
    /// Waits for leave to send a request, while another finds out whether the credential is good.
    ///
    /// # Errors
    /// While the credential counts as refused.
    pub async fn admit(&self) -> Result<Pass<'_>, Refused> {
        loop {
            // Listens before it looks, so that no change comes in between.
            let changed = self.changed.notified();
            if let Some(admission) = self.decide() {
                return admission;
            }
            changed.await;
        }
    }

    /// Leave, a refusal, or nothing where another is finding out.
    fn decide(&self) -> Option<Result<Pass<'_>, Refused>> {
        let mut shared = self.shared();
        let probing = match (shared.state, &shared.refusal) {
            (State::Probing, _) => return None,
            (State::Open(until), Some(fault)) if Instant::now() < until => {
                let fault = fault.clone();
                return Some(Err(Refused { fault, until }));
            }
            (State::Open(_) | State::Unproven, _) => {
                shared.state = State::Probing;
                true
            }
            (State::Proven, _) => false,
        };
        Some(Ok(Pass {
            breaker: self,
            probing,
            proofs: shared.proofs,
        }))
    }

    /// Waits until it makes sense to ask for leave again after the credential was refused, and no
    /// longer than `until`.
    pub async fn change(&self, until: Instant) {
        let changed = pin!(self.changed.notified());
        if matches!(self.shared().state, State::Open(_)) {
            // Either end is as good: whoever waited asks.
            drop(timeout_at(until, changed).await);
        }
    }

    /// The credential may be another one now, or its key unlocked: the next request finds out.
    pub fn retry(&self) {
        let mut shared = self.shared();
        if matches!(shared.state, State::Open(_)) {
            shared.state = State::Unproven;
            self.changed.notify_one();
        }
    }

    /// As [`Breaker::retry`], but not more often than every [`RETRY_INTERVAL`]: a program that asks for
    /// this in a loop doesn't lock the key.
    pub fn retry_sparingly(&self) -> bool {
        let now = Instant::now();
        {
            let mut shared = self.shared();
            let may = shared
                .retried
                .is_none_or(|last| now.saturating_duration_since(last) >= RETRY_INTERVAL);
            if !may || !matches!(shared.state, State::Open(_)) {
                return false;
            }
            shared.retried = Some(now);
        }
        self.retry();
        true
    }

    /// What the service said when it refused the credential, and until when it isn't sent again; `None`
    /// where the next request may find out.
    #[must_use]
    pub fn hold(&self) -> Option<Refused> {
        let shared = self.shared();
        match (shared.state, &shared.refusal) {
            (State::Open(until), Some(fault)) if Instant::now() < until => Some(Refused {
                fault: fault.clone(),
                until,
            }),
            _ => None,
        }
    }

    /// What the service said when it refused the credential, until it takes it.
    #[must_use]
    pub fn refusal(&self) -> Option<Fault> {
        self.shared().refusal.clone()
    }

    /// Whether the credential counts as refused.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.shared().refusal.is_some()
    }

    fn settle(&self, state: State, refusal: Option<Fault>) {
        let mut shared = self.shared();
        shared.state = state;
        match state {
            State::Unproven | State::Probing => self.changed.notify_one(),
            State::Proven => {
                shared.proofs += 1;
                shared.refusal = None;
                self.changed.notify_waiters();
            }
            State::Open(_) => {
                shared.refusal = refusal;
                self.changed.notify_waiters();
            }
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nothing in here panics between two writes, so a poisoned state is a whole one.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to send one request. Dropped without a word, as when the answer said nothing about the
/// credential, it leaves the question open for the next one.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    probing: bool,
    /// The proofs when it was given.
    proofs: u64,
}

impl Pass<'_> {
    /// Whether it is the one that finds out whether the credential is good.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        self.probing
    }

    /// Whether it is still leave to send, after a wait: not where the credential was refused
    /// meanwhile.
    pub fn is_still_good(&mut self) -> bool {
        let shared = self.breaker.shared();
        self.proofs = shared.proofs;
        self.probing || shared.state == State::Proven
    }

    /// The service took the credential.
    pub fn accepted(mut self) {
        if self.probing {
            self.settle(State::Proven, None);
        }
    }

    /// The service refused the credential. Stops everybody else, and says whether this is the one
    /// who may renew it and try once more; the others ask to be admitted again. So does whose
    /// request was under way while another proved the renewed credential: it was sent with the old
    /// one, or by the old clock.
    pub fn refused(&mut self) -> bool {
        let mut shared = self.breaker.shared();
        if shared.state == State::Proven && shared.proofs == self.proofs {
            shared.state = State::Probing;
            self.probing = true;
        }
        self.probing
    }

    /// The credential is of no use, and neither is another request with it, for as long as a lock lasts;
    /// or for what is `left` of it, where an earlier run found that out.
    pub fn give_up(mut self, fault: Fault, left: Option<Duration>) {
        let until = Instant::now().saturating_add(left.unwrap_or(LOCK).min(LOCK));
        self.settle(State::Open(until), Some(fault));
    }

    fn settle(&mut self, state: State, refusal: Option<Fault>) {
        self.probing = false;
        self.breaker.settle(state, refusal);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probing {
            self.settle(State::Unproven, None);
        }
    }
}

#[cfg(test)]
mod tests;
