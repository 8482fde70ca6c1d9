//! The loop that waits for one job: ask, judge, sleep.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::verdict::{Context, Verdict, judge};
use super::{Backoff, Deadline, Schedule};
use crate::api::{Answer, Content, Pass, Renewal, Session};
use crate::model::{
    Fault, Job, JobId, Outcome, ProjectId, WatchEvent, WatchEventKind, WatchReport,
};

/// What was asked of a watch.
#[derive(Debug, Clone)]
pub struct WatchSpec {
    /// The project that the job belongs to.
    pub project_id: ProjectId,
    /// How long to wait at most; `None` for no limit. The last request falls exactly on it.
    pub timeout: Option<Duration>,
    /// The intervals between requests, and after failures.
    pub backoff: Backoff,
    /// How long a job may stay unknown from the start on.
    pub not_found_grace: Duration,
    /// How long one request may take. The wait ends no later than this after its deadline.
    pub request_timeout: Duration,
    /// The codes of answers of 400 that mean that there is no such job.
    pub not_found_codes: Vec<String>,
}

/// Where is asked is wrong, and so no watch can go on. The report says how far this one
/// came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misconfigured(pub Box<WatchReport>);

/// Waits for one job.
pub struct Poller<E> {
    job_id: JobId,
    spec: Arc<WatchSpec>,
    emit: E,
    random: fastrand::Rng,
    schedule: Box<dyn Schedule>,
    backoff: Box<dyn Schedule>,
    start: Instant,
    deadline: Deadline,
    progress: Progress,
}

/// What a watch has seen so far.
#[derive(Debug, Default)]
struct Progress {
    polls: u32,
    job: Option<Job>,
    /// How many faults in a row.
    failures: u32,
    /// The last fault since the last good answer.
    fault: Option<Fault>,
}

impl Progress {
    fn fail(&mut self, fault: Fault) {
        self.failures += 1;
        self.fault = Some(fault);
    }
}

/// What follows an answer.
enum Step {
    AskAgain(Duration),
    End(Outcome),
    Stop,
}

/// Why there was no leave to ask.
enum NoLeave {
    PastDeadline,
    Denied(Fault),
}

/// The wait can't go on, for any job.
struct Wrong;

impl<E: Fn(WatchEvent)> Poller<E> {
    /// A poller whose wait began at `start`.
    pub fn new(
        job_id: JobId,
        spec: Arc<WatchSpec>,
        start: Instant,
        random: fastrand::Rng,
        emit: E,
    ) -> Self {
        Self {
            job_id,
            emit,
            random,
            schedule: spec.backoff.schedule(),
            backoff: spec.backoff.schedule(),
            start,
            deadline: Deadline::new(start, spec.timeout, spec.request_timeout),
            progress: Progress::default(),
            spec,
        }
    }

    /// Waits until the job has ended, the wait can't go on, or it is called off.
    ///
    /// # Errors
    /// When where is asked is wrong.
    pub async fn run(
        mut self,
        session: &Session,
        cancel: &CancellationToken,
    ) -> Result<WatchReport, Misconfigured> {
        self.tell(WatchEventKind::Started);
        // Whatever the loop awaits, being called off ends it there and then.
        let end = cancel.run_until_cancelled(self.poll(session)).await;
        let outcome = match end {
            Some(Ok(outcome)) => outcome,
            Some(Err(Wrong)) => Outcome::Rejected,
            None => {
                self.progress.fault = None;
                Outcome::Cancelled
            }
        };
        let report = self.report(outcome);
        self.tell(WatchEventKind::Ended(Box::new(report.clone())));
        match end {
            Some(Err(Wrong)) => Err(Misconfigured(Box::new(report))),
            _ => Ok(report),
        }
    }

    async fn poll(&mut self, session: &Session) -> Result<Outcome, Wrong> {
        let mut due = self.start;
        loop {
            until(due).await;
            let step = match self.ask(session).await {
                Ok(step) => step,
                Err(NoLeave::PastDeadline) => Step::End(Outcome::TimedOut),
                Err(NoLeave::Denied(fault)) => {
                    self.progress.fault = Some(fault);
                    Step::End(Outcome::Denied)
                }
            };
            match step {
                Step::AskAgain(after) => due = Instant::now() + after,
                Step::End(outcome) => return Ok(outcome),
                Step::Stop => return Err(Wrong),
            }
        }
    }

    /// Asks once; and once more when the service refused the credential and renewing it helped.
    async fn ask(&mut self, session: &Session) -> Result<Step, NoLeave> {
        let deadline = self.deadline;
        let mut pass = deadline
            .before_too_late(session.gate.breaker.admit())
            .await
            .ok_or(NoLeave::PastDeadline)?
            .map_err(NoLeave::Denied)?;
        let mut answer = self.send(session).await?;
        let mut verdict = self.judge(&answer.content, false);
        if verdict == Verdict::Reauthenticate && pass.refused() {
            self.note(&answer.content);
            let renewed = deadline
                .before_too_late(self.reauthenticate(session, &answer))
                .await;
            if renewed.ok_or(NoLeave::PastDeadline)? {
                answer = self.send(session).await?;
                verdict = self.judge(&answer.content, true);
            } else {
                verdict = Verdict::Ended(Outcome::Denied);
            }
        }
        settle(pass, &answer.content, verdict);
        Ok(self.weigh(session, &answer.content, verdict))
    }

    /// Waits for a turn and sends one request.
    async fn send(&mut self, session: &Session) -> Result<Answer, NoLeave> {
        loop {
            let turn = session.gate.limiter.reserve(Instant::now());
            if self.deadline.is_too_late(turn.at) {
                if let Some(at) = self.deadline.at() {
                    until(at).await;
                }
                return Err(NoLeave::PastDeadline);
            }
            until(turn.at).await;
            if !session.gate.limiter.is_void(turn) {
                break;
            }
        }
        self.progress.polls += 1;
        let asked = session.source.ask(&self.job_id);
        let answer = self.deadline.before_too_late(asked).await;
        let answer = answer.ok_or(NoLeave::PastDeadline)?;
        if let Some(offset) = answer.clock_off {
            self.tell(WatchEventKind::ClockCorrected {
                off_by: offset.off_by,
                ahead: offset.ahead,
            });
        }
        Ok(answer)
    }

    /// After a refusal of the credential: whether there is reason to try once more.
    async fn reauthenticate(&mut self, session: &Session, answer: &Answer) -> bool {
        if answer.clock_off.is_some() {
            return true;
        }
        loop {
            match session.source.renew().await {
                Renewal::Changed => {
                    self.tell(WatchEventKind::CredentialRefreshed);
                    return true;
                }
                Renewal::Unchanged => return false,
                Renewal::NotNow(fault) => {
                    let next = self.backoff.next(&mut self.random);
                    self.progress.fail(fault.clone());
                    self.tell_trouble(fault, next);
                    sleep(next).await;
                }
            }
        }
    }

    fn judge(&self, content: &Content, second_chance: bool) -> Verdict {
        judge(
            content,
            &Context {
                waited: self.start.elapsed(),
                not_found_grace: self.spec.not_found_grace,
                seen: self.progress.job.is_some(),
                second_chance,
                not_found_codes: &self.spec.not_found_codes,
            },
        )
    }

    /// Takes an answer in, tells what it means, and says what follows.
    fn weigh(&mut self, session: &Session, content: &Content, verdict: Verdict) -> Step {
        let changed = self.note(content);
        let after = match verdict {
            Verdict::Ended(outcome) => return Step::End(outcome),
            Verdict::Rejected => return Step::End(Outcome::Rejected),
            Verdict::Misconfigured => return Step::Stop,
            // This was the request at the deadline, or one that was under way when it passed.
            _ if self.deadline.has_passed() => return Step::End(Outcome::TimedOut),
            // Another watch is renewing the credential; being admitted waits for that.
            Verdict::Reauthenticate => return Step::AskAgain(Duration::ZERO),
            Verdict::GoesOn => self.schedule.next(&mut self.random),
            Verdict::NotYetVisible(left) => self.backoff.next(&mut self.random).min(left),
            Verdict::Throttled | Verdict::Trouble => self.back_off(session, content, verdict),
        };
        let next = self.deadline.cut(after);
        self.tell_next(content, verdict, changed, next);
        Step::AskAgain(next)
    }

    /// Remembers an answer. Says whether the job's status is another than before.
    fn note(&mut self, content: &Content) -> bool {
        let job = match content.reading() {
            Ok(job) => job,
            Err(fault) => {
                self.progress.fail(fault);
                return false;
            }
        };
        self.progress.failures = 0;
        self.progress.fault = None;
        self.backoff.reset();
        let before = self.progress.job.replace(job.clone());
        before.is_none_or(|before| before.status != job.status)
    }

    /// The wait after trouble. What the service asks for holds for all watches.
    fn back_off(&mut self, session: &Session, content: &Content, verdict: Verdict) -> Duration {
        let mut after = self.backoff.next(&mut self.random);
        if let Content::Refused(refusal) = content {
            after = after.max(refusal.retry_after.unwrap_or_default());
            if verdict == Verdict::Throttled || refusal.retry_after.is_some() {
                let now = Instant::now();
                after = session.gate.limiter.pause(now, after, refusal.limit);
            }
        }
        after
    }

    fn tell_next(&self, content: &Content, verdict: Verdict, changed: bool, next: Duration) {
        match (content.reading(), verdict, content) {
            (Ok(job), ..) => self.tell(WatchEventKind::Polled {
                job: job.clone(),
                changed,
                next,
            }),
            (_, Verdict::NotYetVisible(grace), _) => {
                self.tell(WatchEventKind::NotYetVisible { next, grace });
            }
            (_, Verdict::Throttled, Content::Refused(refusal)) => {
                self.tell(WatchEventKind::Throttled {
                    limit: refusal.limit.map(|limit| (limit.requests, limit.per)),
                    next,
                });
            }
            (Err(fault), ..) => self.tell_trouble(fault, next),
        }
    }

    fn tell_trouble(&self, fault: Fault, next: Duration) {
        self.tell(WatchEventKind::Trouble {
            fault,
            in_a_row: self.progress.failures,
            next,
        });
    }

    fn tell(&self, kind: WatchEventKind) {
        (self.emit)(WatchEvent {
            job_id: self.job_id.clone(),
            waited: self.start.elapsed(),
            polls: self.progress.polls,
            kind,
        });
    }

    fn report(&mut self, outcome: Outcome) -> WatchReport {
        WatchReport {
            job_id: self.job_id.clone(),
            project_id: Some(self.spec.project_id.clone()),
            outcome,
            job: self.progress.job.take(),
            polls: self.progress.polls,
            waited: self.start.elapsed(),
            fault: self.progress.fault.take(),
        }
    }
}

/// Sleeps, where there is anything to sleep for: a timer that is due already would still take up
/// to a millisecond, which is tokio's resolution.
async fn until(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}

/// Tells the breaker what an answer says about the credential: an answer of the service itself
/// that it is good, a final refusal that it isn't, and anything else nothing.
fn settle(pass: Pass<'_>, content: &Content, verdict: Verdict) {
    match content {
        Content::Job(_) => pass.accepted(),
        Content::Refused(refusal) => match refusal.status {
            401 if verdict == Verdict::Ended(Outcome::Denied) => {
                pass.give_up(refusal.fault.clone());
            }
            400 | 403 | 404 => pass.accepted(),
            _ => {}
        },
        Content::Unreadable(_) | Content::NoAnswer(_) | Content::NoCredential(_) => {}
    }
}
