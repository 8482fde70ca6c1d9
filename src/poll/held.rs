//! What a watch has to hold at times: what doesn't go well and since when, and what it ends with.

use std::time::Duration;

use tokio::time::Instant;

use super::verdict::FinalAnswer;
use crate::model::{Fault, Job};

/// How many final answers in a row count, where they contradict what the service has shown.
const CONFIRMATIONS: u32 = 3;

/// How long it takes from the first of them to the last, at least.
const CONFIRMATION_SPAN: Duration = Duration::from_secs(5);

/// The longest wait for the next of them, however long the intervals after errors are: a job that is gone
/// is reported soon.
const MAX_CONFIRMATION_INTERVAL: Duration = Duration::from_secs(10);

/// Rare, and so on the heap while there is anything.
#[derive(Default)]
pub(super) struct Held(Option<Box<State>>);

#[derive(Default, PartialEq)]
struct State {
    /// How many faults in a row.
    faults: u32,
    /// The last of them.
    fault: Option<Fault>,
    /// Since when the credential is refused.
    refused: Option<Instant>,
    /// Since when the endpoint is wrong.
    misplaced: Option<Instant>,
    /// The final answers since the last description that contradict it.
    unconfirmed: Option<Unconfirmed>,
    /// The description that the watch ends with.
    last: Option<Job>,
}

#[derive(PartialEq)]
struct Unconfirmed {
    count: u32,
    first: Instant,
}

impl Held {
    fn state(&mut self) -> &mut State {
        self.0.get_or_insert_default()
    }

    /// Changes what there is, and lets go of it where that leaves nothing.
    fn change(&mut self, change: impl FnOnce(&mut State)) {
        if let Some(state) = &mut self.0 {
            change(state);
            if **state == State::default() {
                self.0 = None;
            }
        }
    }

    /// Another fault in a row.
    pub(super) fn fail(&mut self, fault: Fault) {
        let state = self.state();
        state.faults += 1;
        state.fault = Some(fault);
    }

    /// The fault that may end the watch, which counts for nothing by itself.
    pub(super) fn blame(&mut self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    /// A good answer ends the faults.
    pub(super) fn succeed(&mut self) {
        self.change(|state| {
            state.faults = 0;
            state.fault = None;
            state.unconfirmed = None;
        });
    }

    /// Another final answer that contradicts an earlier description. Says whether it counts: as the third
    /// in a row, whatever kinds the others were of. Transient errors in between change nothing.
    pub(super) fn confirms(&mut self, answer: FinalAnswer, now: Instant) -> bool {
        let state = self.state();
        // While the endpoint is being mended, one odd answer of another kind ends nothing either.
        if state.misplaced.is_some() && answer != FinalAnswer::Misconfigured {
            state.unconfirmed = None;
        }
        let unconfirmed = state.unconfirmed.get_or_insert(Unconfirmed {
            count: 0,
            first: now,
        });
        unconfirmed.count = unconfirmed.count.saturating_add(1);
        unconfirmed.count >= CONFIRMATIONS
            && now.saturating_duration_since(unconfirmed.first) >= CONFIRMATION_SPAN
    }

    /// The wait for the next confirmation, where one after an error lasts `interval`.
    pub(super) fn until_confirmation(&self, interval: Duration, now: Instant) -> Duration {
        let interval = interval.min(MAX_CONFIRMATION_INTERVAL);
        match self.0.as_ref().and_then(|state| state.unconfirmed.as_ref()) {
            Some(unconfirmed) if unconfirmed.count + 1 >= CONFIRMATIONS => {
                let passed = now.saturating_duration_since(unconfirmed.first);
                interval.max(CONFIRMATION_SPAN.saturating_sub(passed))
            }
            _ => interval,
        }
    }

    /// How many faults in a row.
    pub(super) fn faults(&self) -> u32 {
        self.0.as_ref().map_or(0, |state| state.faults)
    }

    /// Takes the last fault since the last good answer.
    pub(super) fn take_fault(&mut self) -> Option<Fault> {
        self.0.as_mut()?.fault.take()
    }

    /// The last description, where that is of no job that goes on.
    pub(super) fn end_with(&mut self, job: Job) {
        self.state().last = Some(job);
    }

    /// Takes the description that the watch ends with.
    pub(super) fn take_last(&mut self) -> Option<Job> {
        self.0.as_mut()?.last.take()
    }

    /// The credential is refused. Says since when.
    pub(super) fn refused(&mut self, now: Instant) -> Instant {
        *self.state().refused.get_or_insert(now)
    }

    /// Since when the credential is refused, if so.
    pub(super) fn refused_since(&self) -> Option<Instant> {
        self.0.as_ref()?.refused
    }

    /// The credential is not refused.
    pub(super) fn accepted(&mut self) {
        self.change(|state| state.refused = None);
    }

    /// The endpoint is wrong. Says since when.
    pub(super) fn misplaced(&mut self, now: Instant) -> Instant {
        *self.state().misplaced.get_or_insert(now)
    }

    /// The endpoint is right.
    pub(super) fn well_placed(&mut self) {
        self.change(|state| state.misplaced = None);
    }
}
