//! How long to wait before the next request.

use std::time::Duration;

/// Says how long to wait before the next request. Pure: randomness is passed in, and so, in time,
/// is everything else that it depends on.
pub trait Schedule: Send {
    /// The time until the next request.
    fn next(&mut self, random: &mut fastrand::Rng) -> Duration;

    /// Starts over, as after a success that follows failures.
    fn reset(&mut self);
}
