//! When a job is best asked for, at any age: what costs least over all the ways that it may end.

use super::grid::{STEPS, ages, place_of};
use super::survival::Survival;

/// For each age of the grid, when a job is asked for next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The place of the age at which that is.
    next: Box<[u16]>,
    /// Within a step of the grid the chance that a job ends hardly changes, so that there is a best
    /// interval, in seconds. It counts where it is shorter than the step.
    within: Box<[f32]>,
}

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
        let steps = ages.windows(2).zip(chances.windows(2));
        let within = steps.map(|(ages, chances)| {
            let falls = (chances[0] / chances[1]).ln().max(0.0);
            (2.0 * worth * (ages[1] - ages[0]) / falls).sqrt() as f32
        });
        Self {
            within: within.collect(),
            next: next.into(),
        }
    }

    /// What is planned at this age, in seconds; `None` where that is beyond the grid.
    pub(super) fn next(&self, age: f64) -> Option<Planned> {
        let ages = ages();
        let at = place_of(age);
        let next = usize::from(*self.next.get(at)?);
        let after = usize::from(*self.next.get(next)?);
        if after >= STEPS {
            return None;
        }
        let within = f64::from(*self.within.get(at)?);
        if within < ages[at + 1] - ages[at] {
            return Some(Planned {
                interval: within,
                leeway: within,
            });
        }
        let interval = ages[next] - age;
        Some(Planned {
            interval,
            leeway: interval.min(ages[after] - ages[next]),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Durations;

    fn survival(millis: impl IntoIterator<Item = u64>) -> Survival {
        let durations: Durations = millis.into_iter().map(Duration::from_millis).collect();
        Survival::of(&durations)
    }

    /// What following a plan from the start of a job on costs.
    fn cost(next: impl Fn(usize) -> usize, survival: &Survival, worth: f64) -> f64 {
        let (ages, chances) = (ages(), survival.chances());
        let mut cost = 0.0;
        let mut at = 0;
        while at < STEPS {
            let to = next(at);
            let run: f64 = (at + 1..=to)
                .map(|one| 0.5 * (chances[one] + chances[one - 1]) * (ages[one] - ages[one - 1]))
                .sum();
            cost += worth * chances[at] + chances[at] * (ages[to] - ages[at]) - run;
            at = to;
        }
        cost
    }

    fn cost_of(plan: &Plan, survival: &Survival, worth: f64) -> f64 {
        cost(|at| usize::from(plan.next[at]), survival, worth)
    }

    #[test]
    fn a_job_that_always_takes_the_same_is_asked_about_right_after() {
        let survival = survival([45_000; 64]);
        let plan = Plan::of(&survival, 0.5);
        let mut age = 20.0;
        while age < 45.0 {
            age += plan.next(age).unwrap().interval;
        }
        assert!(age < 46.5, "{age}");
    }

    #[test]
    fn a_job_of_hours_is_asked_for_as_often_as_it_pays_and_not_once_a_step_of_the_grid() {
        let survival = survival((0..64).map(|n| 6_000_000 + n * 37 % 64 * 40_000));
        for age in [7100.0, 7200.0, 7300.0] {
            let interval = |worth| Plan::of(&survival, worth).next(age).unwrap().interval;
            assert!((25.0..50.0).contains(&interval(0.5)), "{}", interval(0.5));
            let ratio = interval(0.5) / interval(0.5 / 16.0);
            assert!((ratio - 4.0).abs() < 0.01, "{ratio} at {age}");
        }
    }

    #[test]
    fn beyond_the_grid_nothing_is_planned() {
        let plan = Plan::of(&survival([3000]), 0.5);
        assert_eq!(plan.next(196_500.0), None);
        assert_eq!(plan.next(f64::INFINITY), None);
        assert!(plan.next(0.0).is_some());
    }

    #[test]
    fn the_more_a_request_is_worth_the_fewer_there_are() {
        let survival = survival((0..30).map(|n| 30_000 + n * 2000));
        let requests = |worth| {
            let plan = Plan::of(&survival, worth);
            let (mut age, mut requests) = (0.0, 0);
            while age < 90.0 {
                age += plan.next(age).unwrap().interval;
                requests += 1;
            }
            requests
        };
        assert!(requests(5.0) < requests(0.5));
        assert!(requests(0.5) < requests(0.05));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn the_later_one_asks_the_later_one_asks_next(
            millis in prop::collection::vec(0..1_000_000_u64, 0..64), worth in 0.01..100.0_f64
        ) {
            let plan = Plan::of(&survival(millis), worth);
            for (at, next) in plan.next.iter().enumerate().take(STEPS) {
                prop_assert!(usize::from(*next) > at);
            }
            prop_assert!(plan.next.is_sorted());
        }

        #[test]
        fn no_other_plan_costs_less(
            millis in prop::collection::vec(0..100_000_u64, 0..10),
            worth in 0.1..10.0_f64,
            at in 0..STEPS, other in 0..STEPS,
        ) {
            let survival = survival(millis);
            let plan = Plan::of(&survival, worth);
            let least = cost_of(&plan, &survival, worth);
            let mut changed = plan.clone();
            changed.next[at] = (other.max(at) + 1) as u16;
            prop_assert!(cost_of(&changed, &survival, worth) >= least - 1e-9);
            // As jobs without history are asked for: intervals that grow like √t.
            let by_root = |at: usize| {
                let age = ages()[at];
                place_of(age + (2.0 * worth * (age + 10.0)).sqrt()).clamp(at + 1, STEPS)
            };
            prop_assert!(cost(by_root, &survival, worth) >= least - 1e-9);
        }
    }
}
