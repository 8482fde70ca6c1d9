//! Since when a watch is held up by what somebody has to mend.

use tokio::time::Instant;

/// Rare, and so on the heap where there is anything.
#[derive(Default)]
pub(super) struct Held(Option<Box<Since>>);

#[derive(Default)]
struct Since {
    refused: Option<Instant>,
    misplaced: Option<Instant>,
}

impl Held {
    /// The credential is refused. Says since when.
    pub(super) fn refused(&mut self, now: Instant) -> Instant {
        let since = self.0.get_or_insert_default();
        *since.refused.get_or_insert(now)
    }

    /// Since when the credential is refused, if so.
    pub(super) fn refused_since(&self) -> Option<Instant> {
        self.0.as_ref()?.refused
    }

    /// The credential is not refused.
    pub(super) fn accepted(&mut self) {
        if let Some(since) = &mut self.0 {
            since.refused = None;
        }
    }

    /// The endpoint is wrong. Says since when.
    pub(super) fn misplaced(&mut self, now: Instant) -> Instant {
        let since = self.0.get_or_insert_default();
        *since.misplaced.get_or_insert(now)
    }

    /// The endpoint is right.
    pub(super) fn well_placed(&mut self) {
        if let Some(since) = &mut self.0 {
            since.misplaced = None;
        }
    }
}
