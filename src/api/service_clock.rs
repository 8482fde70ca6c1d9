//! The service's clock, as far as its answers show it. A signature is refused when its time is
//! more than 15 minutes off, so requests are signed with this clock and not the machine's.
//!
//! A `Date` isn't trusted by itself: a proxy, a cache or one bad backend may have written it. Only
//! answers of the service itself count (see [`provenance`](super::provenance)). The clock is
//! corrected when a signature was refused and the refusal's `Date` is far off, or when two answers
//! agree. What two answers agree on is tried with one request first. Where the service refuses a
//! signature after that, the clock falls back, and later agreements don't count any more. So however
//! the answers are dated, they cost at most two refused requests.

mod bounds;
mod evidence;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use self::bounds::Bounds;
use self::evidence::{Dated, distance, millis_between, moved, plausible};
use crate::clock::Clock;

/// Differences below this are left alone: `Date` counts in seconds, and answers travel.
const TOLERANCE: Duration = Duration::from_secs(60);

/// A refused signature may be due to its time where that is at least this far off. The service
/// tolerates 15 minutes; a gateway may tolerate less.
const REFUSAL_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Two `Date`s whose offsets differ by less than this come from the same wrong clock.
const SAME_CLOCK: u64 = 15 * 60 * 1000;

/// The largest correction that answers can agree on, in milliseconds. A larger one takes a refused
/// signature.
const MAX_AGREED_CORRECTION: u64 = 24 * 3600 * 1000;

/// How far the machine's clock is from the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// The distance.
    pub off_by: Duration,
    /// Whether the machine's clock is ahead.
    pub ahead: bool,
}

/// What an answer of the service says about the signature of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCheck {
    /// The service took it.
    Accepted,
    /// The service refused it.
    Refused,
    /// Nothing, or there was none.
    Unknown,
}

/// An answer that has just arrived, as evidence of the service's time.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Its `Date`, where the service itself wrote it.
    pub date: Option<SystemTime>,
    /// How long it took.
    pub took: Duration,
    /// Whether the signature was accepted.
    pub signature: SignatureCheck,
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// When it arrived, by the service's clock.
    pub at: SystemTime,
    /// How far the machine's clock is off, where this answer is what corrects it.
    pub clock_off: Option<ClockOffset>,
    /// Whether the signature was refused, and a signature with another time may not be.
    pub sign_again: bool,
}

/// The machine's clock, corrected by what the service's answers say.
pub struct ServiceClock {
    machine: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// All corrections are milliseconds to add to the machine's time.
#[derive(Debug, Default)]
struct State {
    /// The machine's own time, or what a refusal has corrected it to.
    base: i64,
    /// What answers agreed on, once a request that was signed with it was accepted.
    agreed: Option<i64>,
    /// What answers agree on, and no request has shown to be right.
    trial: Option<Trial>,
    /// The last dated answer that contradicts the clock.
    candidate: Option<Dated>,
    /// A correction that answers agreed on and the service refused. Agreement doesn't count any more.
    refuted: Option<i64>,
    /// Refused signatures since the last accepted one.
    refused_in_a_row: u32,
    /// How far the service's clock can be ahead of the machine's.
    bounds: Option<Bounds>,
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    correction: i64,
    /// Whether a request that is signed with it is under way.
    is_under_way: bool,
}

impl State {
    fn correction(&self) -> i64 {
        self.agreed.unwrap_or(self.base)
    }

    /// Corrects the clock for good, until an answer shows that this was wrong.
    fn set_base(&mut self, correction: i64) {
        self.base = correction;
        self.agreed = None;
        self.trial = None;
        self.candidate = None;
        self.bounds = None;
    }
}

/// The time that a request is signed with.
pub struct SigningTime<'a> {
    clock: &'a ServiceClock,
    at: SystemTime,
    correction: i64,
    is_trial: bool,
}

impl SigningTime<'_> {
    /// The time itself.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        self.at
    }
}

impl Drop for SigningTime<'_> {
    // Without an answer nothing is known: the next request tries it.
    fn drop(&mut self) {
        if self.is_trial
            && let Some(trial) = &mut self.clock.state().trial
            && trial.correction == self.correction
        {
            trial.is_under_way = false;
        }
    }
}

impl ServiceClock {
    /// A clock that trusts the machine's until answers contradict it.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time to sign the next request with.
    pub fn signing_time(&self) -> SigningTime<'_> {
        let now = self.machine.now();
        let mut state = self.state();
        let mut correction = state.correction();
        let mut is_trial = false;
        if let Some(trial) = &mut state.trial
            && !trial.is_under_way
        {
            trial.is_under_way = true;
            (correction, is_trial) = (trial.correction, true);
        }
        SigningTime {
            clock: self,
            at: moved(now, correction),
            correction,
            is_trial,
        }
    }

    /// The credential is another one: what was refused before says nothing about its signatures.
    pub fn begin_with_another_credential(&self) {
        self.state().refused_in_a_row = 0;
    }

    /// Takes in an answer that has just arrived to a request that was signed with this time, if it
    /// was signed.
    pub fn observe(&self, signed: Option<SigningTime<'_>>, evidence: &Evidence) -> Observed {
        let arrived = self.machine.now();
        let dated = evidence
            .date
            .filter(|date| plausible(*date))
            .map(|date| Dated::new(date, Instant::now(), evidence.took));
        let mut state = self.state();
        let mut observed = Observed {
            at: arrived,
            clock_off: None,
            sign_again: false,
        };
        match (&signed, evidence.signature) {
            (Some(signed), SignatureCheck::Accepted) => state.accept(signed),
            (Some(signed), SignatureCheck::Refused) => {
                let date = dated.map(|dated| dated.date);
                (observed.clock_off, observed.sign_again) = state.refuse(signed, date, arrived);
            }
            _ => {}
        }
        let by_date = dated.map(|dated| millis_between(dated.date, arrived));
        if let (Some(dated), Some(offset)) = (dated, by_date)
            && evidence.signature != SignatureCheck::Refused
            && state.compare(dated, offset, signed.is_some())
        {
            observed.clock_off = Some(offset_of(offset));
        }
        observed.at = state.time_of_answer(dated, arrived);
        // Its drop takes the lock.
        drop(state);
        drop(signed);
        observed
    }
}

impl State {
    /// The service took a signature with this time.
    fn accept(&mut self, signed: &SigningTime<'_>) {
        self.refused_in_a_row = 0;
        if signed.is_trial
            && let Some(trial) = self.trial
            && trial.correction == signed.correction
        {
            self.agreed = Some(trial.correction);
            self.trial = None;
            self.candidate = None;
            self.bounds = None;
        }
    }

    /// The service refused a signature with this time. Says whether that corrects the clock, and
    /// whether to sign again.
    fn refuse(
        &mut self,
        signed: &SigningTime<'_>,
        date: Option<SystemTime>,
        arrived: SystemTime,
    ) -> (Option<ClockOffset>, bool) {
        if !signed.is_trial && signed.correction != self.correction() {
            // It was sent before the clock was corrected.
            return (None, true);
        }
        let is_first = self.refused_in_a_row == 0;
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        self.candidate = None;
        if signed.is_trial {
            self.trial = None;
            self.refuted = Some(signed.correction);
            return (None, is_first);
        }
        if let Some(agreed) = self.agreed.take() {
            self.refuted = Some(agreed);
            self.trial = None;
            self.bounds = None;
            return (None, is_first);
        }
        let by_date = date
            .filter(|date| distance(moved(arrived, signed.correction), *date).0 > REFUSAL_TOLERANCE)
            .map(|date| millis_between(date, arrived))
            .filter(|offset| !self.is_refuted(*offset));
        // A time that was accepted before and that the refusal's own `Date` doesn't contradict isn't
        // the reason.
        let is_contradicted = date.is_none() || by_date.is_some() || !is_first;
        match by_date {
            Some(offset) if is_first || self.base == 0 => {
                self.set_base(offset);
                (is_first.then(|| offset_of(offset)), is_first)
            }
            _ if self.base != 0 && is_contradicted => {
                self.set_base(0);
                (None, is_first)
            }
            _ => (None, false),
        }
    }

    fn is_refuted(&self, offset: i64) -> bool {
        self.refuted
            .is_some_and(|refuted| refuted.abs_diff(offset) < SAME_CLOCK)
    }

    /// Compares an answer's `Date`, which is this far ahead of the machine's clock, with the clock.
    /// Says whether it corrects the clock.
    fn compare(&mut self, dated: Dated, offset: i64, is_signed: bool) -> bool {
        let tolerance = TOLERANCE.as_millis() as u64;
        if offset.abs_diff(self.correction()) <= tolerance {
            self.candidate = None;
            self.trial = self.trial.filter(|trial| trial.is_under_way);
            return false;
        }
        if self.refuted.is_some() || offset.unsigned_abs() > MAX_AGREED_CORRECTION {
            return false;
        }
        let agrees = self.candidate.is_some_and(|one| one.agrees_with(dated));
        self.candidate = Some(dated);
        let is_tried = self.trial.is_some_and(|trial| {
            trial.is_under_way || trial.correction.abs_diff(offset) <= tolerance
        });
        if !agrees || is_tried {
            return false;
        }
        if is_signed {
            self.trial = Some(Trial {
                correction: offset,
                is_under_way: false,
            });
        } else {
            // No signature depends on it.
            self.set_base(offset);
        }
        true
    }

    /// The service's time now, to a fraction of a second: that of an answer that has just arrived.
    ///
    /// `Date` counts in whole seconds. But each answer says between which two times the service's
    /// clock was when it was made, and few answers leave little room between all of them. Where the
    /// machine's clock fits in, it is right. A `Date` that contradicts the clock doesn't count.
    fn time_of_answer(&mut self, dated: Option<Dated>, arrived: SystemTime) -> SystemTime {
        let correction = self.correction();
        let tolerance = TOLERANCE.as_millis() as u64;
        if let Some(dated) = dated
            && millis_between(dated.date, arrived).abs_diff(correction) <= tolerance
        {
            let by_this = Bounds::of(dated.date, dated.took, arrived);
            let before = self.bounds.map(|before| before.at(arrived));
            // Where they contradict each other, one of the clocks was set meanwhile.
            let both = before.and_then(|before| before.and(by_this));
            self.bounds = both.or(Some(by_this));
        }
        let ahead = match self.bounds {
            Some(bounds) => 0.clamp(bounds.least, bounds.most),
            None => correction,
        };
        moved(arrived, ahead)
    }
}

/// How far the machine's clock is off where the service's is this far ahead, in milliseconds.
fn offset_of(service_ahead: i64) -> ClockOffset {
    ClockOffset {
        off_by: Duration::from_millis(service_ahead.unsigned_abs()),
        ahead: service_ahead < 0,
    }
}
