//! Waits in virtual time.

use std::time::Duration;

use dcs_wait::model::Durations;

use crate::distributions::Distribution;
use crate::schedules::Candidate;

/// What a request is worth, in seconds of delay.
pub(crate) const WORTH: f64 = 0.5;

/// Histories that a schedule which learns is tried with, and jobs with each.
const HISTORIES: usize = 400;
const JOBS_EACH: usize = 100;

/// What waits cost on average, of one distribution or of several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Averages {
    /// Requests a job, the first one included.
    pub(crate) requests: f64,
    /// Seconds from the end of a job until it is known.
    pub(crate) delay: f64,
    /// The delay that one job in twenty exceeds.
    pub(crate) p95: f64,
}

impl Averages {
    pub(crate) fn cost(&self) -> f64 {
        WORTH * self.requests + self.delay
    }
}

/// Waits that have ended.
#[derive(Default)]
pub(crate) struct Waits {
    requests: usize,
    delays: Vec<f64>,
}

impl Waits {
    pub(crate) fn add(&mut self, requests: usize, delay: f64) {
        self.requests += requests;
        self.delays.push(delay);
    }

    pub(crate) fn averages(mut self) -> Averages {
        self.delays.sort_by(f64::total_cmp);
        let count = self.delays.len();
        Averages {
            requests: self.requests as f64 / count as f64,
            delay: self.delays.iter().sum::<f64>() / count as f64,
            p95: self.delays[count * 95 / 100],
        }
    }
}

/// What a schedule costs on a distribution, after so many jobs of its type.
pub(crate) fn simulate(candidate: &Candidate, distribution: &Distribution) -> Averages {
    let mut random = fastrand::Rng::with_seed(1);
    let mut waits = Waits::default();
    for _ in 0..HISTORIES {
        let history = drawn(distribution, candidate.history, &mut random);
        wait_for_jobs(candidate, &history, distribution, &mut random, &mut waits);
    }
    waits.averages()
}

/// What it costs on jobs of a type that was like `before` for as long as anybody remembers, and is
/// like `now` for so many jobs.
pub(crate) fn simulate_change(
    candidate: &Candidate,
    before: &Distribution,
    now: &Distribution,
    jobs: usize,
) -> Averages {
    let mut random = fastrand::Rng::with_seed(1);
    let mut waits = Waits::default();
    for _ in 0..HISTORIES {
        let before = drawn(before, candidate.history, &mut random);
        let since = drawn(now, jobs, &mut random);
        let history = before.iter().chain(since.iter()).collect();
        wait_for_jobs(candidate, &history, now, &mut random, &mut waits);
    }
    waits.averages()
}

fn drawn(distribution: &Distribution, jobs: usize, random: &mut fastrand::Rng) -> Durations {
    let draws = (0..jobs).map(|_| distribution.draw(random));
    draws.map(Duration::from_secs_f64).collect()
}

fn wait_for_jobs(
    candidate: &Candidate,
    history: &Durations,
    distribution: &Distribution,
    random: &mut fastrand::Rng,
    waits: &mut Waits,
) {
    let mut schedule = (candidate.make)(history);
    for _ in 0..JOBS_EACH {
        let took = distribution.draw(random);
        let mut next = schedule.begin();
        let (mut age, mut requests) = (0.0, 1);
        while age < took {
            age += next(random);
            requests += 1;
        }
        waits.add(requests, age - took);
    }
}
