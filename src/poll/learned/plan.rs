//! When a job is best asked for, at any age: what costs least over all the ways that it may end.

use super::grid::{STEPS, ages, place_of};
use super::survival::Survival;

/// For each age of the grid, the place of the age at which a job is asked for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan(Box<[u16]>);

/// The next request, as it is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Planned {
    /// The time until it, in seconds.
    pub(super) interval: f64,
    /// How much that time may differ without costing much more, in the same sense as itself: the
    /// time that follows it, where that is shorter.
    pub(super) leeway: f64,
}

impl Plan {
    /// The plan that costs least where a request is worth so many seconds of delay.
    ///
    /// From one age to the next, a wait costs a request, and the delay of jobs that end between the
    /// two; what follows costs what it costs from there on. So the last age is planned first.
    // The chance S of running longer falls, so that the later one asks, the later one asks next: for
    // the cost of going from u to v, S(u)·v is all that depends on both.
    pub(super) fn of(survival: &Survival, worth: f64) -> Self {
        let (ages, chances) = (ages(), survival.chances());
        // How long jobs run on average up to each age.
        let mut run = vec![0.0; ages.len()];
        for at in 1..ages.len() {
            let even = 0.5 * (chances[at] + chances[at - 1]);
            run[at] = run[at - 1] + even * (ages[at] - ages[at - 1]);
        }
        let mut cost = vec![0.0; ages.len()];
        let mut next = vec![STEPS as u16; ages.len()];
        for at in (0..STEPS).rev() {
            let mut least = f64::INFINITY;
            for to in at + 1..=usize::from(next[at + 1]) {
                let delay = chances[at] * (ages[to] - ages[at]) - (run[to] - run[at]);
                let asking = worth * chances[at] + delay;
                if asking > least {
                    break;
                }
                if asking + cost[to] < least {
                    least = asking + cost[to];
                    next[at] = to as u16;
                }
            }
            cost[at] = least;
        }
        Self(next.into())
    }

    /// What is planned at this age, in seconds; `None` where that is beyond the grid.
    pub(super) fn next(&self, age: f64) -> Option<Planned> {
        let ages = ages();
        let next = usize::from(*self.0.get(place_of(age))?);
        let after = usize::from(*self.0.get(next)?);
        if after >= STEPS {
            return None;
        }
        let interval = ages[next] - age;
        Some(Planned {
            interval,
            leeway: interval.min(ages[after] - ages[next]),
        })
    }
}
