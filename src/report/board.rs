//! What is known about each watch from the events so far, and which events are news.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::text;
use crate::model::{Estimate, Fault, Job, JobId, JobStatus, WatchEvent, WatchEventKind};

/// The watches, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Board {
    watches: Vec<Watched>,
    places: HashMap<JobId, usize>,
    /// The statuses outside the known four that were explained already.
    explained: HashSet<String>,
}

/// One watch.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) job_id: JobId,
    /// The last description of the job.
    pub(super) job: Option<Arc<Job>>,
    /// What that let expect, and when it was made, counted from the start of the wait.
    expected: Option<(Estimate, Duration)>,
    /// What keeps a description from coming.
    pub(super) hitch: Option<Hitch>,
    pub(super) polls: u32,
    /// When the next request is due, counted from the start of the wait.
    pub(super) next_poll: Duration,
    pub(super) ended: bool,
    told_not_visible: bool,
}

/// What keeps a description of the job from coming.
#[derive(Debug)]
pub(super) enum Hitch {
    NotVisible,
    Trouble { fault: Fault, in_a_row: u32 },
    Throttled { limit: Option<(u32, Duration)> },
}

/// A text worth telling.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Holds until the next one about the job.
    State(String),
    /// Is worth reading later on, too.
    Lasting(String),
}

impl Board {
    /// Takes the event in; says what is new in it.
    pub(super) fn apply(&mut self, event: &WatchEvent) -> Option<News> {
        let place = *self.places.entry(event.job_id.clone()).or_insert_with(|| {
            self.watches.push(Watched::new(event.job_id.clone()));
            self.watches.len() - 1
        });
        let throttled_anywhere = self
            .watches
            .iter()
            .any(|watched| watched.is_throttled_as(event));
        let watched = self.watches.get_mut(place)?;
        watched.polls = event.polls;
        match &event.kind {
            WatchEventKind::Started => Some(News::State(text::started(&event.job_id))),
            WatchEventKind::Polled {
                job,
                changed,
                next,
                estimate,
            } => {
                watched.next_poll = event.waited.saturating_add(*next);
                watched.job = Some(Arc::clone(job));
                watched.expected = estimate.map(|estimate| (estimate, event.waited));
                let recovered = matches!(watched.hitch.take(), Some(Hitch::Trouble { .. }));
                let unknown = matches!(job.status, JobStatus::Other(_));
                if unknown && self.explained.insert(text::status(&job.status)) {
                    return Some(News::Lasting(text::unknown_status(job)));
                }
                let state = text::goes_on(job, estimate.as_ref());
                match (recovered, changed) {
                    (true, _) => Some(News::State(text::recovered(&state))),
                    (false, true) => Some(News::State(state)),
                    (false, false) => None,
                }
            }
            WatchEventKind::NotYetVisible { next, grace } => {
                watched.next_poll = event.waited.saturating_add(*next);
                let before = watched.hitch.replace(Hitch::NotVisible);
                let told = std::mem::replace(&mut watched.told_not_visible, true);
                match before {
                    Some(Hitch::Trouble { .. }) if told => {
                        Some(News::State(text::recovered(text::NOT_VISIBLE)))
                    }
                    _ => (!told).then(|| News::State(text::not_visible(*grace))),
                }
            }
            WatchEventKind::Trouble {
                fault,
                in_a_row,
                next,
            } => {
                watched.next_poll = event.waited.saturating_add(*next);
                let before = watched.hitch.replace(Hitch::Trouble {
                    fault: fault.clone(),
                    in_a_row: *in_a_row,
                });
                let told = matches!(before, Some(Hitch::Trouble { fault: before, .. }) if is_same(&before, fault));
                (!told).then(|| News::State(text::trouble(fault, *next)))
            }
            WatchEventKind::Throttled { limit, next } => {
                watched.next_poll = event.waited.saturating_add(*next);
                watched.hitch = Some(Hitch::Throttled { limit: *limit });
                (!throttled_anywhere).then(|| News::State(text::throttled(*limit, *next)))
            }
            WatchEventKind::ClockCorrected { off_by, ahead } => {
                Some(News::Lasting(text::clock_corrected(*off_by, *ahead)))
            }
            WatchEventKind::CredentialRefreshed => {
                Some(News::Lasting(text::CREDENTIAL_REFRESHED.to_owned()))
            }
            WatchEventKind::Ended(report) => {
                watched.ended = true;
                watched.hitch = None;
                Some(News::Lasting(text::ended(report)))
            }
        }
    }

    /// The watches that go on.
    pub(super) fn running(&self) -> impl Iterator<Item = &Watched> {
        self.watches.iter().filter(|watched| !watched.ended)
    }

    /// How many watches there are, ended ones included.
    pub(super) fn len(&self) -> usize {
        self.watches.len()
    }
}

impl Watched {
    fn new(job_id: JobId) -> Self {
        Self {
            job_id,
            job: None,
            expected: None,
            hitch: None,
            polls: 0,
            next_poll: Duration::ZERO,
            ended: false,
            told_not_visible: false,
        }
    }

    /// The job's status, or why there is none.
    pub(super) fn status(&self) -> String {
        match (&self.job, &self.hitch) {
            (Some(job), _) => text::status(&job.status),
            (None, Some(Hitch::NotVisible)) => text::NOT_VISIBLE.to_owned(),
            (None, _) => "no answer yet".to_owned(),
        }
    }

    /// What keeps a newer status from coming, in a few words.
    pub(super) fn hitch(&self) -> Option<String> {
        match self.hitch.as_ref()? {
            Hitch::NotVisible => None,
            Hitch::Trouble { fault, in_a_row } => Some(text::trouble_in_short(fault, *in_a_row)),
            Hitch::Throttled { limit } => Some(text::throttled_in_short(*limit)),
        }
    }

    /// What is to be expected of the job by then. Nothing while no description comes: the time that
    /// it is expected at may be long past, and nobody could have seen the end.
    pub(super) fn estimate(&self, elapsed: Duration) -> Option<Estimate> {
        let (estimate, at) = self.expected.filter(|_| self.hitch.is_none())?;
        let since = elapsed.saturating_sub(at);
        Some(Estimate {
            left: estimate.left.map(|left| left.saturating_sub(since)),
            ..estimate
        })
    }

    /// All watches share the limit, so that one of them speaks for all.
    fn is_throttled_as(&self, event: &WatchEvent) -> bool {
        match (&self.hitch, &event.kind) {
            (Some(Hitch::Throttled { limit: known }), WatchEventKind::Throttled { limit, .. }) => {
                known == limit
            }
            _ => false,
        }
    }
}

/// Whether both are the same trouble. Messages that come with a code may differ, as services put
/// the request's ID and the time into them.
fn is_same(a: &Fault, b: &Fault) -> bool {
    let coded = a.http_status.is_some() || a.code.is_some();
    (a.http_status, &a.code) == (b.http_status, &b.code) && (coded || a.message == b.message)
}
