//! How likely a job of a type is to run longer than any time.
//!
//! Each duration d of the past is smoothed over, on a scale of logarithms, by a logistic kernel of
//! width b: a job like that one runs longer than u with a chance of 1 / (1 + (u/d)^(1/b)). What is not
//! known is how wide it is best smoothed, and since when the type has behaved as it does now: both are
//! left open, and every answer counts by how well it would have foretold the durations that there were,
//! each from those before it (Bayesian model averaging; for the second question that is Adams and
//! MacKay's online change point detection, 2007).

use super::grid::{GROWTH, STEPS, ages, place_of};
use crate::model::Durations;

/// In a type without history, the time in seconds that half of the jobs run longer than.
pub(super) const PRIOR_MEDIAN: f64 = 10.0;

/// For how many jobs the prior counts, and at least for which share of the jobs that there were: the
/// insurance against what has never happened yet.
const PRIOR_JOBS: f64 = 0.5;
const PRIOR_SHARE: f64 = 0.03;

/// The widths of the kernels.
const WIDTHS: [f64; 4] = [0.01, 0.03, 0.1, 0.3];

/// How likely a type is to have changed after any job.
const CHANGE: f64 = 0.01;

/// Durations below count as this one, in seconds: there is no logarithm of zero.
const SHORTEST: f64 = 0.001;

/// What weighs less than this is left out.
const NEGLIGIBLE: f64 = 1e-9;

/// Beyond so many widths a kernel has fallen from one to zero, as far as anybody can tell.
const REACH: f64 = 12.0;

/// The chance that a job runs longer, for each age of the grid: from one on falling, never to zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Survival(Box<[f64]>);

impl Survival {
    pub(super) fn of(durations: &Durations) -> Self {
        let mixture = Mixture::of(&logs_of(durations));
        let mut chances: Vec<f64> = ages()
            .iter()
            .map(|age| mixture.prior / (1.0 + age / PRIOR_MEDIAN))
            .collect();
        // What is whole up to a place is added to all before it, at the end.
        let mut whole = vec![0.0; chances.len() + 1];
        for kernel in &mixture.kernels {
            let from = place_of((kernel.log - REACH * kernel.width).exp()) + 1;
            whole[from] += kernel.share;
            kernel.add_to(&mut chances, from);
        }
        let mut sum = 0.0;
        for (chance, whole) in chances.iter_mut().zip(whole.iter().skip(1)).rev() {
            sum += whole;
            *chance += sum;
        }
        Self(chances.into())
    }

    pub(super) fn chances(&self) -> &[f64] {
        &self.0
    }
}

fn logs_of(durations: &Durations) -> Vec<f64> {
    let in_turn = durations.by_begin();
    let logs = in_turn
        .iter()
        .map(|one| one.as_secs_f64().max(SHORTEST).ln());
    logs.collect()
}

/// What the survival is made of; the shares add up to one.
struct Mixture {
    /// The share of the prior.
    prior: f64,
    kernels: Vec<Kernel>,
}

/// What one duration of the past adds.
struct Kernel {
    /// Its logarithm.
    log: f64,
    width: f64,
    share: f64,
}

impl Kernel {
    /// Adds it to the ages from this place on, as far as it reaches.
    fn add_to(&self, chances: &mut [f64], from: usize) {
        let growth = (GROWTH.ln() / self.width).exp();
        let nothing = REACH.exp();
        // (u/d)^(1/b), which grows evenly along the grid.
        let mut power = ((ages()[from.min(STEPS)].ln() - self.log) / self.width).exp();
        for chance in chances.iter_mut().skip(from) {
            if power > nothing {
                break;
            }
            *chance += self.share / (1.0 + power);
            power *= growth;
        }
    }
}

impl Mixture {
    fn of(logs: &[f64]) -> Self {
        let mut mixture = Self {
            prior: 0.0,
            kernels: Vec::new(),
        };
        for (width, likely) in WIDTHS.into_iter().zip(judge(logs)) {
            let mut share = 0.0;
            for (since, likely) in likely.into_iter().enumerate() {
                let count = (logs.len() - since) as f64;
                let each = likely / (prior_jobs(count) + count);
                mixture.prior += each * prior_jobs(count);
                share += each;
                if let Some(&log) = logs.get(since)
                    && share > NEGLIGIBLE
                {
                    mixture.kernels.push(Kernel { log, width, share });
                }
            }
        }
        mixture
    }
}

/// For how many jobs the prior counts beside so many.
fn prior_jobs(count: f64) -> f64 {
    PRIOR_JOBS.max(PRIOR_SHARE * count)
}

/// For each width, how likely it is the right one and the type has behaved as it does now since the
/// job of each place; the last place is that of the job to come.
fn judge(logs: &[f64]) -> [Vec<f64>; WIDTHS.len()] {
    let mut all = WIDTHS.map(|_| {
        let mut likely = vec![0.0; logs.len() + 1];
        likely[0] = 1.0 / WIDTHS.len() as f64;
        likely
    });
    for (place, &log) in logs.iter().enumerate() {
        for (width, likely) in WIDTHS.into_iter().zip(&mut all) {
            weigh(likely, width, log, &logs[..place]);
        }
        let total: f64 = all.iter().flatten().sum();
        for likely in &mut all {
            let sum: f64 = likely.iter().sum();
            for one in likely.iter_mut() {
                *one *= (1.0 - CHANGE) / total;
            }
            likely[place + 1] = CHANGE * sum / total;
        }
    }
    all
}

/// Multiplies each with how likely it made a duration, after those before.
fn weigh(likely: &mut [f64], width: f64, log: f64, before: &[f64]) {
    let foretold = density(log - PRIOR_MEDIAN.ln());
    let mut sum = 0.0;
    let mut count = 0.0;
    likely[before.len()] *= foretold;
    for (one, likely) in before.iter().zip(likely).rev() {
        sum += density((log - one) / width) / width;
        count += 1.0;
        let prior = prior_jobs(count);
        *likely *= (prior * foretold + sum) / (prior + count);
    }
}

/// The logistic density.
fn density(z: f64) -> f64 {
    let power = (-z.abs()).exp();
    power / ((1.0 + power) * (1.0 + power))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::LONGEST_LEARNED;

    fn seconds(all: impl IntoIterator<Item = u64>) -> Durations {
        all.into_iter().map(Duration::from_secs).collect()
    }

    /// The chances at ages of about 1, 3, 10, 45, 100 and 1000 s.
    fn chances(durations: &Durations) -> [f64; 6] {
        let survival = Survival::of(durations);
        [186, 275, 372, 493, 557, 742].map(|place| survival.chances()[place])
    }

    #[track_caller]
    fn assert_near(chances: [f64; 6], expected: [f64; 6]) {
        for (chance, expected) in chances.into_iter().zip(expected) {
            let near = (chance - expected).abs() < 2e-5;
            assert!(near, "{chance} where {expected} is right");
        }
    }

    #[test]
    fn without_history_half_of_the_jobs_run_longer_than_the_median_of_the_prior() {
        let expected = [0.90946, 0.76877, 0.4991, 0.18143, 0.09098, 0.00995];
        assert_near(chances(&Durations::default()), expected);
    }

    #[test]
    fn one_duration_counts_twice_as_much_as_the_prior() {
        // The prior foretells it as well with any width, so that all count the same; and with a
        // chance of 1 % the type has changed since.
        let survival = Survival::of(&seconds([45]));
        for (age, chance) in ages().iter().zip(survival.chances()) {
            let prior = 1.0 / (1.0 + age / 10.0);
            let kernels = WIDTHS.map(|width| 1.0 / (1.0 + (age / 45.0).powf(1.0 / width)));
            let kernel = kernels.iter().sum::<f64>() / 4.0;
            let expected = 0.01 * prior + 0.99 * (0.5 * prior + kernel) / 1.5;
            assert!((chance - expected).abs() < 1e-5, "at {age}");
        }
    }

    // The numbers of the next three are those of a program that follows the formulas as they stand,
    // term by term.

    #[test]
    fn three_durations_outweigh_the_prior() {
        let expected = [0.95888, 0.52418, 0.09131, 0.02789, 0.01394, 0.00152];
        assert_near(chances(&seconds([2, 3, 4])), expected);
    }

    #[test]
    fn sixty_four_durations_leave_the_prior_little() {
        let even = (0..64).map(|n| 20 + n * 37 % 41);
        let expected = [0.99638, 0.99076, 0.97991, 0.3669, 0.00453, 0.0004];
        assert_near(chances(&seconds(even)), expected);
    }

    #[test]
    fn durations_that_are_equal_are_smoothed_little() {
        let expected = [0.98629, 0.96498, 0.92413, 0.40044, 0.01384, 0.00151];
        assert_near(chances(&seconds([45, 45, 45])), expected);
    }

    #[test]
    fn a_type_that_has_changed_forgets_how_it_was() {
        let slow = std::iter::repeat_n(60, 30);
        let runs_longer_than_30_s = |fast| {
            let durations = seconds(slow.clone().chain(std::iter::repeat_n(15, fast)));
            Survival::of(&durations).chances()[place_of(30.0)]
        };
        assert!(runs_longer_than_30_s(0) > 0.9);
        assert!(runs_longer_than_30_s(2) < 0.5);
        assert!(runs_longer_than_30_s(4) < 0.1);
    }

    #[test]
    fn an_outlier_is_no_change() {
        let usual = std::iter::repeat_n(60, 30);
        let durations = seconds(usual.clone().chain([15]).chain(usual.take(3)));
        assert!(Survival::of(&durations).chances()[place_of(30.0)] > 0.9);
    }

    proptest! {
        #[test]
        fn chances_begin_at_one_and_fall_but_never_to_zero(
            millis in prop::collection::vec(
                prop_oneof![Just(0), Just(LONGEST_LEARNED.as_millis() as u64), 0..200_000_000_u64, 0..5_000_u64],
                0..64,
            )
        ) {
            let durations = millis.into_iter().map(Duration::from_millis).collect();
            let survival = Survival::of(&durations);
            prop_assert!((survival.chances()[0] - 1.0).abs() < 1e-6);
            for pair in survival.chances().windows(2) {
                prop_assert!(pair[1] > 0.0 && pair[1] <= pair[0] + 1e-12, "{pair:?}");
            }
        }
    }
}
