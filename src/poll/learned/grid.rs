//! The ages of jobs, in seconds, that something is known at.

use std::sync::LazyLock;

/// How many there are after zero: up to 2.3 days.
pub(super) const STEPS: usize = 1167;

/// The first one after zero.
const START: f64 = 0.1;

/// What they grow by: fine enough to tell the moment before the end of a job from that after it.
pub(super) const GROWTH: f64 = 1.0125;

static AGES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let mut ages = vec![0.0];
    let mut age = START;
    for _ in 0..STEPS {
        ages.push(age);
        age *= GROWTH;
    }
    ages
});

/// All of them, zero first.
pub(super) fn ages() -> &'static [f64] {
    &AGES
}

/// The place of the last one that isn't later than this age.
pub(super) fn place_of(age: f64) -> usize {
    ages().partition_point(|&one| one <= age).saturating_sub(1)
}
