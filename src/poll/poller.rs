//! The loop that waits for one job: ask, judge, sleep.
//!
//! Most watches wait most of the time, be it for their next request, for their turn at the limiter
//! or for a credential to be mended. So what they hold then is small: nothing of a request outlives
//! its answer, and what rarely happens is on the heap while it does.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::within;
use super::held::Held;
use super::leave::{RequestPermit, line_up};
use super::outlook::{Outlook, ScheduleSpec, age_of};
use super::renewal::Refused;
use super::subject::{Steered, Subject};
use super::verdict::{Context, Verdict, credential_accepted, judge};
use super::{Backoff, Deadline, Experience, Interval, Schedule as _};
use crate::api::{Answer, Content, Pass, Session};
use crate::clock::SaturatingAdd as _;
use crate::model::{Outcome, WatchEventKind, WatchReport};

/// What was asked of a watch, and of all others that are asked the same.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSpec {
    /// How requests follow each other while the job goes on.
    pub schedule: ScheduleSpec,
    /// The intervals after failures.
    pub backoff: Backoff,
    /// How long a job may stay unknown from the start on.
    pub not_found_grace: Duration,
    /// How long a refused credential or a wrong endpoint may be mended, from when a watch first
    /// meets it, before that ends the watch. Zero ends it at once.
    pub mending_grace: Duration,
    /// How long one request may take. The wait ends no later than this after its deadline.
    pub request_timeout: Duration,
    /// The codes of answers of 400 that mean that there is no such job.
    pub not_found_codes: Vec<String>,
}

/// Where is asked is wrong, and so no watch can go on. The report says how far this one
/// came; its outcome is [`Outcome::Rejected`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misconfigured(pub Box<WatchReport>);

/// Waits for one job.
pub struct Poller<'a, S> {
    pub(super) subject: &'a S,
    pub(super) spec: Arc<WatchSpec>,
    session: Arc<Session>,
    random: fastrand::Rng,
    /// The intervals while the job goes on, where they are exponential as well.
    schedule: Interval,
    /// What was known of its type when the job was first described, or since it is enough.
    experience: Option<Arc<Experience>>,
    /// The intervals after failures.
    backoff: Interval,
    /// Requests sent so far.
    pub(super) polls: u32,
    /// How long the request that waits in line has been due when its turn comes, in milliseconds.
    in_line: u32,
    pub(super) held: Held,
}

/// What follows an answer.
pub(super) enum Step {
    AskAgain(Duration),
    End(Outcome),
    Stop,
}

impl<'a, S: Subject> Poller<'a, S> {
    /// A poller for one watch that has sent so many requests already.
    pub fn new(
        subject: &'a S,
        spec: Arc<WatchSpec>,
        session: Arc<Session>,
        polls: u32,
        mut random: fastrand::Rng,
    ) -> Self {
        Self {
            subject,
            schedule: spec.backoff.after(polls, &mut random),
            backoff: spec.backoff.first(),
            experience: None,
            random,
            polls,
            in_line: 0,
            held: Held::default(),
            spec,
            session,
        }
    }

    /// Waits until the job has ended or the wait can't go on; `None` when it is called off before.
    /// The first request is due at once.
    ///
    /// # Errors
    /// When where is asked is wrong, and was not mended in time.
    pub fn run(
        self,
    ) -> impl Future<Output = Option<Result<WatchReport, Misconfigured>>> + Send + use<'a, S> {
        Steered {
            subject: self.subject,
            future: self.poll(),
        }
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would hold the whole poller twice"
    )]
    fn poll(
        mut self,
    ) -> impl Future<Output = Result<WatchReport, Misconfigured>> + Send + use<'a, S> {
        async move {
            self.tell(WatchEventKind::Started);
            let mut due = Instant::now();
            loop {
                due = self.subject.control().sleep_until(due).await;
                let now = Instant::now();
                due = due.min(now);
                let deadline = self.deadline();
                let (place, turn) = line_up(&self.session.gate, now, deadline);
                if let Some(turn) = turn {
                    self.in_line = millis_between(due, turn);
                    let turn = self.subject.control().sleep_until(turn).await;
                    let in_line = Duration::from_millis(self.in_line.into());
                    due = turn.checked_sub(in_line).unwrap_or(turn);
                }
                place.taken();
                // Boxed, so that what isn't going on takes no room.
                match Box::pin(self.step(due)).await {
                    Step::AskAgain(after) => due = Instant::now().saturating_add(after),
                    Step::End(outcome) => return Ok(self.report(outcome)),
                    Step::Stop => {
                        let report = self.report(Outcome::Rejected);
                        return Err(Misconfigured(Box::new(report)));
                    }
                }
            }
        }
    }

    /// Asks once, as soon as that may be.
    async fn step(&mut self, due: Instant) -> Step {
        let session = Arc::clone(&self.session);
        match self.acquire(&session).await {
            // Boxed as well: many may wait for leave while few requests are under way.
            Ok(permit) => Box::pin(self.ask(&session, due, permit)).await,
            Err(outcome) => Step::End(outcome),
        }
    }

    /// Asks once; and once more when the service refused the credential and renewing it helped.
    async fn ask(&mut self, session: &Session, due: Instant, permit: RequestPermit<'_>) -> Step {
        let RequestPermit {
            pass,
            in_flight: _in_flight,
        } = permit;
        let Some(answer) = pass.sending(self.send(session, due)).await else {
            return Step::End(self.out_of_time(session));
        };
        match self.hear(session, pass, answer) {
            Ok(step) => step,
            Err(refused) => Box::pin(self.try_once_more(session, refused)).await,
        }
    }

    /// Sends one request. `None` when the answer takes longer than the wait may.
    pub(super) async fn send(&mut self, session: &Session, due: Instant) -> Option<Answer> {
        if !self.subject.is_held() {
            return pending().await;
        }
        self.polls += 1;
        self.subject.control().heeded();
        let sent = Instant::now();
        let asked = session.source.ask(self.subject.job_id());
        let answer = within(self.deadline().too_late(), asked).await;
        let word = answer
            .as_ref()
            .map_or("no_answer", |one| one.content.word());
        session
            .meter
            .polled(word, sent.elapsed(), sent.duration_since(due));
        if let Some(answer) = &answer
            && let Content::Job(_) | Content::Refused(_) = &answer.content
            && (answer.date.is_some() || matches!(answer.content, Content::Job(_)))
        {
            self.subject.answered(answer.date);
        }
        if let Some(offset) = answer.as_ref().and_then(|answer| answer.clock_off) {
            self.tell(WatchEventKind::ClockCorrected {
                off_by: offset.off_by,
                ahead: offset.ahead,
            });
        }
        answer
    }

    /// Takes the first answer in, which may be a refusal of the credential. No other watch uses it
    /// until this one has found out whether it can be mended: their turns are of no use to them.
    // No part of the loop: the answer would be held as long as that lasts.
    fn hear<'b>(
        &mut self,
        session: &Session,
        mut pass: Pass<'b>,
        answer: Answer,
    ) -> Result<Step, Box<Refused<'b>>> {
        let verdict = self.judge(&answer.content, false);
        match answer.content.reading() {
            Err(fault) if verdict == Verdict::Reauthenticate && pass.refused() => {
                session.gate.limiter.recall(Instant::now());
                self.held.blame(fault.clone());
                Err(Box::new(Refused {
                    pass,
                    fault,
                    sign_again: answer.sign_again,
                }))
            }
            _ => Ok(self.conclude(session, pass, answer, verdict)),
        }
    }

    pub(super) fn judge(&self, content: &Content, second_chance: bool) -> Verdict {
        judge(
            content,
            &Context {
                waited: self.subject.start().elapsed(),
                not_found_grace: self.spec.not_found_grace,
                seen: self.subject.job().is_some(),
                endpoint_seen: self.session.endpoint.is_proven(),
                second_chance,
                not_found_codes: &self.spec.not_found_codes,
            },
        )
    }

    /// Takes an answer in, tells the breaker and the others what it means to them, and says what
    /// follows.
    pub(super) fn conclude(
        &mut self,
        session: &Session,
        pass: Pass<'_>,
        answer: Answer,
        verdict: Verdict,
    ) -> Step {
        let content = &answer.content;
        let verdict = match verdict {
            Verdict::Unconfirmed(last) if self.held.confirms(last, Instant::now()) => {
                last.verdict()
            }
            verdict => verdict,
        };
        match credential_accepted(content) {
            Some(true) => {
                pass.accepted();
                self.held.accepted();
            }
            Some(false) if verdict == Verdict::Ended(Outcome::Denied) => {
                if let Err(fault) = content.reading() {
                    pass.give_up(fault, session.source.refused_for());
                }
                // Being admitted again is what says how long that may be mended.
                return Step::AskAgain(Duration::ZERO);
            }
            _ => drop(pass),
        }
        let changed = self.note(session, content);
        if verdict == Verdict::Misconfigured {
            if self.is_misplaced_for_good() {
                return Step::Stop;
            }
        } else {
            self.held.well_placed();
        }
        let mut estimate = None;
        let after = match verdict {
            Verdict::Ended(outcome) => return self.end(outcome, answer.content),
            Verdict::Rejected => return self.end(Outcome::Rejected, answer.content),
            // Another watch is renewing the credential; being admitted waits for that.
            Verdict::Reauthenticate => Duration::ZERO,
            Verdict::GoesOn => {
                let outlook = self.outlook(&answer);
                estimate = outlook.estimate();
                outlook.next(
                    self.spec.schedule,
                    &self.spec.backoff,
                    &mut self.schedule,
                    &mut self.random,
                )
            }
            Verdict::NotYetVisible(left) => self.after_failure().min(left),
            Verdict::Throttled
            | Verdict::Trouble
            | Verdict::Misconfigured
            | Verdict::Unconfirmed(_) => self.back_off(session, content, verdict),
        };
        // This was the request at the deadline, or one that was under way when it passed.
        if self.deadline().has_passed() {
            return self.end(Outcome::TimedOut, answer.content);
        }
        let next = self.deadline().cut(after);
        if verdict != Verdict::Reauthenticate {
            self.tell_next(answer.content, verdict, changed, next, estimate);
        }
        Step::AskAgain(next)
    }

    /// The end that an answer brings.
    fn end(&mut self, outcome: Outcome, content: Content) -> Step {
        if let Content::Job(job) = content {
            self.held.end_with(job);
        }
        Step::End(outcome)
    }

    /// Remembers an answer. Says whether the job's status is another than before.
    fn note(&mut self, session: &Session, content: &Content) -> bool {
        let job = match content.reading() {
            Ok(job) => job,
            Err(fault) => {
                self.held.fail(fault);
                return false;
            }
        };
        session.endpoint.prove();
        self.held.succeed();
        self.backoff = self.spec.backoff.first();
        let before = self.subject.job();
        before.is_none_or(|before| before.status != job.status)
    }

    /// What an answer lets expect of the job, where it describes one.
    fn outlook(&mut self, answer: &Answer) -> Outlook {
        let waited = self.subject.start().elapsed();
        let Content::Job(job) = &answer.content else {
            return Outlook::new(waited, None);
        };
        let is_enough = self.experience.as_ref().is_some_and(|one| one.is_enough());
        if !is_enough && let Some(job_type) = &job.job_type {
            self.experience = self.subject.experience(job_type);
        }
        let longest = self.experience.as_ref().and_then(|one| one.longest());
        let age = age_of(job, answer.at, waited, longest);
        Outlook::new(age, self.experience.clone())
    }

    /// Whether a wrong endpoint has had its time to be mended.
    fn is_misplaced_for_good(&mut self) -> bool {
        let since = self.held.misplaced(Instant::now());
        since.elapsed() >= self.spec.mending_grace
    }

    pub(super) fn after_failure(&mut self) -> Duration {
        self.spec.backoff.next(&mut self.backoff, &mut self.random)
    }

    /// The wait after trouble. What the service asks for holds for all watches.
    fn back_off(&mut self, session: &Session, content: &Content, verdict: Verdict) -> Duration {
        let mut after = self.after_failure();
        if let Verdict::Unconfirmed(_) = verdict {
            after = self.held.until_confirmation(after, Instant::now());
        }
        if let Content::Refused(refusal) = content {
            after = after.max(refusal.retry_after.unwrap_or_default());
            if verdict == Verdict::Throttled || refusal.retry_after.is_some() {
                let now = Instant::now();
                after = session.gate.limiter.pause(now, after, refusal.limit);
            }
        }
        after
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::on(self.subject.deadline(), self.spec.request_timeout)
    }

    fn report(&mut self, outcome: Outcome) -> WatchReport {
        WatchReport {
            job_id: self.subject.job_id().clone(),
            project_id: self.session.source.project_id(),
            outcome,
            job: self.held.take_last().or_else(|| self.subject.job()),
            polls: self.polls,
            waited: self.subject.start().elapsed(),
            fault: self.held.take_fault(),
        }
    }
}

/// The milliseconds from one time to another. A function of its own, as the loop would keep what it borrows
/// while it sleeps.
fn millis_between(from: Instant, to: Instant) -> u32 {
    u32::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u32::MAX)
}
