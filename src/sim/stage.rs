//! Where the jobs are in their scripts.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::clock::SaturatingAdd as _;
use crate::model::JobId;

use super::lock;
use super::script::{Act, Lasts, ScriptedId, ScriptedJob, Step};

/// How long a job ran that had ended before it was first asked for.
const EARLIER_RUN: Duration = Duration::from_millis(2_869);

/// All jobs, each where it is in its script.
#[derive(Default)]
pub(super) struct Stage(Mutex<Jobs>);

#[derive(Default)]
struct Jobs {
    /// Those that have a script of their own, or have been asked for.
    known: HashMap<JobId, Box<Performance>>,
    /// The scripts of many jobs, those of the longest beginnings first.
    common: Vec<Arc<Script>>,
}

/// A script, as it was given.
struct Script {
    job: ScriptedJob,
    given_at: SystemTime,
}

/// A job under way.
struct Performance {
    script: Arc<Script>,
    /// From the first request on.
    progress: Option<Progress>,
}

/// What a job does at one moment.
pub(super) struct Cue {
    script: Arc<Script>,
    step: usize,
    pub(super) begin_time: SystemTime,
    /// Only of a job that has ended.
    pub(super) end_time: Option<SystemTime>,
}

impl Stage {
    /// Adds a job, or all of a beginning; or begins them anew with another script.
    pub(super) fn add(&self, job: ScriptedJob, wall: SystemTime) {
        let script = Arc::new(Script {
            job,
            given_at: wall,
        });
        let mut jobs = lock(&self.0);
        match &script.job.id {
            ScriptedId::One(id) => {
                jobs.known.insert(id.clone(), Performance::of(&script));
            }
            ScriptedId::All(_) => jobs.add_common(script),
        }
    }

    /// Takes the request for a job at `now`, when the service's clock shows `wall`; none where there
    /// is no such job, or it has no steps.
    pub(super) fn cue(&self, id: &JobId, now: Instant, wall: SystemTime) -> Option<Cue> {
        lock(&self.0).find(id)?.cue(id, now, wall)
    }
}

impl Jobs {
    fn add_common(&mut self, script: Arc<Script>) {
        let id = &script.job.id;
        self.known.retain(|_, job| job.script.job.id != *id);
        self.common.retain(|other| other.job.id != *id);
        self.common.push(script);
        self.common
            .sort_by_key(|script| Reverse(script.beginning().len()));
    }

    fn find(&mut self, id: &JobId) -> Option<&mut Performance> {
        if !self.known.contains_key(id) {
            let mut common = self.common.iter();
            let script = common.find(|script| id.as_str().starts_with(script.beginning()))?;
            self.known.insert(id.clone(), Performance::of(script));
        }
        self.known.get_mut(id).map(|job| &mut **job)
    }
}

impl Script {
    fn beginning(&self) -> &str {
        match &self.job.id {
            ScriptedId::One(id) => id.as_str(),
            ScriptedId::All(beginning) => beginning,
        }
    }
}

impl Performance {
    fn of(script: &Arc<Script>) -> Box<Self> {
        Box::new(Self {
            script: Arc::clone(script),
            progress: None,
        })
    }

    fn cue(&mut self, id: &JobId, now: Instant, wall: SystemTime) -> Option<Cue> {
        let progress = self
            .progress
            .get_or_insert_with(|| Progress::begin(now, wall));
        progress.advance(&self.script.job.steps, id, now);
        let step = self.script.job.steps.get(progress.step)?;
        let (begin_time, end_time) = match &step.act {
            Act::Status { status, .. } if status.is_terminal() && progress.step == 0 => {
                let given_at = self.script.given_at;
                (
                    given_at.checked_sub(EARLIER_RUN).unwrap_or(given_at),
                    Some(given_at),
                )
            }
            Act::Status { status, .. } if status.is_terminal() => {
                let ran = progress.since.duration_since(progress.began);
                (progress.wall, Some(progress.wall.saturating_add(ran)))
            }
            _ => (progress.wall, None),
        };
        Some(Cue {
            script: Arc::clone(&self.script),
            step: progress.step,
            begin_time,
            end_time,
        })
    }
}

impl Cue {
    pub(super) fn job(&self) -> &ScriptedJob {
        &self.script.job
    }

    pub(super) fn step(&self) -> &Step {
        &self.script.job.steps[self.step]
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
    fn advance(&mut self, steps: &[Step], id: &JobId, now: Instant) {
        while let Some(step) = steps.get(self.step)
            && self.step + 1 < steps.len()
            && let Some(ended) = self.end_of(step.lasts, id, now)
        {
            self.step += 1;
            self.since = ended;
            self.answers = 0;
        }
        self.answers = self.answers.saturating_add(1);
        self.last = now;
    }

    /// When the step ended, where it has: with its last answer, or with its time.
    fn end_of(&self, lasts: Lasts, id: &JobId, now: Instant) -> Option<Instant> {
        let time = match lasts {
            Lasts::Times(times) => return (self.answers >= times).then_some(self.last),
            Lasts::For(time) => time,
            Lasts::Between(least, most) => {
                least.saturating_add(most.saturating_sub(least).mul_f64(share(id)))
            }
        };
        self.since.checked_add(time).filter(|end| *end <= now)
    }
}

/// From 0 to 1: always the same of an ID, and even over many.
fn share(id: &JobId) -> f64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Fault;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A stage with these jobs, scripted a thousand seconds after the epoch.
    fn stage<const N: usize>(jobs: [(&str, Vec<Step>); N]) -> Stage {
        let stage = Stage::default();
        for (id, steps) in jobs {
            let job = ScriptedJob::new(id.parse().unwrap(), "t");
            let wall = SystemTime::UNIX_EPOCH + seconds(1_000);
            stage.add(ScriptedJob { steps, ..job }, wall);
        }
        stage
    }

    fn now(stage: &Stage, id: &str) -> Option<Act> {
        let id = id.parse().unwrap();
        let cue = stage.cue(&id, Instant::now(), SystemTime::UNIX_EPOCH);
        cue.map(|cue| cue.step().act.clone())
    }

    /// Asks for `a`, which does this, at these seconds after the first time; a cue as its act and its
    /// end time.
    fn ask(steps: Vec<Step>, at: &[u64]) -> Vec<(Act, Option<u64>)> {
        let stage = stage([("a", steps)]);
        let (id, start) = ("a".parse().unwrap(), Instant::now());
        at.iter()
            .map(|at| {
                let wall = SystemTime::UNIX_EPOCH + seconds(2_000 + at);
                let cue = stage.cue(&id, start + seconds(*at), wall).unwrap();
                let end = cue.end_time.map(|end| {
                    let ran = end.duration_since(SystemTime::UNIX_EPOCH);
                    ran.unwrap().as_secs() - 2_000
                });
                (cue.step().act.clone(), end)
            })
            .collect()
    }

    #[test]
    fn steps_follow_each_other_by_time_even_when_nobody_asks() {
        let steps = vec![
            Step::init().lasting(seconds(2)),
            Step::running().lasting(seconds(3)),
            Step::success(),
        ];
        assert_eq!(
            ask(steps, &[0, 1, 2, 4, 60, 600]),
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
        let steps = vec![
            Step::running().times(2),
            Step::fault(Fault::Reset),
            Step::running().lasting(seconds(3)),
            Step::success(),
        ];
        let acts: Vec<Act> = ask(steps, &[0, 10, 20, 22, 23])
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
        let stage = stage([("a", vec![Step::success()])]);
        let id = "a".parse().unwrap();
        let cue = stage.cue(&id, Instant::now(), SystemTime::UNIX_EPOCH);
        let (cue, scripted) = (cue.unwrap(), SystemTime::UNIX_EPOCH + seconds(1_000));
        assert_eq!(cue.end_time, Some(scripted));
        assert!(cue.begin_time < scripted);
    }

    #[test]
    fn a_job_without_steps_is_unknown() {
        assert_eq!(now(&stage([("a", vec![])]), "a"), None);
    }

    #[test]
    fn the_longest_beginning_of_an_id_decides_and_a_script_of_its_own_before_all() {
        let (init, running, failed) = (Step::init(), Step::running(), Step::fail("no"));
        let stage = stage([
            ("a*", vec![init.clone()]),
            ("abc", vec![failed.clone()]),
            ("ab*", vec![running.clone()]),
        ]);
        for (id, step) in [("a", init), ("abd", running), ("abc", failed)] {
            assert_eq!(now(&stage, id), Some(step.act), "{id}");
        }
        assert_eq!(now(&stage, "b"), None);
    }

    #[test]
    fn each_job_of_a_common_script_has_a_time_of_its_own_and_another_script_begins_them_anew() {
        let stage = stage([("*", vec![Step::init(), Step::success()])]);
        for id in ["a", "b"] {
            assert_eq!(now(&stage, id), Some(Step::init().act), "{id}");
        }
        assert_eq!(now(&stage, "a"), Some(Step::success().act));
        let again = ScriptedJob::new("*".parse().unwrap(), "t").then(Step::running());
        stage.add(again, SystemTime::UNIX_EPOCH);
        assert_eq!(now(&stage, "a"), Some(Step::running().act));
    }

    #[test]
    fn the_times_of_many_jobs_lie_evenly_between_two() {
        let steps = vec![
            Step::running().lasting_between(seconds(10), seconds(20)),
            Step::success(),
        ];
        let (stage, start) = (stage([("*", steps)]), Instant::now());
        let ended_after = |time| {
            let ids = (0..1000).map(|number| format!("job-{number}").parse().unwrap());
            let ended = ids.filter(|id| {
                let cue = stage.cue(id, start + time, SystemTime::UNIX_EPOCH);
                cue.unwrap().step().act == Step::success().act
            });
            ended.count()
        };
        assert_eq!(ended_after(Duration::ZERO), 0);
        assert_eq!(ended_after(seconds(10) - Duration::from_millis(1)), 0);
        for (time, expected) in [(12, 200), (15, 500), (18, 800)] {
            let ended = ended_after(seconds(time));
            assert!(ended.abs_diff(expected) < 50, "{ended} after {time} s");
        }
        assert_eq!(ended_after(seconds(20)), 1000);
    }
}
