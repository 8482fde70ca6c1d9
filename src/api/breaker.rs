//! The authentication breaker: more than five authentication failures in a row lock an access key
//! for five minutes, for everybody who uses it.
//!
//! So a credential has to prove itself with one request before all watches use it, and the first
//! refusal stops them all. Whoever was refused may try once more after the credential was renewed
//! or the clock corrected; everybody else waits for how that goes. When it goes wrong, nothing is
//! sent for as long as a lock lasts, and then one request.
//!
//! A slow probe proves nothing yet: its job may be one whose requests hang. A second probe is then sent
//! for another watch. There are never more than two, because each of them may be refused.
//!
//! Waiting watches are woken one at a time, because only one may send the next probe. After a probe whose
//! answer says nothing about the credential, the oldest one is next. After a slow probe, they are taken from
//! alternate ends of the queue, because jobs that hang are often next to each other. When a probe has an
//! answer about the credential, all are woken.

mod queues;

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use self::queues::Queues;
use crate::clock::SaturatingAdd as _;
use crate::model::Fault;

/// How long the service locks a key (dcs: "AK access failed to reach the limit").
pub(super) const LOCK: Duration = Duration::from_secs(5 * 60);

/// The shortest time between two retries on request. Together with the first refusal, they stay below
/// the number that locks a key.
const RETRY_INTERVAL: Duration = Duration::from_secs(150);

/// How many probes may be under way at once, where the first is slow.
const MAX_PROBES: u32 = 2;

/// When a probe counts as slow.
const SLOW_PROBE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No answer has shown yet whether the credential is good.
    Unproven,
    /// Requests are under way to find out.
    Probing(Probes),
    /// The service took it.
    Proven,
    /// The service refused it; it isn't sent again until then.
    Open(Instant),
}

/// The probes under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probes {
    count: u32,
    /// How many there may be.
    limit: u32,
    /// Whether one was refused, and its watch tries once more. There are no others until that is over.
    is_retrying: bool,
}

impl Probes {
    const FIRST: Self = Self {
        count: 1,
        limit: 1,
        is_retrying: false,
    };

    fn has_room(self) -> bool {
        !self.is_retrying && self.count < self.limit
    }
}

/// Shared by all watches under one credential.
#[derive(Debug)]
pub struct Breaker {
    shared: Mutex<Shared>,
    queues: Queues,
}

#[derive(Debug)]
struct Shared {
    state: State,
    /// How often probing has begun. A probe of an earlier time says nothing any more.
    episode: u64,
    /// How often a probe has found the credential good.
    proofs: u64,
    /// What the service said when it refused the credential, until it takes it.
    refusal: Option<Fault>,
    /// When the last refusal was overruled by [`Breaker::retry_sparingly`].
    retried: Option<Instant>,
    /// Whether the next one to be woken after a slow probe is the one that waits longest.
    oldest_is_next: bool,
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
                episode: 0,
                proofs: 0,
                refusal: None,
                retried: None,
                oldest_is_next: false,
            }),
            queues: Queues::default(),
        }
    }
}

impl Breaker {
    /// Waits for leave to send a request, while another finds out whether the credential is good.
    ///
    /// # Errors
    /// While the credential counts as refused.
    pub async fn admit(&self) -> Result<Pass<'_>, Refused> {
        self.admit_as(false).await
    }

    /// As [`Breaker::admit`]. A watch whose last request failed lets others go first.
    ///
    /// # Errors
    /// While the credential counts as refused.
    pub async fn admit_as(&self, has_failed: bool) -> Result<Pass<'_>, Refused> {
        let _waiting = (!has_failed).then(|| self.queues.enter());
        loop {
            // Listens before it looks, so that no change comes in between.
            let changed = self.queues.of(has_failed).notified();
            if let Some(admission) = self.decide() {
                return admission;
            }
            changed.await;
        }
    }

    /// Leave, a refusal, or nothing where others are finding out.
    fn decide(&self) -> Option<Result<Pass<'_>, Refused>> {
        let mut shared = self.shared();
        let probe = match (shared.state, &shared.refusal) {
            (State::Probing(probes), _) if probes.has_room() => {
                shared.state = State::Probing(Probes {
                    count: probes.count.saturating_add(1),
                    ..probes
                });
                Some(Probe::new(shared.episode))
            }
            (State::Probing(_), _) => return None,
            (State::Open(until), Some(fault)) if Instant::now() < until => {
                let fault = fault.clone();
                return Some(Err(Refused { fault, until }));
            }
            (State::Open(_) | State::Unproven, _) => Some(shared.begin_probing(Probes::FIRST)),
            (State::Proven, _) => None,
        };
        Some(Ok(Pass {
            breaker: self,
            probe,
            proofs: shared.proofs,
        }))
    }

    /// Waits until it makes sense to ask for leave again after the credential was refused, and no
    /// longer than `until`.
    pub async fn change(&self, until: Instant) {
        let _waiting = self.queues.enter();
        let changed = pin!(self.queues.of(false).notified());
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
            self.queues.next().notify_one();
        }
    }

    /// As [`Breaker::retry`], but not more often than every 2.5 minutes: a program that asks for
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

    /// Wakes one waiting watch after a slow probe.
    fn wake_after_slow(&self, shared: &mut Shared) {
        match shared.oldest_is_next {
            true => self.queues.next().notify_one(),
            false => self.queues.next().notify_last(),
        }
        shared.oldest_is_next = !shared.oldest_is_next;
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nothing in here panics between two writes, so a poisoned state is a whole one.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn begin_probing(&mut self, probes: Probes) -> Probe {
        self.state = State::Probing(probes);
        self.episode = self.episode.saturating_add(1);
        Probe::new(self.episode)
    }

    /// The probes under way, where this is one of them.
    fn probes_with(&mut self, probe: &Probe) -> Option<&mut Probes> {
        match &mut self.state {
            State::Probing(probes) if self.episode == probe.episode => Some(probes),
            _ => None,
        }
    }
}

/// Leave to send one request. Dropped without a word, as when the answer said nothing about the
/// credential, it leaves the question open for the next one.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    /// Present if its request is a probe of the credential.
    probe: Option<Probe>,
    /// The proofs when it was given.
    proofs: u64,
}

#[derive(Debug)]
struct Probe {
    episode: u64,
    /// Whether it is the one that was refused and tries once more.
    is_retry: bool,
}

impl Probe {
    fn new(episode: u64) -> Self {
        Self {
            episode,
            is_retry: false,
        }
    }
}

impl Pass<'_> {
    /// Whether it is one that finds out whether the credential is good.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// What comes of its request. Where that takes long and is to prove the credential, another watch may
    /// try meanwhile.
    pub async fn sending<T>(&self, request: impl Future<Output = T>) -> T {
        let Some(probe) = &self.probe else {
            return request.await;
        };
        let mut request = pin!(request);
        if let Ok(answer) = timeout(SLOW_PROBE, &mut request).await {
            return answer;
        }
        self.let_another_probe(probe);
        request.await
    }

    fn let_another_probe(&self, probe: &Probe) {
        let mut shared = self.breaker.shared();
        if let Some(probes) = shared.probes_with(probe) {
            probes.limit = MAX_PROBES;
            if probes.has_room() {
                self.breaker.wake_after_slow(&mut shared);
            }
        }
    }

    /// Whether it is still leave to send, after a wait: not where the credential was refused
    /// meanwhile.
    pub fn is_still_good(&mut self) -> bool {
        let mut shared = self.breaker.shared();
        self.proofs = shared.proofs;
        if shared.state == State::Proven {
            self.probe = None;
            return true;
        }
        let Some(probe) = &self.probe else {
            return false;
        };
        shared
            .probes_with(probe)
            .is_some_and(|probes| probe.is_retry || !probes.is_retrying)
    }

    /// The service took the credential.
    pub fn accepted(mut self) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        let mut shared = self.breaker.shared();
        if shared.probes_with(&probe).is_some() {
            shared.state = State::Proven;
            shared.proofs = shared.proofs.saturating_add(1);
            shared.refusal = None;
            self.breaker.queues.wake_all();
        }
    }

    /// The service refused the credential. Stops everybody else, and says whether this is the one
    /// who may renew it and try once more; the others ask to be admitted again. So does whose
    /// request was under way while another proved the renewed credential: it was sent with the old
    /// one, or by the old clock.
    pub fn refused(&mut self) -> bool {
        let mut shared = self.breaker.shared();
        if let Some(probe) = &mut self.probe {
            return match shared.probes_with(probe) {
                Some(probes) if !probes.is_retrying => {
                    probes.is_retrying = true;
                    probe.is_retry = true;
                    true
                }
                _ => false,
            };
        }
        if shared.state != State::Proven || shared.proofs != self.proofs {
            return false;
        }
        let probe = shared.begin_probing(Probes {
            is_retrying: true,
            ..Probes::FIRST
        });
        self.probe = Some(Probe {
            is_retry: true,
            ..probe
        });
        true
    }

    /// The credential is of no use, and neither is another request with it, for as long as a lock lasts;
    /// or for what is `left` of it, where an earlier run found that out.
    pub fn give_up(mut self, fault: Fault, left: Option<Duration>) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        let mut shared = self.breaker.shared();
        if shared.probes_with(&probe).is_some() {
            let until = Instant::now().saturating_add(left.unwrap_or(LOCK).min(LOCK));
            shared.state = State::Open(until);
            shared.refusal = Some(fault);
            self.breaker.queues.wake_all();
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        let mut shared = self.breaker.shared();
        let Some(probes) = shared.probes_with(&probe) else {
            return;
        };
        probes.count = probes.count.saturating_sub(1);
        if probe.is_retry {
            probes.is_retrying = false;
        }
        let probes = *probes;
        if probes.count == 0 {
            shared.state = State::Unproven;
        } else if !probes.has_room() {
            return;
        }
        match probes.limit {
            MAX_PROBES => self.breaker.wake_after_slow(&mut shared),
            _ => self.breaker.queues.next().notify_one(),
        }
    }
}

#[cfg(test)]
mod tests;
