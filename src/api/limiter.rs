//! How often the service is asked, by all watches under one credential together.
//!
//! Requests are spaced evenly and get their turns in the order in which they ask for them, each in
//! constant time. A burst is never allowed: whatever the window that the service counts over, the
//! limit holds in it.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::RateLimit;
use crate::clock::SaturatingAdd as _;

/// How long a limit that the service named is kept to, once the pause is over that came with it. Then the
/// user's is tried again: the service may have raised the limit, and names it anew where it hasn't.
pub(super) const LEARNED_LIMIT_TTL: Duration = Duration::from_secs(3600);

/// How late a turn may be used in any case: timers and tasks are never quite on time, and where the
/// spacing is shorter than that, nobody would ever have a turn.
const SLACK: Duration = Duration::from_millis(50);

/// Leave to send one request, at its time and not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When it comes.
    pub at: Instant,
    /// The calls for a halt there had been when it was given out.
    pauses: u64,
}

/// A place in the line, or none. Whoever drops it without having taken a turn leaves the line, which is
/// shorter then.
#[derive(Debug, Default)]
pub struct Place<'a>(Option<&'a Limiter>);

impl Place<'_> {
    /// The turn has come near.
    pub fn taken(mut self) {
        self.0 = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(limiter) = self.0 {
            let mut state = limiter.state();
            state.end = state.end.and_then(|end| end.checked_sub(state.spacing()));
        }
    }
}

/// What the service has asked for, and holds requests back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateHold {
    /// The limit that it named, where it did.
    pub limit: Option<RateLimit>,
    /// When the next request may be sent.
    pub until: Instant,
}

/// A limit that the service named.
#[derive(Debug, Clone, Copy)]
struct LearnedLimit {
    limit: RateLimit,
    /// When the user's is tried again.
    expires_at: Instant,
}

/// Gives out the turns.
#[derive(Debug)]
pub struct Limiter {
    /// The spacing that the user allows.
    spacing: Duration,
    state: Mutex<State>,
    /// Notified when a pause is lifted.
    lifted: Notify,
}

#[derive(Debug)]
struct State {
    /// The spacing for all who share the limit: the user's, or the wider one that the service named.
    whole: Duration,
    /// How many processes share the limit.
    shares: u32,
    next: Option<Instant>,
    /// The end of the line: when whoever comes next is to ask for a turn.
    end: Option<Instant>,
    held_until: Option<Instant>,
    /// Where the service named a limit stricter than the user's.
    learned: Option<LearnedLimit>,
    /// How many pauses there have been.
    pauses: u64,
}

impl State {
    /// The spacing in force.
    fn spacing(&self) -> Duration {
        self.whole.saturating_mul(self.shares)
    }

    /// Changes the spacing. The line is as long as before, in turns: whoever leaves it takes one off.
    fn respace(&mut self, now: Instant, whole: Duration, shares: u32) {
        let before = self.spacing();
        (self.whole, self.shares) = (whole, shares);
        if let Some(end) = self.end
            && let Some(left) = end.checked_duration_since(now)
            && !before.is_zero()
        {
            let turns = left.as_secs_f64() / before.as_secs_f64();
            let left = self.spacing().as_secs_f64() * turns;
            let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
            self.end = Some(now.saturating_add(left));
        }
    }

    /// Forgets the limit that the service named.
    fn unlearn(&mut self, now: Instant, spacing: Duration) {
        self.learned = None;
        self.respace(now, spacing, self.shares);
    }
}

impl Limiter {
    /// A limiter that allows `requests_per_second`, which is more than zero.
    #[must_use]
    pub fn new(requests_per_second: f64) -> Self {
        let spacing =
            Duration::try_from_secs_f64(1.0 / requests_per_second).unwrap_or(Duration::MAX);
        Self {
            spacing,
            state: Mutex::new(State {
                whole: spacing,
                shares: 1,
                next: None,
                end: None,
                held_until: None,
                learned: None,
                pauses: 0,
            }),
            lifted: Notify::new(),
        }
    }

    /// When whoever is to send a request now is to ask for its turn: at once, or after those that came
    /// before. What it does until then is up to it: a million watches that are due together, as after a
    /// restart, go on sleeping, where to wait for their turns would take more room.
    pub fn line_up(&self, now: Instant) -> (Instant, Place<'_>) {
        let mut state = self.state_at(now);
        let at = [state.end, state.held_until].into_iter().flatten();
        let at = at.fold(now, Instant::max);
        state.end = Some(at.saturating_add(state.spacing()));
        (at, Place(Some(self)))
    }

    /// Takes the next turn, where it comes by `latest`; `None` is no limit. Whoever has slept until it
    /// comes asks [`Limiter::is_good`], as much may have happened meanwhile.
    pub fn reserve(&self, now: Instant, latest: Option<Instant>) -> Option<Turn> {
        let mut state = self.state_at(now);
        let at = state.next.map_or(now, |next| next.max(now));
        if latest.is_some_and(|latest| at > latest) {
            return None;
        }
        state.next = Some(at.saturating_add(state.spacing()));
        Some(Turn {
            at,
            pauses: state.pauses,
        })
    }

    /// Whether the turn may be used now. Not when there has been a pause since it was given out, nor
    /// when it is long over, as after the machine was halted: turns that are overdue together must
    /// not be used together. Whoever holds such a one takes a new one.
    pub fn is_good(&self, turn: Turn, now: Instant) -> bool {
        let state = self.state();
        let overdue = now.saturating_duration_since(turn.at);
        state.pauses == turn.pauses && overdue <= state.spacing().max(SLACK)
    }

    /// Takes all turns back, as nobody may use theirs: the next one comes as soon as the spacing
    /// allows.
    pub fn recall(&self, now: Instant) {
        let mut state = self.state();
        let next = now.saturating_add(state.spacing());
        state.next = Some(state.held_until.map_or(next, |held| held.max(next)));
        state.pauses += 1;
    }

    /// Sleeps until a turn comes, or until it is void as a pause was lifted.
    pub async fn wait_for(&self, turn: Turn) {
        let lifted = pin!(self.lifted.notified());
        if turn.at > Instant::now() && self.state().pauses == turn.pauses {
            // Either end is as good: the turn is looked at again.
            drop(timeout_at(turn.at, lifted).await);
        }
    }

    /// Sends nothing for that long, nor before the next request would have its turn; all turns
    /// that were given out are void. Keeps to the limit that the service named from now on, where
    /// that is stricter than the user's, and until an hour after the pause; the latest one named
    /// counts. Says how long nothing is sent: longer, where an earlier pause lasts longer.
    pub fn pause(&self, now: Instant, wait: Duration, limit: Option<RateLimit>) -> Duration {
        let mut state = self.state_at(now);
        let known = state.learned.map(|learned| learned.limit);
        if let Some(limit) = limit {
            let (whole, shares) = (limit.spacing().max(self.spacing), state.shares);
            state.respace(now, whole, shares);
        }
        let until = now.saturating_add(wait.max(state.spacing()));
        let until = state.held_until.map_or(until, |held| held.max(until));
        state.held_until = Some(until);
        state.next = Some(until);
        state.pauses += 1;
        if let Some(limit) = limit {
            let is_stricter = state.whole > self.spacing;
            state.learned = is_stricter.then(|| LearnedLimit {
                limit,
                expires_at: until.saturating_add(LEARNED_LIMIT_TTL),
            });
        }
        let (learned, spacing) = (state.learned, state.spacing());
        drop(state);
        if let Some(LearnedLimit { limit, .. }) = learned
            && known != Some(limit)
        {
            let RateLimit { requests, per } = limit;
            tracing::warn!(
                requests,
                ?per,
                ?spacing,
                "the service named a limit that is stricter than limits.max_rps; all requests with this credential keep to it until an hour has passed without another 429"
            );
        }
        until.saturating_duration_since(now)
    }

    /// Ends the pause and discards the limit that the service named, on the user's request. Returns whether
    /// there was either; waiting watches must then queue again.
    pub fn lift(&self, now: Instant) -> bool {
        let mut state = self.state_at(now);
        let is_paused = state.held_until.is_some_and(|held| held > now);
        if !is_paused && state.learned.is_none() {
            return false;
        }
        state.unlearn(now, self.spacing);
        state.held_until = None;
        state.end = None;
        state.next = Some(now.saturating_add(state.spacing()));
        state.pauses += 1;
        drop(state);
        self.lifted.notify_waiters();
        true
    }

    /// What the service asked for, while that holds the next request back.
    pub fn hold(&self, now: Instant) -> Option<RateHold> {
        let state = self.state_at(now);
        let limit = state.learned.map(|learned| learned.limit);
        let paused_until = state.held_until.filter(|held| *held > now);
        let until = paused_until.or(state.next.filter(|next| limit.is_some() && *next > now))?;
        Some(RateHold { limit, until })
    }

    /// The limit that the service named and that is kept to now, and for how long.
    pub fn learned(&self, now: Instant) -> Option<(RateLimit, Duration)> {
        let learned = self.state_at(now).learned?;
        let left = learned.expires_at.saturating_duration_since(now);
        Some((learned.limit, left))
    }

    /// How long the service wants nothing to be sent from now on.
    pub fn paused(&self, now: Instant) -> Option<Duration> {
        let left = self.state().held_until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// The time between two requests that is kept to now.
    pub fn spacing(&self) -> Duration {
        self.state_at(Instant::now()).spacing()
    }

    /// Shares the limit with others from now on: so many processes keep to it together, this one
    /// included. Those who are in line already ask for their turns when they were to.
    pub fn share_among(&self, now: Instant, processes: u32) {
        let mut state = self.state_at(now);
        let before = state.spacing();
        let whole = state.whole;
        state.respace(now, whole, processes.max(1));
        // A turn that was given out counts by the wider spacing.
        let wider = state.spacing().saturating_sub(before);
        state.next = state.next.map(|next| next.saturating_add(wider));
    }

    /// The state, without a limit that is kept to no longer.
    fn state_at(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.learned.is_some_and(|one| one.expires_at <= now) {
            state.unlearn(now, self.spacing);
        }
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two writes, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
