//! A watch's history: runs of like answers.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::forms::millis;
use crate::model::{Answers, Fault, Job, WatchEventKind, WatchReport};
use crate::sanitize::{SENTENCE, WORD, sanitize};

/// The run of like answers that goes on.
// As small as it can be, with times in milliseconds since 1970: each watch has one.
#[derive(Debug, Default)]
pub(super) struct History {
    answer: Cow<'static, str>,
    /// How many there were; zero before the first.
    count: u32,
    first_at: u64,
    last_at: u64,
    /// Requests up to the last answer that is counted.
    counted: u32,
}

impl History {
    /// The run that goes on, where there has been an answer.
    pub(super) fn open(&self) -> Option<Answers> {
        (self.count > 0).then(|| Answers {
            answer: self.answer.clone(),
            count: self.count,
            first_at: time(self.first_at),
            last_at: time(self.last_at),
        })
    }

    /// Takes an answer in that came to the request of that number. Where it is another than before,
    /// `ended` then has the run that it ended.
    pub(super) fn add(
        &mut self,
        answer: Cow<'static, str>,
        polls: u32,
        at: SystemTime,
        ended: &mut Vec<Answers>,
    ) {
        self.counted = polls;
        if self.count > 0 && self.answer == answer {
            self.count = self.count.saturating_add(1);
        } else {
            ended.extend(self.open());
            self.answer = answer;
            self.count = 1;
            self.first_at = since_epoch(at);
        }
        self.last_at = since_epoch(at);
    }

    /// Takes in how the watch ended, and ends the run that went on.
    pub(super) fn end(&mut self, report: &WatchReport, at: SystemTime) -> Vec<Answers> {
        let mut ended = Vec::new();
        // An answer that ends a watch is told of by nothing but the report.
        if report.polls > self.counted
            && let Some(answer) = last_answer(report)
        {
            self.add(answer, report.polls, at, &mut ended);
        }
        ended.extend(self.open());
        self.count = 0;
        ended
    }
}

/// Milliseconds since 1970.
pub(super) fn since_epoch(at: SystemTime) -> u64 {
    millis(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The time so many milliseconds after the beginning of 1970.
pub(super) fn time(millis: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    time.unwrap_or(UNIX_EPOCH)
}

/// The answer that an event tells of, where it does.
pub(super) fn answer_of(event: &WatchEventKind) -> Option<Cow<'static, str>> {
    match event {
        WatchEventKind::Polled { job, .. } => Some(status(job)),
        WatchEventKind::NotYetVisible { .. } => Some("not visible yet".into()),
        WatchEventKind::Throttled { .. } => Some("throttled".into()),
        WatchEventKind::Trouble { fault, .. } => Some(trouble(fault)),
        WatchEventKind::Started
        | WatchEventKind::ClockCorrected { .. }
        | WatchEventKind::CredentialRefreshed
        | WatchEventKind::Ended(_) => None,
    }
}

fn last_answer(report: &WatchReport) -> Option<Cow<'static, str>> {
    match (&report.fault, &report.job) {
        (Some(fault), _) if !report.outcome.is_of_the_job() => Some(trouble(fault)),
        (_, Some(job)) => Some(status(job)),
        (_, None) => None,
    }
}

fn status(job: &Job) -> Cow<'static, str> {
    match job.status.known_as() {
        Some(known) => known.into(),
        None => format!("{:.WORD$}", job.status).into(),
    }
}

/// The same trouble has the same words: the request's ID is another each time.
fn trouble(fault: &Fault) -> Cow<'static, str> {
    let fault = Fault {
        request_id: None,
        ..fault.clone()
    };
    sanitize(&fault.to_string(), SENTENCE).into()
}
