//! What is told of hooks: each attempt to deliver what one owes for a job that has ended.

use std::time::Duration;

use serde::Serialize;

use super::duration::duration;
use crate::forms::millis;
use crate::model::{HookName, JobId};
use crate::sanitize::{SENTENCE, sanitize};

/// An attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEvent {
    /// The job that has ended.
    pub job_id: JobId,
    /// The hook.
    pub hook: HookName,
    /// Time since the start of the wait.
    pub waited: Duration,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// What came of it.
    pub answer: String,
    /// What is to come.
    pub then: Then,
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing: it arrived.
    Delivered,
    /// Another one.
    Retry(Duration),
    /// Nothing: it was given up.
    Dead,
}

/// The attempt in a line without the newline, the job left out.
pub(super) fn text(event: &AttemptEvent) -> String {
    let AttemptEvent { hook, attempt, .. } = event;
    let answer = sanitize(&event.answer, SENTENCE);
    match event.then {
        Then::Delivered => format!("hook {hook}: delivered ({answer})"),
        Then::Retry(next) => format!(
            "hook {hook}: attempt {attempt} failed: {answer}; next try in {}",
            duration(next)
        ),
        Then::Dead => format!("hook {hook}: given up after attempt {attempt}: {answer}"),
    }
}

/// The job, the hook and why it was given up, in one line without the newline.
#[must_use]
pub fn undelivered_line(event: &AttemptEvent) -> String {
    format!("{}: {}", event.job_id, text(event))
}

/// An attempt in JSON.
#[derive(Serialize)]
pub(super) struct AttemptObject<'a> {
    event: &'static str,
    job_id: &'a str,
    waited_ms: u64,
    hook: &'a str,
    attempt: u32,
    answer: &'a str,
    state: &'static str,
    next_ms: Option<u64>,
}

impl<'a> From<&'a AttemptEvent> for AttemptObject<'a> {
    fn from(event: &'a AttemptEvent) -> Self {
        let (state, next_ms) = match event.then {
            Then::Delivered => ("delivered", None),
            Then::Retry(next) => ("pending", Some(millis(next))),
            Then::Dead => ("dead", None),
        };
        Self {
            event: "delivery",
            job_id: event.job_id.as_str(),
            waited_ms: millis(event.waited),
            hook: event.hook.as_str(),
            attempt: event.attempt,
            answer: &event.answer,
            state,
            next_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{FIRST, HOSTILE, Written, id, seconds};
    use super::super::{Progress, Results, Style, reporter};
    use super::*;
    use insta::assert_snapshot;

    fn attempt(attempt: u32, answer: &str, then: Then) -> AttemptEvent {
        AttemptEvent {
            job_id: id(FIRST),
            hook: "webhook".parse().unwrap(),
            waited: seconds(65),
            attempt,
            answer: answer.to_owned(),
            then,
        }
    }

    fn told(progress: Progress, events: &[AttemptEvent]) -> String {
        let written = Written::default();
        let style = Style {
            progress,
            results: Results::Text,
            print_results: true,
            color: false,
        };
        let mut reporter = reporter(&style, written.boxed(), None);
        for event in events {
            reporter.delivery(event);
        }
        reporter.finish();
        written.text()
    }

    #[test]
    fn attempts_are_told_in_every_form_of_progress() {
        let events = [
            attempt(1, "HTTP 503", Then::Retry(seconds(5))),
            attempt(2, "HTTP 503", Then::Dead),
            attempt(1, "HTTP 204", Then::Delivered),
        ];
        let told = |progress| told(progress, &events);
        assert_snapshot!(told(Progress::Plain), @"
         1m05s  ff8080818822bbf70188235afc24141a: hook webhook: attempt 1 failed: HTTP 503; next try in 5s
         1m05s  ff8080818822bbf70188235afc24141a: hook webhook: given up after attempt 2: HTTP 503
         1m05s  ff8080818822bbf70188235afc24141a: hook webhook: delivered (HTTP 204)
        ");
        assert_snapshot!(told(Progress::JsonLines), @r#"
        {"event":"delivery","job_id":"ff8080818822bbf70188235afc24141a","waited_ms":65000,"hook":"webhook","attempt":1,"answer":"HTTP 503","state":"pending","next_ms":5000}
        {"event":"delivery","job_id":"ff8080818822bbf70188235afc24141a","waited_ms":65000,"hook":"webhook","attempt":2,"answer":"HTTP 503","state":"dead","next_ms":null}
        {"event":"delivery","job_id":"ff8080818822bbf70188235afc24141a","waited_ms":65000,"hook":"webhook","attempt":1,"answer":"HTTP 204","state":"delivered","next_ms":null}
        "#);
        let annotation = "::error title=DCS%3A hook not delivered::ff8080818822bbf70188235afc24141a: hook webhook: given up after attempt 2: HTTP 503\n";
        assert!(told(Progress::Github).ends_with(annotation));
        assert_eq!(
            told(Progress::Live)
                .matches("ff8080818822bbf70188235afc24141a hook webhook: ")
                .count(),
            3
        );
        assert_eq!(told(Progress::Silent), "");
    }

    #[test]
    fn a_hostile_receiver_puts_nothing_active_into_any_form() {
        let events = [attempt(4, HOSTILE, Then::Dead)];
        for progress in [Progress::Plain, Progress::Github, Progress::JsonLines] {
            let text = told(progress, &events);
            assert!(
                !text.contains(['\u{1b}', '\u{9b}', '\u{202E}', '\r']),
                "{text:?}"
            );
            assert!(!text.contains("##"), "{text:?}");
        }
    }
}
