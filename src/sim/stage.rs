//! Where the jobs are in their scripts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::JobId;

use super::lock;
use super::script::{Act, Lasts, ScriptedJob, Step};

/// How long a job ran that had ended before it was first asked for.
const EARLIER_RUN: Duration = Duration::from_millis(2_869);

/// All jobs, each where it is in its script.
#[derive(Default)]
pub(super) struct Stage(RwLock<HashMap<JobId, Arc<Performance>>>);

/// A job under way.
pub(super) struct Performance {
    pub(super) job: ScriptedJob,
    scripted_at: SystemTime,
    progress: Mutex<Option<Progress>>,
}

/// What a job does at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cue<'a> {
    pub(super) step: &'a Step,
    pub(super) begin_time: SystemTime,
    /// Only of a job that has ended.
    pub(super) end_time: Option<SystemTime>,
}

impl Stage {
    /// Adds a job, or begins it anew with another script.
    pub(super) fn add(&self, job: ScriptedJob, wall: SystemTime) {
        let performance = Performance {
            scripted_at: wall,
            progress: Mutex::default(),
            job,
        };
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(performance.job.id.clone(), Arc::new(performance));
    }

    pub(super) fn find(&self, id: &JobId) -> Option<Arc<Performance>> {
        let jobs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        jobs.get(id).cloned()
    }
}

impl Performance {
    /// Takes the request at `now`, when the service's clock shows `wall`; none where the job has
    /// no steps.
    pub(super) fn cue(&self, now: Instant, wall: SystemTime) -> Option<Cue<'_>> {
        let mut progress = lock(&self.progress);
        let progress = progress.get_or_insert_with(|| Progress::begin(now, wall));
        progress.advance(&self.job.steps, now);
        let step = self.job.steps.get(progress.step)?;
        let (begin_time, end_time) = match &step.act {
            Act::Status { status, .. } if status.is_terminal() && progress.step == 0 => {
                (self.scripted_at - EARLIER_RUN, Some(self.scripted_at))
            }
            Act::Status { status, .. } if status.is_terminal() => {
                let ran = progress.since.duration_since(progress.began);
                (progress.wall, Some(progress.wall + ran))
            }
            _ => (progress.wall, None),
        };
        Some(Cue {
            step,
            begin_time,
            end_time,
        })
    }
}

struct Progress {
    /// When the job was first asked for, on both clocks.
    began: Instant,
    wall: SystemTime,
    step: usize,
    /// When the step began.
    since: Instant,
    /// How often the step has been answered, and when last.
    answers: u32,
    last: Instant,
}

impl Progress {
    fn begin(now: Instant, wall: SystemTime) -> Self {
        Self {
            began: now,
            wall,
            step: 0,
            since: now,
            answers: 0,
            last: now,
        }
    }

    /// Goes on to the step that the request at `now` belongs to, and counts it.
    fn advance(&mut self, steps: &[Step], now: Instant) {
        while let Some(step) = steps.get(self.step)
            && self.step + 1 < steps.len()
            && let Some(ended) = self.end_of(step.lasts, now)
        {
            self.step += 1;
            self.since = ended;
            self.answers = 0;
        }
        self.answers = self.answers.saturating_add(1);
        self.last = now;
    }

    /// When the step ended, where it has: with its last answer, or with its time.
    fn end_of(&self, lasts: Lasts, now: Instant) -> Option<Instant> {
        match lasts {
            Lasts::Times(times) => (self.answers >= times).then_some(self.last),
            Lasts::For(time) => self.since.checked_add(time).filter(|end| *end <= now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Fault;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn performance(steps: Vec<Step>) -> Performance {
        Performance {
            job: ScriptedJob {
                steps,
                ..ScriptedJob::new("a".parse().unwrap(), "t")
            },
            scripted_at: SystemTime::UNIX_EPOCH + seconds(1_000),
            progress: Mutex::default(),
        }
    }

    /// Asks at these seconds after the first time; a cue as its act and its end time.
    fn ask(performance: &Performance, at: &[u64]) -> Vec<(Act, Option<u64>)> {
        let start = Instant::now();
        at.iter()
            .map(|at| {
                let wall = SystemTime::UNIX_EPOCH + seconds(2_000 + at);
                let cue = performance.cue(start + seconds(*at), wall).unwrap();
                let end = cue.end_time.map(|end| {
                    let ran = end.duration_since(SystemTime::UNIX_EPOCH);
                    ran.unwrap().as_secs() - 2_000
                });
                (cue.step.act.clone(), end)
            })
            .collect()
    }

    #[test]
    fn steps_follow_each_other_by_time_even_when_nobody_asks() {
        let performance = performance(vec![
            Step::init().lasting(seconds(2)),
            Step::running().lasting(seconds(3)),
            Step::success(),
        ]);
        assert_eq!(
            ask(&performance, &[0, 1, 2, 4, 60, 600]),
            [
                (Step::init().act, None),
                (Step::init().act, None),
                (Step::running().act, None),
                (Step::running().act, None),
                (Step::success().act, Some(5)),
                (Step::success().act, Some(5)),
            ]
        );
    }

    #[test]
    fn steps_that_are_counted_wait_for_requests() {
        let performance = performance(vec![
            Step::running().times(2),
            Step::fault(Fault::Reset),
            Step::running().lasting(seconds(3)),
            Step::success(),
        ]);
        let acts: Vec<Act> = ask(&performance, &[0, 10, 20, 22, 23])
            .into_iter()
            .map(|(act, _)| act)
            .collect();
        assert_eq!(
            acts,
            [
                Step::running().act,
                Step::running().act,
                Step::fault(Fault::Reset).act,
                Step::running().act,
                Step::success().act,
            ]
        );
    }

    #[test]
    fn a_job_that_has_ended_before_ran_before_it_was_scripted() {
        let finished = performance(vec![Step::success()]);
        let cue = finished
            .cue(Instant::now(), SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(cue.end_time, Some(finished.scripted_at));
        assert!(cue.begin_time < finished.scripted_at);
    }

    #[test]
    fn a_job_without_steps_is_unknown() {
        let empty = performance(vec![]);
        assert_eq!(empty.cue(Instant::now(), SystemTime::UNIX_EPOCH), None);
    }
}
