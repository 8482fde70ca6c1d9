//! Time limits that depend on each other. The side that asks always waits longer than the side that
//! answers: the answer names what is wrong, and nothing is left running behind it.

use std::time::Duration;

/// How much longer the side that asks waits.
pub(crate) const CLIENT_MARGIN: Duration = Duration::from_secs(2);

/// How long one write may take, waiting for a connection included. Only [`super::Change::Prune`] may
/// take longer.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(7);

/// How long a request to the daemon needs at most when the store fails: a write that is under way, and
/// then its own.
pub(crate) const REQUEST_TIMEOUT: Duration = WRITE_TIMEOUT
    .saturating_mul(2)
    .saturating_add(Duration::from_secs(1));
