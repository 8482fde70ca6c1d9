//! Progress for GitHub Actions: plain lines in a group, annotations below it, and a table in the
//! step's summary.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use super::Reporter;
use super::delivery::{AttemptEvent, Then, undelivered_line};
use super::duration::duration;
use super::plain::Plain;
use super::sink::Sink;
use super::text;
use crate::model::{Job, JobId, Outcome, WatchEvent, WatchEventKind, WatchReport};

/// From how many times in a row on trouble is worth an annotation.
const WORTH_A_WARNING: u32 = 3;

/// The command that shows an error of the program at the step, in one line without the newline.
#[must_use]
pub fn error_command(message: &str) -> String {
    command("error", "dcs-wait", message)
}

fn command(level: &str, title: &str, message: &str) -> String {
    format!(
        "::{level} title={}::{}",
        escape_property(title),
        escape_data(message)
    )
}

pub(super) struct Github {
    plain: Plain,
    summary: Option<Sink>,
    grouped: bool,
    warned: HashSet<JobId>,
    annotations: Vec<String>,
    rows: Vec<String>,
}

impl Github {
    pub(super) fn new(out: Box<dyn Write + Send>, summary: Option<Box<dyn Write + Send>>) -> Self {
        Self {
            plain: Plain::new(out),
            summary: summary.map(Sink),
            grouped: false,
            warned: HashSet::new(),
            annotations: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn annotate(&mut self, level: &str, title: &str, message: &str) {
        self.annotations.push(command(level, title, message));
    }
}

impl Reporter for Github {
    fn event(&mut self, event: &WatchEvent) {
        if !std::mem::replace(&mut self.grouped, true) {
            self.plain.raw("::group::Waiting for DCS jobs");
        }
        self.plain.event(event);
        let job_id = &event.job_id;
        match &event.kind {
            WatchEventKind::Trouble {
                fault, in_a_row, ..
            } if *in_a_row >= WORTH_A_WARNING && self.warned.insert(job_id.clone()) => {
                let message = format!("{job_id}: {}", text::fault(fault));
                self.annotate("warning", "DCS: trouble while waiting", &message);
            }
            WatchEventKind::ClockCorrected { off_by, ahead } => {
                let message = text::clock_corrected(*off_by, *ahead);
                self.annotate("warning", "DCS: clock is off", &message);
            }
            WatchEventKind::Ended(report) => {
                let level = match report.outcome {
                    Outcome::Succeeded => "notice",
                    Outcome::Cancelled => "warning",
                    Outcome::Failed
                    | Outcome::NotFound
                    | Outcome::Denied
                    | Outcome::TimedOut
                    | Outcome::Rejected => "error",
                };
                let title = format!("DCS job: {}", in_words(report.outcome));
                self.annotate(level, &title, &format!("{job_id}: {}", text::ended(report)));
                self.rows.push(row(report));
            }
            _ => {}
        }
    }

    fn delivery(&mut self, event: &AttemptEvent) {
        self.plain.delivery(event);
        if event.then == Then::Dead {
            self.annotate("error", "DCS: hook not delivered", &undelivered_line(event));
        }
    }

    fn tick(&mut self, elapsed: Duration) {
        self.plain.tick(elapsed);
    }

    fn finish(&mut self) {
        if std::mem::take(&mut self.grouped) {
            self.plain.raw("::endgroup::");
        }
        for annotation in std::mem::take(&mut self.annotations) {
            self.plain.raw(&annotation);
        }
        let rows = std::mem::take(&mut self.rows);
        if let Some(summary) = self.summary.as_mut().filter(|_| !rows.is_empty()) {
            summary.line("### DCS jobs\n");
            summary.line("| Job | Outcome | Type | Duration | Reason |");
            summary.line("| --- | --- | --- | --- | --- |");
            rows.iter().for_each(|row| summary.line(row));
            // A table ends at an empty line, and others may write to the summary, too.
            summary.line("");
        }
    }
}

fn in_words(outcome: Outcome) -> String {
    outcome.as_str().replace('_', " ")
}

fn row(report: &WatchReport) -> String {
    let job = report.job.as_ref();
    let mark = match report.outcome {
        Outcome::Succeeded => "✅",
        Outcome::Failed | Outcome::NotFound | Outcome::Denied | Outcome::Rejected => "❌",
        Outcome::TimedOut | Outcome::Cancelled => "⏳",
    };
    format!(
        "| `{}` | {mark} {} | {} | {} | {} |",
        report.job_id,
        in_words(report.outcome),
        escape_markdown(&text::job_type(job).unwrap_or_default()),
        job.and_then(Job::duration)
            .map(duration)
            .unwrap_or_default(),
        escape_markdown(&text::reason(report).unwrap_or_default()),
    )
}

/// Escapes what follows the `::` of a command. See `escapeData` in GitHub's `actions/toolkit`.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes the value of a command's property. See `escapeProperty` there.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes what Markdown, or the HTML in it, gives a meaning in the cell of a table.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::samples::{
        FIRST, HOSTILE, SECOND, Written, ended, ended_job, event, expected, failed, fault, polled,
        report, seconds, trouble,
    };
    use super::*;

    /// What a run with these events writes to the log, and to the summary.
    fn run(events: impl IntoIterator<Item = WatchEvent>) -> (String, String) {
        let (log, summary) = (Written::default(), Written::default());
        let mut github = Github::new(log.boxed(), Some(summary.boxed()));
        for event in events {
            github.event(&event);
        }
        github.tick(seconds(30));
        github.finish();
        (log.text(), summary.text())
    }

    #[test]
    fn progress_is_in_a_group_and_how_it_ended_is_annotated_below_and_in_the_summary() {
        let success = report(Outcome::Succeeded, Some(ended_job("SUCCESS")), None);
        let second = WatchReport {
            job_id: SECOND.parse().unwrap(),
            ..failed("disk full: 100%, node 2")
        };
        let (log, summary) = run([
            event(FIRST, 0, WatchEventKind::Started),
            event(SECOND, 0, WatchEventKind::Started),
            event(FIRST, 1, polled("RUNNING", true)),
            event(FIRST, 2, trouble(503, 1)),
            event(FIRST, 3, trouble(503, 2)),
            event(FIRST, 4, trouble(503, 3)),
            event(FIRST, 5, trouble(503, 4)),
            event(FIRST, 6, ended(success)),
            event(SECOND, 7, ended(second)),
        ]);
        assert_snapshot!(log, @"
        ::group::Waiting for DCS jobs
            0s  waiting for job ff8080818822bbf70188235afc24141a
            0s  waiting for job ff8080818822bbf70188235afc24141b
            1s  ff8080818822bbf70188235afc24141a: RUNNING (masterStandbySwapJob)
            2s  ff8080818822bbf70188235afc24141a: trouble: Internal service error. (HTTP 503, DCS.5000, request r1); next try in 4s
            6s  ff8080818822bbf70188235afc24141a: succeeded in 2.9s (masterStandbySwapJob)
            7s  ff8080818822bbf70188235afc24141b: failed after 2.9s (masterStandbySwapJob): disk full: 100%, node 2
        ::endgroup::
        ::warning title=DCS%3A trouble while waiting::ff8080818822bbf70188235afc24141a: Internal service error. (HTTP 503, DCS.5000, request r3)
        ::notice title=DCS job%3A succeeded::ff8080818822bbf70188235afc24141a: succeeded in 2.9s (masterStandbySwapJob)
        ::error title=DCS job%3A failed::ff8080818822bbf70188235afc24141b: failed after 2.9s (masterStandbySwapJob): disk full: 100%25, node 2
        ");
        assert_snapshot!(summary, @"
        ### DCS jobs

        | Job | Outcome | Type | Duration | Reason |
        | --- | --- | --- | --- | --- |
        | `ff8080818822bbf70188235afc24141a` | ✅ succeeded | masterStandbySwapJob | 2.9s |  |
        | `ff8080818822bbf70188235afc24141b` | ❌ failed | masterStandbySwapJob | 2.9s | disk full: 100%, node 2 |
        ");
    }

    #[test]
    fn what_is_expected_is_in_the_group_alone() {
        let (log, summary) = run([event(
            FIRST,
            1,
            expected("RUNNING", true, Some(seconds(60))),
        )]);
        assert_snapshot!(log, @"
        ::group::Waiting for DCS jobs
            1s  RUNNING (masterStandbySwapJob), usually 2m10s, about 1m00s left
           30s  still waiting: RUNNING, usually 2m10s, about 31s left; 7 polls, polling now
        ::endgroup::
        ");
        assert_eq!(summary, "");
    }

    #[test]
    fn each_outcome_has_its_level() {
        let broken = || Some(fault(403, "r1"));
        for (outcome, fault, level) in [
            (
                Outcome::Succeeded,
                None,
                "::notice title=DCS job%3A succeeded::",
            ),
            (Outcome::Failed, None, "::error title=DCS job%3A failed::"),
            (
                Outcome::NotFound,
                broken(),
                "::error title=DCS job%3A not found::",
            ),
            (
                Outcome::Denied,
                broken(),
                "::error title=DCS job%3A denied::",
            ),
            (
                Outcome::TimedOut,
                broken(),
                "::error title=DCS job%3A timed out::",
            ),
            (
                Outcome::Cancelled,
                None,
                "::warning title=DCS job%3A cancelled::",
            ),
            (
                Outcome::Rejected,
                broken(),
                "::error title=DCS job%3A rejected::",
            ),
        ] {
            let report = report(outcome, None, fault);
            let (log, _) = run([event(FIRST, 1, ended(report))]);
            let last = log.lines().last().unwrap();
            assert!(last.starts_with(level), "{last}");
        }
    }

    #[test]
    fn no_server_can_inject_a_command() {
        let (log, _) = run([
            event(FIRST, 1, polled(HOSTILE, true)),
            event(FIRST, 2, ended(failed(HOSTILE))),
        ]);
        let commands: Vec<&str> = log
            .lines()
            .filter(|line| line.trim_start().starts_with("::"))
            .collect();
        assert_snapshot!(commands.join("\n"), @"
        ::group::Waiting for DCS jobs
        ::endgroup::
        ::error title=DCS job%3A failed::ff8080818822bbf70188235afc24141a: failed after 2.9s (masterStandbySwapJob): a�[2J�1m ::error::b%250A# #[group]c | `<img>` �d, e: f
        ");
        assert!(!log.contains("##"), "{log}");
    }

    #[test]
    fn no_server_can_break_the_table_of_the_summary() {
        let (_, summary) = run([event(FIRST, 2, ended(failed(HOSTILE)))]);
        let row = summary.lines().find(|line| line.contains(FIRST)).unwrap();
        assert_snapshot!(row, @r#"| `ff8080818822bbf70188235afc24141a` | ❌ failed | masterStandbySwapJob | 2.9s | a�\[2J�1m ::error::b%0A# #\[group\]c \| \`&lt;img&gt;\` �d, e: f |"#);
    }

    #[test]
    fn what_delimits_commands_is_escaped() {
        assert_eq!(escape_data("50%\r\n::x"), "50%25%0D%0A::x");
        assert_eq!(escape_property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
