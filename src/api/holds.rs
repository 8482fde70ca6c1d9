//! What services said of credentials in an earlier run of the program, and say in this one.
//!
//! A breaker and a limiter are new with each start. Without a memory, a daemon that is started again and
//! again sends one refused request each time, and more than five lock the key. So what a service said
//! is kept, and answered in its place until it is over: to the rest of the program it is as if the
//! service had said it again. A credential that was changed has another key, and is tried at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::breaker::LOCK;
use super::limiter::LEARNED_LIMIT_TTL;
use super::{Content, RateLimit, Refusal};
use crate::auth::{Credential, Found};
use crate::clock::{Clock as _, SaturatingAdd as _, SystemClock};
use crate::model::{CredentialHold, Fault, HoldChange, HoldReason};

/// The longest pause that a service may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// Keeps what services said of credentials. The default one keeps nothing.
#[derive(Default)]
pub struct HoldBook {
    state: Mutex<State>,
    /// Where changes go that are to be stored.
    changes: Option<UnboundedSender<HoldChange>>,
}

#[derive(Default)]
struct State {
    /// What earlier runs were told.
    earlier: HashMap<String, Earlier>,
    /// The credentials that something is stored of.
    stored: HashSet<String>,
}

#[derive(Default)]
struct Earlier {
    refused: Option<(Fault, Instant)>,
    throttled: Option<(Option<RateLimit>, Instant)>,
}

impl HoldBook {
    /// A book that begins with what is stored, where the wall clock shows `now`. Clocks jump: nothing is
    /// held for longer than it would be if the service had just said it.
    #[must_use]
    pub fn restore(
        holds: Vec<CredentialHold>,
        now: SystemTime,
        changes: UnboundedSender<HoldChange>,
    ) -> Self {
        let mut state = State::default();
        for hold in holds {
            state.stored.insert(hold.key.clone());
            let left = hold.until.duration_since(now).unwrap_or_default();
            let earlier = state.earlier.entry(hold.key).or_default();
            let until = |most: Duration| Instant::now().saturating_add(left.min(most));
            match hold.reason {
                HoldReason::Refused(fault) if !left.is_zero() => {
                    earlier.refused = Some((fault, until(LOCK)));
                }
                HoldReason::Refused(_) => {}
                HoldReason::Throttled(limit) => {
                    let over = now.duration_since(hold.until).unwrap_or_default();
                    let limit = limit.filter(|_| over < LEARNED_LIMIT_TTL);
                    if limit.is_some() || !left.is_zero() {
                        let limit = limit.map(|(requests, per)| RateLimit { requests, per });
                        earlier.throttled = Some((limit, until(MAX_PAUSE)));
                    }
                }
            }
        }
        Self {
            state: Mutex::new(state),
            changes: Some(changes),
        }
    }

    /// Discards all holds: the user wants requests to be sent now.
    pub fn lift(&self) {
        let keys: Vec<String> = {
            let mut state = self.state();
            state.earlier.clear();
            state.stored.drain().collect()
        };
        if !keys.is_empty() {
            self.send(HoldChange::Lifted { keys });
        }
    }

    fn lift_one(&self, key: &str) {
        let was_stored = {
            let mut state = self.state();
            state.earlier.remove(key);
            state.stored.remove(key)
        };
        if was_stored {
            let keys = vec![key.to_owned()];
            self.send(HoldChange::Lifted { keys });
        }
    }

    /// The refusal of an earlier run that still holds, and for how long.
    fn refusal(&self, key: &str) -> Option<(Fault, Duration)> {
        let state = self.state();
        let (fault, until) = state.earlier.get(key)?.refused.as_ref()?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| (fault.clone(), left))
    }

    /// What the service would say again, by what it said in an earlier run. A limit is said once, and
    /// then known to the limiter.
    pub(crate) fn said_before(&self, key: &str) -> Option<Refusal> {
        if let Some((fault, _)) = self.refusal(key) {
            tracing::debug!("the credential was refused in an earlier run, and is not sent yet");
            return Some(Refusal {
                status: fault.http_status.unwrap_or(401),
                fault,
                retry_after: None,
                limit: None,
            });
        }
        let throttled = self.state().earlier.get_mut(key)?.throttled.take();
        let (limit, until) = throttled?;
        tracing::debug!("the service throttled an earlier run, and is not asked yet");
        Some(Refusal {
            status: 429,
            fault: Fault {
                http_status: Some(429),
                ..Fault::local("the service asked an earlier run of this program to wait")
            },
            retry_after: Some(until.saturating_duration_since(Instant::now())),
            limit,
        })
    }

    /// Takes in what the service says now.
    pub(crate) fn observe(&self, key: &str, content: &Content) {
        let Content::Refused(refusal) = content else {
            if matches!(content, Content::Job(_)) {
                self.accepted(key);
            }
            return;
        };
        let wait = refusal.retry_after.unwrap_or_default();
        let wait = wait.max(refusal.limit.map_or(Duration::ZERO, RateLimit::spacing));
        match refusal.status {
            401 => self.hold(key, LOCK, HoldReason::Refused(refusal.fault.clone())),
            400 | 403 | 404 => self.accepted(key),
            _ if !wait.is_zero() => {
                let limit = refusal.limit.map(|limit| (limit.requests, limit.per));
                self.hold(key, wait, HoldReason::Throttled(limit));
            }
            _ => {}
        }
    }

    fn hold(&self, key: &str, left: Duration, reason: HoldReason) {
        self.state().stored.insert(key.to_owned());
        self.send(HoldChange::Held(CredentialHold {
            key: key.to_owned(),
            reason,
            until: SystemClock.now().saturating_add(left),
        }));
    }

    /// The service takes the credential.
    pub(crate) fn accepted(&self, key: &str) {
        let was_stored = {
            let mut state = self.state();
            state.earlier.remove(key);
            state.stored.remove(key)
        };
        if was_stored {
            let key = key.to_owned();
            self.send(HoldChange::Accepted { key });
        }
    }

    /// The credential's key at an endpoint, where anything is kept.
    pub(crate) fn key(&self, credential: &Credential, endpoint: &str) -> Option<String> {
        self.changes.as_ref()?;
        credential.fingerprint(endpoint)
    }

    fn send(&self, change: HoldChange) {
        if let Some(changes) = &self.changes {
            // The receiver is gone only when the program is about to end.
            drop(changes.send(change));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of the credential that one client uses at its endpoint.
pub(super) struct ClientHolds {
    book: Arc<HoldBook>,
    endpoint: String,
    /// The key of the credential that was used last.
    last: Mutex<Option<(Arc<Found>, String)>>,
}

impl ClientHolds {
    pub(super) fn new(book: Arc<HoldBook>, endpoint: String) -> Self {
        Self {
            book,
            endpoint,
            last: Mutex::default(),
        }
    }

    fn key(&self, found: &Arc<Found>) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, key)) = &*last
            && Arc::ptr_eq(of, found)
        {
            return Some(key.clone());
        }
        let key = self.book.key(&found.credential, &self.endpoint)?;
        *last = Some((Arc::clone(found), key.clone()));
        Some(key)
    }

    /// What stands in the place of an answer, as the service said so in an earlier run.
    pub(super) fn said_before(&self, found: &Arc<Found>) -> Option<Content> {
        let refusal = self.book.said_before(&self.key(found)?)?;
        Some(Content::Refused(refusal))
    }

    pub(super) fn observe(&self, found: &Arc<Found>, content: &Content) {
        if let Some(key) = self.key(found) {
            self.book.observe(&key, content);
        }
    }

    /// How long a refusal of an earlier run still holds.
    pub(super) fn refused_for(&self, found: &Arc<Found>) -> Option<Duration> {
        Some(self.book.refusal(&self.key(found)?)?.1)
    }

    pub(super) fn lift(&self, found: &Arc<Found>) {
        if let Some(key) = self.key(found) {
            self.book.lift_one(&key);
        }
    }
}

#[cfg(test)]
mod tests;
