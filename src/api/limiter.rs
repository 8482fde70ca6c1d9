//! How often the service is asked, by all watches under one credential together.
//!
//! Requests are spaced evenly and get their turns in the order in which they ask for them, each in
//! constant time. A burst is never allowed: whatever the window that the service counts over, the
//! limit holds in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::RateLimit;

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

/// Gives out the turns.
#[derive(Debug)]
pub struct Limiter {
    /// The spacing that the user allows.
    spacing: Duration,
    state: Mutex<State>,
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
    /// How many pauses there have been.
    pauses: u64,
}

impl State {
    /// The spacing in force.
    fn spacing(&self) -> Duration {
        self.whole * self.shares
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
            self.end = Some(now + self.spacing().mul_f64(turns));
        }
    }
}

impl Limiter {
    /// A limiter that allows `requests_per_second`, which is more than zero.
    #[must_use]
    pub fn new(requests_per_second: f64) -> Self {
        let spacing = Duration::try_from_secs_f64(1.0 / requests_per_second).unwrap_or_default();
        Self {
            spacing,
            state: Mutex::new(State {
                whole: spacing,
                shares: 1,
                next: None,
                end: None,
                held_until: None,
                pauses: 0,
            }),
        }
    }

    /// When whoever is to send a request now is to ask for its turn: at once, or after those that came
    /// before. What it does until then is up to it: a million watches that are due together, as after a
    /// restart, go on sleeping, where to wait for their turns would take more room.
    pub fn line_up(&self, now: Instant) -> (Instant, Place<'_>) {
        let mut state = self.state();
        let at = [state.end, state.held_until].into_iter().flatten();
        let at = at.fold(now, Instant::max);
        state.end = Some(at + state.spacing());
        (at, Place(Some(self)))
    }

    /// Takes the next turn, where it comes by `latest`; `None` is no limit. Whoever has slept until it
    /// comes asks [`Limiter::is_good`], as much may have happened meanwhile.
    pub fn reserve(&self, now: Instant, latest: Option<Instant>) -> Option<Turn> {
        let mut state = self.state();
        let at = state.next.map_or(now, |next| next.max(now));
        if latest.is_some_and(|latest| at > latest) {
            return None;
        }
        state.next = Some(at + state.spacing());
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
        let next = now + state.spacing();
        state.next = Some(state.held_until.map_or(next, |held| held.max(next)));
        state.pauses += 1;
    }

    /// Sends nothing for that long, nor before the next request would have its turn; all turns
    /// that were given out are void. Keeps to the limit that the service named from now on, where
    /// that is stricter than the user's; the latest one named counts. Says how long nothing is
    /// sent: longer, where an earlier pause lasts longer.
    pub fn pause(&self, now: Instant, wait: Duration, limit: Option<RateLimit>) -> Duration {
        let mut state = self.state();
        if let Some(limit) = limit {
            let (whole, shares) = (limit.spacing().max(self.spacing), state.shares);
            state.respace(now, whole, shares);
        }
        let until = now + wait.max(state.spacing());
        let until = state.held_until.map_or(until, |held| held.max(until));
        state.held_until = Some(until);
        state.next = Some(until);
        state.pauses += 1;
        until.duration_since(now)
    }

    /// How long the service wants nothing to be sent from now on.
    pub fn paused(&self, now: Instant) -> Option<Duration> {
        let left = self.state().held_until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// The time between two requests that is kept to now.
    pub fn spacing(&self) -> Duration {
        self.state().spacing()
    }

    /// Shares the limit with others from now on: so many processes keep to it together, this one
    /// included. Those who are in line already ask for their turns when they were to.
    pub fn share_among(&self, now: Instant, processes: u32) {
        let mut state = self.state();
        let before = state.spacing();
        let whole = state.whole;
        state.respace(now, whole, processes.max(1));
        // A turn that was given out counts by the wider spacing.
        let wider = state.spacing().saturating_sub(before);
        state.next = state.next.map(|next| next + wider);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two writes, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn reserve(limiter: &Limiter, now: Instant) -> Turn {
        limiter.reserve(now, None).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_spaced_evenly_in_the_order_of_asking() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        for n in 0..5 {
            assert_eq!(reserve(&limiter, start).at, start + millis(100 * n));
        }
        let late = start + millis(900);
        assert_eq!(reserve(&limiter, late).at, late);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_the_service_names_slows_everybody_down() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let per = Duration::from_secs(300);
        let limit = RateLimit { requests: 200, per };
        let paused = limiter.pause(start, millis(100), Some(limit));
        assert_eq!(paused, millis(1500), "the request before counts as well");
        assert_eq!(reserve(&limiter, start).at, start + millis(1500));
        assert_eq!(reserve(&limiter, start).at, start + millis(3000));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_leave_the_line_make_it_shorter_and_those_who_had_their_turn_dont() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let mut line: Vec<Place<'_>> = (0..100)
            .map(|n| {
                let (at, place) = limiter.line_up(start);
                assert_eq!(at, start + millis(100) * n);
                place
            })
            .collect();
        drop(line.split_off(10));
        line.into_iter().for_each(Place::taken);
        assert_eq!(limiter.line_up(start).0, start + millis(1000));
        let later = start + millis(5000);
        assert_eq!(limiter.line_up(later).0, later);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_wider_than_the_users_changes_nothing() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let limit = RateLimit {
            requests: 1000,
            per: Duration::from_secs(1),
        };
        assert_eq!(limiter.pause(start, millis(1), Some(limit)), millis(100));
        assert_eq!(reserve(&limiter, start).at, start + millis(100));
        assert_eq!(reserve(&limiter, start).at, start + millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_during_a_pause_and_turns_go_on_spaced_after_it() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        reserve(&limiter, start);
        assert_eq!(limiter.pause(start, millis(5000), None), millis(5000));
        assert_eq!(reserve(&limiter, start).at, start + millis(5000));
        let paused = limiter.pause(start + millis(10), millis(1000), None);
        assert_eq!(paused, millis(4990), "the longer one counts");
        assert_eq!(reserve(&limiter, start).at, start + millis(5000));
        assert_eq!(reserve(&limiter, start).at, start + millis(5100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_voids_the_turns_that_come_after_it_too() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let turns = [(); 5].map(|()| reserve(&limiter, start));
        limiter.pause(start, millis(200), None);
        assert!(turns.iter().all(|turn| !limiter.is_good(*turn, turn.at)));
        let turn = reserve(&limiter, start);
        assert!(limiter.is_good(turn, turn.at));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_are_overdue_together_are_not_used_together() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let turns = [(); 20].map(|()| reserve(&limiter, start));
        // The machine was halted, and goes on long after all of them.
        let late = start + millis(60_000);
        let again = turns.map(|turn| {
            assert!(!limiter.is_good(turn, late));
            reserve(&limiter, late)
        });
        for (n, turn) in again.iter().enumerate() {
            assert_eq!(turn.at, late + millis(100) * u32::try_from(n).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_may_be_used_a_little_late_however_short_the_spacing() {
        let start = Instant::now();
        let turn = reserve(&Limiter::new(10_000.0), start);
        let limiter = Limiter::new(10_000.0);
        assert!(limiter.is_good(turn, start + millis(20)));
        assert!(!limiter.is_good(turn, start + millis(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_are_taken_back_leave_their_place_but_for_a_pause() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        let turns = [(); 20].map(|()| reserve(&limiter, start));
        limiter.recall(start);
        assert!(turns.iter().all(|turn| !limiter.is_good(*turn, turn.at)));
        assert_eq!(reserve(&limiter, start).at, start + millis(100));
        assert_eq!(limiter.paused(start), None);
        limiter.pause(start, millis(5000), None);
        limiter.recall(start);
        assert_eq!(reserve(&limiter, start).at, start + millis(5000));
        assert_eq!(limiter.paused(start + millis(1000)), Some(millis(4000)));
        assert_eq!(limiter.paused(start + millis(5000)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_share_a_limit_keep_to_it_together() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        reserve(&limiter, start);
        limiter.share_among(start, 3);
        assert_eq!(reserve(&limiter, start).at, start + millis(300));
        let limit = RateLimit {
            requests: 5,
            per: Duration::from_secs(1),
        };
        limiter.pause(start + millis(300), millis(1), Some(limit));
        assert_eq!(
            limiter.spacing(),
            millis(600),
            "the service counts them together"
        );
        limiter.share_among(start + millis(300), 1);
        assert_eq!(limiter.spacing(), millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_as_long_in_turns_when_the_limit_is_shared_otherwise() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0);
        limiter.share_among(start, 3);
        let line: Vec<Place<'_>> = (0..10).map(|_| limiter.line_up(start).1).collect();
        limiter.share_among(start, 2);
        let (last, place) = limiter.line_up(start);
        assert_eq!(last, start + millis(2000));
        drop((line, place));
        assert_eq!(limiter.line_up(start).0, start);
    }
}
