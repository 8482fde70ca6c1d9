//! The schedules that are compared.

use std::sync::Arc;
use std::time::Duration;

use dcs_wait::model::Durations;
use dcs_wait::poll::{Backoff, BackoffSpec, DelayPerRequest, Experience, Learned, Schedule};

use crate::one_width::OneWidth;
use crate::simulate::WORTH;

/// A schedule, and for how many jobs it may have learned.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) history: usize,
    pub(crate) make: fn(&Durations) -> Box<dyn Begin>,
}

/// Says for one job after the other when it is asked for.
pub(crate) trait Begin {
    /// Begins with a job: each call then gives the seconds until the next request.
    fn begin(&mut self) -> Box<dyn FnMut(&mut fastrand::Rng) -> f64 + '_>;
}

impl<S: Schedule> Begin for S {
    fn begin(&mut self) -> Box<dyn FnMut(&mut fastrand::Rng) -> f64 + '_> {
        let mut place = self.first();
        Box::new(move |random| self.next(&mut place, random).as_secs_f64())
    }
}

/// The default of the `backoff` crate, which the others are compared with.
pub(crate) fn backoff() -> Candidate {
    plain("the backoff crate's default", |_| {
        exponential(BackoffSpec {
            initial_interval: Duration::from_millis(500),
            max_interval: Duration::from_secs(60),
            multiplier: 1.5,
            jitter: 0.5,
        })
    })
}

/// All others.
pub(crate) fn others() -> Vec<Candidate> {
    let mut all = vec![
        plain("every 2 s", |_| Box::new(Fixed(2.0))),
        plain("every 5 s, as KooCLI", |_| Box::new(Fixed(5.0))),
        plain("every 30 s, as AWS waiters", |_| Box::new(Fixed(30.0))),
        plain("Smithy waiters, 2 to 120 s", |_| Box::new(Smithy)),
        plain("exponential, by this program", |_| {
            exponential(BackoffSpec::default())
        }),
        Candidate {
            name: "learned, without history".to_owned(),
            history: 0,
            make: learned,
        },
    ];
    all.extend([1, 3, 10, 30, 64].map(|history| Candidate {
        name: format!("learned, after {history}"),
        history,
        make: learned,
    }));
    all.extend([3, 10, 30, 64].map(|history| Candidate {
        name: format!("one width, after {history}"),
        history,
        make: one_width,
    }));
    all
}

/// What is compared where a type changes.
pub(crate) fn for_changes() -> [Candidate; 2] {
    [
        ("one width", one_width as fn(&Durations) -> _),
        ("learned", learned),
    ]
    .map(|(name, make)| Candidate {
        name: name.to_owned(),
        history: 64,
        make,
    })
}

fn plain(name: &str, make: fn(&Durations) -> Box<dyn Begin>) -> Candidate {
    Candidate {
        name: name.to_owned(),
        history: 0,
        make,
    }
}

fn exponential(spec: BackoffSpec) -> Box<dyn Begin> {
    Box::new(Backoff::try_from(spec).unwrap())
}

fn learned(history: &Durations) -> Box<dyn Begin> {
    let worth = Duration::from_secs_f64(WORTH);
    Box::new(Learned {
        delay_per_request: DelayPerRequest::try_from(worth).unwrap(),
        experience: Some(Arc::new(Experience::of(history))),
    })
}

fn one_width(history: &Durations) -> Box<dyn Begin> {
    Box::new(OneWidth::of(history))
}

/// The same interval always, in seconds.
struct Fixed(f64);

impl Begin for Fixed {
    fn begin(&mut self) -> Box<dyn FnMut(&mut fastrand::Rng) -> f64 + '_> {
        Box::new(|_| self.0)
    }
}

/// The waiters that Smithy specifies: anything from 2 s up to what doubles each time, 120 s at most.
struct Smithy;

impl Begin for Smithy {
    fn begin(&mut self) -> Box<dyn FnMut(&mut fastrand::Rng) -> f64 + '_> {
        let mut most = 2.0_f64;
        Box::new(move |random| {
            let interval = 2.0 + (most - 2.0) * random.f64();
            most = (2.0 * most).min(120.0);
            interval
        })
    }
}
