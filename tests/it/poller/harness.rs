//! Waits in the making, an in-memory service that answers them, and what came of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dcs_wait::api::{Answer, Content, Gate, JobSource, RateLimit, Refusal, Renewal, Session};
use dcs_wait::engine::{Retries, Told, Until, WaitResult, WaitSpec, wait};
use dcs_wait::http::{Trouble, TroubleKind};
use dcs_wait::model::{
    BoxFuture, Durations, Fault, Job, JobId, JobType, NoMeter, Outcome, ProjectId, WatchEvent,
    WatchEventKind,
};
use dcs_wait::poll::{Backoff, BackoffSpec, Control, ScheduleSpec, Subject, WatchSpec};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A service that gives its answers in turn, the last one for ever, and notes when it was asked.
#[derive(Default)]
pub(super) struct Service {
    pub(super) answers: Mutex<VecDeque<Answer>>,
    /// Jobs that go on by themselves, of which the service tells how they stand.
    pub(super) lives: HashMap<JobId, Life>,
    /// What is answered instead to the requests of these numbers, counted from zero.
    pub(super) instead: HashMap<usize, Answer>,
    pub(super) takes: Duration,
    /// What the IDs of the jobs begin with whose requests are never answered in time.
    pub(super) hanging: Option<&'static str>,
    /// The number of the request that takes two seconds more, counted from zero.
    pub(super) slow: Option<usize>,
    pub(super) renewal_takes: Duration,
    /// How many renewals fail for the moment.
    pub(super) renewals_in_vain: usize,
    /// Whether the first renewal after those brings another credential.
    pub(super) renews: bool,
    pub(super) log: Arc<Log>,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) asked: Mutex<Vec<(String, Instant)>>,
    pub(super) renewals: Mutex<usize>,
}

impl JobSource for Service {
    fn ask<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Answer> {
        let mut asked = self.log.asked.lock().unwrap();
        let is_slow = self.slow == Some(asked.len());
        let instead = self.instead.get(&asked.len());
        asked.push((job.to_string(), Instant::now()));
        let mut answers = self.answers.lock().unwrap();
        let answer = match (instead, self.lives.get(job), answers.len()) {
            (Some(answer), ..) => answer.clone(),
            (None, Some(life), _) => life.now(),
            (None, None, 1) => answers[0].clone(),
            (None, None, _) => answers.pop_front().unwrap(),
        };
        let hangs = self
            .hanging
            .is_some_and(|start| job.as_str().starts_with(start));
        if hangs {
            return Box::pin(async {
                tokio::time::sleep(secs(15)).await;
                no_answer()
            });
        }
        let takes = self.takes + if is_slow { secs(2) } else { Duration::ZERO };
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            answer
        })
    }

    fn project_id(&self) -> Option<ProjectId> {
        Some("p1".parse().unwrap())
    }

    fn renew(&self) -> BoxFuture<'_, Renewal> {
        let mut renewals = self.log.renewals.lock().unwrap();
        *renewals += 1;
        let renewal = match renewals.checked_sub(self.renewals_in_vain) {
            None | Some(0) => Renewal::NotNow(Fault::local("the source is busy")),
            Some(1) if self.renews => Renewal::Changed,
            Some(_) => Renewal::Unchanged,
        };
        Box::pin(async move {
            tokio::time::sleep(self.renewal_takes).await;
            renewal
        })
    }
}

/// A job that runs and succeeds by itself.
#[derive(Debug, Clone)]
pub(super) struct Life {
    job_type: &'static str,
    takes: Duration,
    /// How long it has run when its service starts.
    age: Duration,
    /// How long after that it can be seen, and begins.
    later: Duration,
    /// Whether its answers say when they came.
    pub(super) dated: bool,
    start: Instant,
}

impl Life {
    /// One that starts now.
    pub(super) fn of(job_type: &'static str, takes: Duration) -> Self {
        Self {
            job_type,
            takes,
            age: Duration::ZERO,
            later: Duration::ZERO,
            dated: true,
            start: Instant::now(),
        }
    }

    /// The same, where it started before.
    pub(super) fn begun(mut self, ago: Duration) -> Self {
        self.age = ago;
        self
    }

    /// The same, where it is unknown so long and starts only then.
    pub(super) fn later(mut self, by: Duration) -> Self {
        self.later = by;
        self
    }

    /// How it stands. Its service's clock is at some time in 2023 when it starts.
    fn now(&self) -> Answer {
        let start = UNIX_EPOCH + secs(1_684_191_545);
        let now: SystemTime = start + self.start.elapsed();
        let begin = start - self.age + self.later;
        if self.start.elapsed() < self.later {
            return refused(404, "DCS.4004");
        }
        let end = Some(begin + self.takes).filter(|end| *end <= now);
        Answer {
            at: self.dated.then_some(now),
            ..Content::Job(Job {
                status: if end.is_some() { "SUCCESS" } else { "RUNNING" }.into(),
                job_type: Some(self.job_type.into()),
                begin_time: Some(begin),
                end_time: end,
                fail_reason: None,
            })
            .into()
        }
    }
}

pub(crate) fn job(status: &str) -> Answer {
    Content::Job(Job {
        status: status.into(),
        job_type: Some("masterStandbySwapJob".into()),
        begin_time: None,
        end_time: None,
        fail_reason: None,
    })
    .into()
}

pub(super) fn no_answer() -> Answer {
    Content::NoAnswer(Trouble {
        kind: TroubleKind::TimedOut,
        message: "no answer within 15s".into(),
    })
    .into()
}

pub(crate) fn refused(status: u16, code: &str) -> Answer {
    refusal(status, code, None, None)
}

pub(super) fn refusal(
    status: u16,
    code: &str,
    after: Option<u64>,
    limit: Option<RateLimit>,
) -> Answer {
    Content::Refused(Refusal {
        status,
        fault: Fault {
            http_status: Some(status),
            code: Some(code.into()),
            message: "as the service puts it".into(),
            request_id: None,
        },
        retry_after: after.map(secs),
        limit,
    })
    .into()
}

/// A watch by itself, without an engine.
pub(super) struct Lone {
    pub(super) job: JobId,
    pub(super) start: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) control: Control,
    /// The last description.
    pub(super) seen: Mutex<Option<Job>>,
}

impl Lone {
    pub(super) fn new(job: &str) -> Self {
        Self {
            job: job.parse().unwrap(),
            start: Instant::now(),
            deadline: None,
            control: Control::default(),
            seen: Mutex::default(),
        }
    }
}

impl Subject for Lone {
    fn job_id(&self) -> &JobId {
        &self.job
    }

    fn start(&self) -> Instant {
        self.start
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn control(&self) -> &Control {
        &self.control
    }

    fn job(&self) -> Option<Job> {
        self.seen.lock().unwrap().clone()
    }

    fn hear(&self, event: WatchEvent) {
        if let WatchEventKind::Polled { job, .. } = &event.kind {
            *self.seen.lock().unwrap() = Some((**job).clone());
        }
    }
}

/// A wait under test, in the making.
pub(super) struct Wait {
    pub(super) service: Service,
    pub(super) jobs: Vec<JobId>,
    pub(super) watch: WatchSpec,
    pub(super) timeout: Option<Duration>,
    pub(super) until: Until,
    pub(super) max_rps: f64,
    pub(super) max_in_flight: usize,
    pub(super) cancel_after: Option<Duration>,
    pub(super) known: Vec<(JobType, Durations)>,
}

/// A wait that has ended.
pub(super) struct Ended {
    pub(super) result: WaitResult,
    pub(super) events: Vec<WatchEvent>,
    pub(super) log: Arc<Log>,
    pub(super) start: Instant,
    pub(super) took: Duration,
}

impl Wait {
    pub(super) fn for_jobs(ids: &[&str], answers: impl IntoIterator<Item = Answer>) -> Self {
        let backoff = BackoffSpec {
            initial_interval: secs(1),
            max_interval: secs(8),
            multiplier: 2.0,
            jitter: 0.0,
        };
        Self {
            service: Service {
                answers: Mutex::new(answers.into_iter().collect()),
                ..Service::default()
            },
            jobs: ids.iter().map(|id| id.parse().unwrap()).collect(),
            watch: WatchSpec {
                schedule: ScheduleSpec::Exponential,
                backoff: Backoff::try_from(backoff).unwrap(),
                not_found_grace: secs(10),
                mending_grace: Duration::ZERO,
                request_timeout: secs(5),
                not_found_codes: Vec::new(),
            },
            timeout: Some(secs(60)),
            until: Until::AllEnd,
            max_rps: 1000.0,
            max_in_flight: 64,
            cancel_after: None,
            known: Vec::new(),
        }
    }

    pub(super) fn for_a_job(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::for_jobs(&["j1"], answers)
    }

    pub(super) async fn ended(self) -> Ended {
        self.ended_with_gate().await.0
    }

    pub(super) async fn ended_with_gate(self) -> (Ended, Arc<Gate>) {
        let gate = Arc::new(Gate::new(self.max_rps, self.max_in_flight));
        let log = Arc::clone(&self.service.log);
        let session = Arc::new(Session {
            source: Box::new(self.service),
            gate: Arc::clone(&gate),
            endpoint: dcs_wait::api::EndpointProof::default(),
            meter: Arc::new(NoMeter),
        });
        let start = Instant::now();
        let spec = WaitSpec {
            jobs: self.jobs,
            watch: Arc::new(self.watch),
            start,
            deadline: self.timeout.map(|timeout| start + timeout),
            until: self.until,
            hooks: Vec::new(),
            hook_timeout: Duration::from_secs(3600),
            retries: Retries {
                after: Vec::new(),
                jitter: 0.0,
                honors_retry_after: true,
            },
            seed: 7,
            known: self.known,
        };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        if let Some(after) = self.cancel_after {
            let cancel = cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                cancel.cancel();
            });
        }
        let result = wait(&spec, session, &sender, &cancel).await;
        let mut events = Vec::new();
        while let Ok(told) = receiver.try_recv() {
            if let Told::Watch { event, .. } = told {
                events.push(event);
            }
        }
        let ended = Ended {
            result,
            events,
            log,
            start,
            took: start.elapsed(),
        };
        (ended, gate)
    }
}

impl Ended {
    /// When requests were sent, in milliseconds from the start.
    pub(super) fn asked_at(&self) -> Vec<u128> {
        let asked = self.log.asked.lock().unwrap();
        asked
            .iter()
            .map(|(_, at)| at.duration_since(self.start).as_millis())
            .collect()
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.result
            .reports
            .iter()
            .map(|report| report.outcome)
            .collect()
    }

    pub(super) fn only_outcome(&self) -> Outcome {
        assert_eq!(self.result.reports.len(), 1);
        self.outcomes()[0]
    }

    pub(super) fn exit(&self) -> u8 {
        self.result.exit(Until::AllEnd).code()
    }
}
