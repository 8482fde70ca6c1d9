//! How long to wait before the next request.

use std::time::Duration;

/// How many steps of a schedule a resumed watch skips at most: by then it has reached what it
/// leads to.
const MOST_SKIPPED: u32 = 100;

/// Says how long to wait before the next request. Pure: randomness is passed in, and so is where in
/// the schedule a watch is, of which it holds nothing else.
pub trait Schedule {
    /// Where in the schedule a watch is.
    type Place: Copy;

    /// Where a watch begins, and where it is again after a success that follows failures.
    fn first(&self) -> Self::Place;

    /// The time until the next request; moves one place on.
    fn next(&self, place: &mut Self::Place, random: &mut fastrand::Rng) -> Duration;

    /// About where a watch is that has sent so many requests.
    fn after(&self, requests: u32, random: &mut fastrand::Rng) -> Self::Place {
        let mut place = self.first();
        for _ in 0..requests.min(MOST_SKIPPED) {
            self.next(&mut place, random);
        }
        place
    }
}
