//! The authentication breaker: more than five authentication failures in a row lock an access key
//! for five minutes, for everybody who uses it.
//!
//! So a credential has to prove itself with one request before all watches use it, and the first
//! refusal stops them all. Whoever was refused may try once more after the credential was renewed
//! or the clock corrected; everybody else waits for how that goes. When it goes wrong, nothing is
//! sent for as long as a lock lasts, and then one request.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::Fault;

/// How long the service locks a key (dcs: "AK access failed to reach the limit").
const LOCK: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Clone)]
enum State {
    /// No answer has shown yet whether the credential is good.
    Unproven,
    /// One request is under way to find out.
    Probing,
    /// The service took it.
    Proven,
    /// The service refused it.
    Open { fault: Fault, since: Instant },
}

/// Shared by all watches under one credential.
#[derive(Debug)]
pub struct Breaker(watch::Sender<Shared>);

#[derive(Debug)]
struct Shared {
    state: State,
    /// How often a probe has found the credential good.
    proofs: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self(watch::Sender::new(Shared {
            state: State::Unproven,
            proofs: 0,
        }))
    }
}

impl Breaker {
    /// Waits for leave to send a request.
    ///
    /// # Errors
    /// With the service's refusal, while the credential counts as refused.
    pub async fn admit(&self) -> Result<Pass<'_>, Fault> {
        let mut changes = self.0.subscribe();
        loop {
            let mut admission = None;
            let mut proofs = 0;
            self.0.send_if_modified(|shared| {
                let (decision, next) = decide(&shared.state, Instant::now());
                admission = decision;
                proofs = shared.proofs;
                let modified = next.is_some();
                if let Some(next) = next {
                    shared.state = next;
                }
                modified
            });
            match admission {
                Some(Ok(probing)) => {
                    return Ok(Pass {
                        breaker: self,
                        probing,
                        proofs,
                    });
                }
                Some(Err(fault)) => return Err(fault),
                None => {
                    // The sender is borrowed here, so it can't be gone.
                    if changes.changed().await.is_err() {
                        return Err(Fault::local("the wait was called off"));
                    }
                }
            }
        }
    }
}

/// Whether to admit (and as a probe?), refuse, or wait (`None`); and the state that follows.
fn decide(state: &State, now: Instant) -> (Option<Result<bool, Fault>>, Option<State>) {
    match state {
        State::Proven => (Some(Ok(false)), None),
        State::Unproven => (Some(Ok(true)), Some(State::Probing)),
        State::Probing => (None, None),
        State::Open { since, .. } if now >= *since + LOCK => (Some(Ok(true)), Some(State::Probing)),
        State::Open { fault, .. } => (Some(Err(fault.clone())), None),
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
    /// The service took the credential.
    pub fn accepted(mut self) {
        if self.probing {
            self.settle(State::Proven);
        }
    }

    /// The service refused the credential. Stops everybody else, and says whether this is the one
    /// who may renew it and try once more; the others ask to be admitted again. So does whose
    /// request was under way while another proved the renewed credential: it was sent with the old
    /// one, or by the old clock.
    pub fn refused(&mut self) -> bool {
        if !self.probing {
            let proofs = self.proofs;
            self.probing = self.breaker.0.send_if_modified(|shared| {
                let first = matches!(shared.state, State::Proven) && shared.proofs == proofs;
                if first {
                    shared.state = State::Probing;
                }
                first
            });
        }
        self.probing
    }

    /// The credential is of no use, and neither is another request with it.
    pub fn give_up(mut self, fault: Fault) {
        self.settle(State::Open {
            fault,
            since: Instant::now(),
        });
    }

    fn settle(&mut self, state: State) {
        self.probing = false;
        self.breaker.0.send_modify(|shared| {
            shared.proofs += u64::from(matches!(state, State::Proven));
            shared.state = state;
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probing {
            self.settle(State::Unproven);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::time::{advance, timeout};

    fn refusal() -> Fault {
        Fault::local("verify aksk signature fail")
    }

    async fn waits(breaker: &Breaker) -> bool {
        timeout(Duration::from_secs(1), breaker.admit())
            .await
            .is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_proves_a_credential_before_the_others_follow() {
        let breaker = Breaker::default();
        let probe = breaker.admit().await.unwrap();
        assert!(waits(&breaker).await);
        probe.accepted();
        let _first = breaker.admit().await.unwrap();
        let _second = breaker.admit().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_learns_nothing_hands_over_to_the_next() {
        let breaker = Breaker::default();
        let probe = breaker.admit().await.unwrap();
        let mut next = pin!(breaker.admit());
        assert!(timeout(Duration::from_secs(1), &mut next).await.is_err());
        drop(probe);
        assert!(next.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_that_are_refused_at_once_one_tries_again() {
        let breaker = Breaker::default();
        breaker.admit().await.unwrap().accepted();
        let mut passes = Vec::new();
        for _ in 0..5 {
            passes.push(breaker.admit().await.unwrap());
        }
        let retrying = passes.iter_mut().map(Pass::refused).filter(|first| *first);
        assert_eq!(retrying.count(), 1);
        assert!(waits(&breaker).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_was_overtaken_by_a_proof_says_nothing() {
        let breaker = Breaker::default();
        breaker.admit().await.unwrap().accepted();
        let mut renewing = breaker.admit().await.unwrap();
        let mut overtaken = breaker.admit().await.unwrap();
        assert!(renewing.refused());
        renewing.accepted();
        assert!(!overtaken.refused());
        assert!(!waits(&breaker).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_credential_is_not_sent_again_while_a_lock_lasts() {
        let breaker = Breaker::default();
        let mut probe = breaker.admit().await.unwrap();
        assert!(probe.refused());
        probe.give_up(refusal());
        assert_eq!(breaker.admit().await.unwrap_err(), refusal());
        advance(LOCK).await;
        let _probe = breaker.admit().await.unwrap();
        assert!(waits(&breaker).await, "one probe, not one a watch");
    }
}
