//! Keeps one credential fresh for everybody who uses it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::chain::Chain;
use super::error::AuthError;
use super::found::Found;
use crate::clock::SaturatingAdd as _;

/// How long before its end a credential is renewed at the earliest, as the vendor's SDKs do it.
const LONGEST_LEAD: Duration = Duration::from_secs(40 * 60);
/// How long the source is left alone after it was asked in vain.
const PAUSE: Duration = Duration::from_secs(15);
/// How long a service is left alone after it refused to give a credential.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5 * 60);
/// How long the source is left alone after it gave a credential, however short-lived.
const SHORTEST_USE: Duration = Duration::from_secs(60);

/// The credential of a [`Chain`], renewed ahead of its end.
pub struct Provider {
    chain: Chain,
    state: Mutex<State>,
    /// Held by whoever asks the source.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct State {
    found: Arc<Found>,
    /// When the source is to be asked again; never, where the credential has no end.
    due: Option<SystemTime>,
    /// What came of asking last, if it was in vain.
    failure: Option<Arc<AuthError>>,
    /// Until when the source isn't asked, as it is a service that asked for a pause or refused.
    paused_until: Option<SystemTime>,
    /// How often the source has been asked.
    readings: u64,
}

impl State {
    fn new(found: Arc<Found>, now: SystemTime, readings: u64) -> Self {
        Self {
            due: found.expires_at.map(|end| due(now, end)),
            found,
            failure: None,
            paused_until: None,
            readings,
        }
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.found.expires_at.is_none_or(|end| now < end)
    }

    /// The credential, for as long as the source is left alone.
    fn credential(self, now: SystemTime) -> Result<Arc<Found>, AuthError> {
        let is_valid = self.is_valid(now);
        match self.failure {
            Some(failure) if !is_valid => Err(AuthError::Repeated(failure)),
            _ => Ok(self.found),
        }
    }
}

/// How long the service that answered so isn't asked again.
fn pause_after(error: &AuthError) -> Option<Duration> {
    let after_refusal = match error.refused_with() {
        Some(401 | 403) => Some(PAUSE_AFTER_REFUSAL),
        _ => None,
    };
    after_refusal.max(error.retry_after())
}

/// When a credential is renewed that was got at `now`: in the last quarter of its life, or in the
/// last 40 minutes of a long one. Some sources give out the same one until it is nearly over; the
/// quarter then shrinks each time.
fn due(now: SystemTime, end: SystemTime) -> SystemTime {
    let life = end.duration_since(now).unwrap_or_default();
    let lead = LONGEST_LEAD.min(life.checked_div(4).unwrap_or_default());
    now.saturating_add(life.saturating_sub(lead).max(SHORTEST_USE))
}

impl Provider {
    /// Finds the credential.
    ///
    /// # Errors
    /// Those of [`Chain::find`].
    pub async fn load(chain: Chain) -> Result<Self, AuthError> {
        let found = Arc::new(chain.find().await?);
        let state = State::new(found, chain.clock.now(), 0);
        Ok(Self {
            chain,
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The credential as it is by now.
    #[must_use]
    pub fn found(&self) -> Arc<Found> {
        self.state().found
    }

    /// A valid credential. The source is asked only where a renewal is due, and by one caller for
    /// all; while the present credential is valid, the others don't wait.
    ///
    /// # Errors
    /// When the present credential is over and the source gives no other.
    pub async fn credential(&self) -> Result<Arc<Found>, AuthError> {
        let state = self.state();
        let now = self.chain.clock.now();
        if !state.is_due(now) {
            return state.credential(now);
        }
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) if state.is_valid(now) => return Ok(state.found),
            Err(_) => self.turn.lock().await,
        };
        let (state, now) = (self.state(), self.chain.clock.now());
        if !state.is_due(now) {
            return state.credential(now);
        }
        match self.read().await {
            Ok(found) => Ok(found),
            Err(error) if state.is_valid(now) => {
                tracing::warn!(%error, "the credential can't be renewed yet; the present one is still valid");
                Ok(state.found)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the source again, after the service has refused a credential. True when there is
    /// another one than the refused; without asking, where somebody else has got it already.
    ///
    /// # Errors
    /// When the source is gone or broken.
    pub async fn renew(&self, refused: &Arc<Found>) -> Result<bool, AuthError> {
        let readings = self.state().readings;
        let _turn = self.turn.lock().await;
        let state = self.state();
        let is_other = |found: &Found| !found.credential.is_same_as(&refused.credential);
        if is_other(&state.found) {
            return Ok(true);
        }
        if state.readings != readings {
            // Somebody else asked for the same reason while this one waited for its turn.
            return match state.failure {
                Some(failure) => Err(AuthError::Repeated(failure)),
                None => Ok(false),
            };
        }
        if let (Some(until), Some(failure)) = (state.paused_until, state.failure)
            && self.chain.clock.now() < until
        {
            return Err(AuthError::Repeated(failure));
        }
        Ok(is_other(&*self.read().await?))
    }

    /// Asks the source, and keeps what comes of it. The caller has the turn.
    async fn read(&self) -> Result<Arc<Found>, AuthError> {
        let before = self.state();
        let answer = self.chain.read_again(&before.found.source).await;
        let now = self.chain.clock.now();
        let readings = before.readings + 1;
        let (state, answer) = match answer {
            Ok(found) => {
                let found = Arc::new(found);
                tracing::debug!(source = %found.source, credential = %found, "read the credential again");
                (State::new(Arc::clone(&found), now, readings), Ok(found))
            }
            Err(error) => {
                let failure = Arc::new(error);
                let pause = pause_after(&failure);
                let state = State {
                    due: before
                        .due
                        .map(|_| now.saturating_add(pause.unwrap_or_default().max(PAUSE))),
                    failure: Some(Arc::clone(&failure)),
                    paused_until: pause.map(|pause| now.saturating_add(pause)),
                    readings,
                    ..before
                };
                (state, Err(AuthError::Repeated(failure)))
            }
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        answer
    }

    fn state(&self) -> State {
        let state = self.state.lock();
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
