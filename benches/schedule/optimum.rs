//! What a wait costs at least, for those who know the distribution: dynamic programming over a fine
//! grid of ages.

use crate::distributions::Distribution;
use crate::simulate::Averages;

/// Up to the age that one in a thousand exceeds, the grid is even, and that fine.
const EVEN: usize = 3000;

/// Beyond, it grows by this, up to the age that one in a million exceeds.
const GROWTH: f64 = 1.005;

/// No wait goes on for longer, in seconds.
const FAR: f64 = 3e6;

pub(crate) fn optimum(distribution: &Distribution) -> Averages {
    let ages = grid(distribution);
    let chances: Vec<f64> = ages.iter().map(|age| distribution.survival(*age)).collect();
    let run = time_run(distribution, &ages);
    let mut best = vec![Averages::default(); ages.len()];
    for at in (0..ages.len() - 1).rev() {
        let mut least = f64::INFINITY;
        for to in at + 1..ages.len() {
            let asking = Averages {
                requests: chances[at],
                delay: chances[at] * (ages[to] - ages[at]) - (run[to] - run[at]),
                p95: f64::NAN,
            };
            if asking.cost() > least {
                break;
            }
            if asking.cost() + best[to].cost() < least {
                least = asking.cost() + best[to].cost();
                best[at] = Averages {
                    requests: asking.requests + best[to].requests,
                    delay: asking.delay + best[to].delay,
                    p95: f64::NAN,
                };
            }
        }
    }
    // The first request, at once, is the same for all.
    Averages {
        requests: best[0].requests + 1.0,
        ..best[0]
    }
}

fn grid(distribution: &Distribution) -> Vec<f64> {
    let age_of = |chance| {
        let mut age = 1.0;
        while distribution.survival(age) > chance && age < FAR {
            age *= GROWTH;
        }
        age
    };
    let (even, last) = (age_of(1e-3), age_of(1e-6));
    let mut ages: Vec<f64> = (0..=EVEN).map(|n| even * n as f64 / EVEN as f64).collect();
    let mut age = even;
    while age < last {
        age *= GROWTH;
        ages.push(age);
    }
    ages
}

/// How long jobs have run on average by each age: the integral of the survival, by Simpson's rule.
fn time_run(distribution: &Distribution, ages: &[f64]) -> Vec<f64> {
    let mut run = vec![0.0; ages.len()];
    for at in 1..ages.len() {
        let (from, to) = (ages[at - 1], ages[at]);
        let sum = distribution.survival(from)
            + 4.0 * distribution.survival(0.5 * (from + to))
            + distribution.survival(to);
        run[at] = run[at - 1] + (to - from) * sum / 6.0;
    }
    run
}
