//! Progress as a log: a line a change, and a heartbeat, each after the time since the start.

use std::io::Write;
use std::time::Duration;

use super::Reporter;
use super::board::{Board, News, Watched};
use super::delivery::{self, AttemptEvent};
use super::duration::duration;
use super::estimate::{in_full, in_short};
use super::sink::Sink;
use super::text;
use crate::model::{Estimate, WatchEvent, WatchEventKind};

/// How often a wait without news is told of: seldom enough for a log, often enough for the CI
/// systems that end a job that prints nothing.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);

/// How many jobs a heartbeat names.
const NAMED: usize = 5;

pub(super) struct Plain {
    out: Sink,
    board: Board,
    next_heartbeat: Duration,
}

impl Plain {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Sink(out),
            board: Board::default(),
            next_heartbeat: HEARTBEAT,
        }
    }

    /// Writes a line as it is.
    pub(super) fn raw(&mut self, line: &str) {
        self.out.line(line);
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &WatchEvent) {
        let Some(News::State(text) | News::Lasting(text)) = self.board.apply(event) else {
            return;
        };
        let names_itself = matches!(event.kind, WatchEventKind::Started);
        let text = if names_itself || self.board.len() == 1 {
            text
        } else {
            format!("{}: {text}", event.job_id)
        };
        self.out.line(&at(event.waited, &text));
    }

    fn delivery(&mut self, event: &AttemptEvent) {
        let text = delivery::text(event);
        let text = if self.board.len() == 1 {
            text
        } else {
            format!("{}: {text}", event.job_id)
        };
        self.out.line(&at(event.waited, &text));
    }

    fn tick(&mut self, elapsed: Duration) {
        if elapsed < self.next_heartbeat {
            return;
        }
        while self.next_heartbeat <= elapsed {
            self.next_heartbeat = self.next_heartbeat.saturating_add(HEARTBEAT);
        }
        if let Some(text) = heartbeat(&self.board, elapsed) {
            self.out.line(&at(elapsed, &text));
        }
    }
}

pub(super) fn at(elapsed: Duration, text: &str) -> String {
    format!("{:>6}  {text}", duration(elapsed))
}

/// The one line for all jobs that are still waited for.
fn heartbeat(board: &Board, elapsed: Duration) -> Option<String> {
    let running: Vec<&Watched> = board.running().collect();
    let next_poll = running.iter().map(|watched| watched.next_poll).min()?;
    let next_poll = text::next_poll(next_poll.saturating_sub(elapsed));
    let polls = text::polls(running.iter().map(|watched| watched.polls).sum());
    let what = match (running.as_slice(), board.len()) {
        ([only], 1) => state(only, elapsed, in_full),
        _ => several(&running, board.len(), elapsed),
    };
    Some(format!("still waiting{what}; {polls}, {next_poll}"))
}

fn several(running: &[&Watched], all: usize, elapsed: Duration) -> String {
    let named: Vec<String> = running
        .iter()
        .take(NAMED)
        .map(|watched| format!("{}{}", watched.job_id, state(watched, elapsed, in_short)))
        .collect();
    let more = match running.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        " for {} of {all} jobs: {}{more}",
        running.len(),
        named.join("; ")
    )
}

fn state(watched: &Watched, elapsed: Duration, in_words: fn(&Estimate) -> String) -> String {
    let estimate = watched.estimate(elapsed);
    let estimate = estimate.as_ref().map(in_words);
    match watched.hitch().or(estimate) {
        Some(more) => format!(": {}, {more}", watched.status()),
        None => format!(": {}", watched.status()),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::samples::{
        FIRST, HOSTILE, SECOND, Written, ended, ended_job, event, expected, expected_from, failed,
        polled, report, seconds, trouble,
    };
    use super::*;
    use crate::model::Outcome;
    use WatchEventKind::{ClockCorrected, CredentialRefreshed, NotYetVisible, Started, Throttled};

    enum Step {
        Event(WatchEvent),
        Tick(u64),
    }
    use Step::{Event, Tick};

    fn log(steps: impl IntoIterator<Item = Step>) -> String {
        let written = Written::default();
        let mut plain = Plain::new(written.boxed());
        for step in steps {
            match step {
                Event(event) => plain.event(&event),
                Tick(elapsed) => plain.tick(seconds(elapsed)),
            }
        }
        plain.finish();
        written.text()
    }

    fn first(waited: u64, kind: WatchEventKind) -> Step {
        Event(event(FIRST, waited, kind))
    }

    fn second(waited: u64, kind: WatchEventKind) -> Step {
        Event(event(SECOND, waited, kind))
    }

    fn succeeded() -> WatchEventKind {
        ended(report(Outcome::Succeeded, Some(ended_job("SUCCESS")), None))
    }

    #[test]
    fn a_wait_has_a_line_a_change_and_a_heartbeat_every_thirty_seconds() {
        let told = log([
            first(0, Started),
            first(1, polled("INIT", true)),
            first(5, polled("INIT", false)),
            first(9, polled("RUNNING", true)),
            Tick(29),
            first(30, polled("RUNNING", false)),
            Tick(30),
            Tick(31),
            first(58, polled("RUNNING", false)),
            Tick(61),
            first(65, succeeded()),
            Tick(91),
        ]);
        assert_snapshot!(told, @"
           0s  waiting for job ff8080818822bbf70188235afc24141a
           1s  INIT (masterStandbySwapJob)
           9s  RUNNING (masterStandbySwapJob)
          30s  still waiting: RUNNING; 7 polls, next poll in 4s
        1m01s  still waiting: RUNNING; 7 polls, next poll in 1s
        1m05s  succeeded in 2.9s (masterStandbySwapJob)
        ");
    }

    #[test]
    fn what_is_expected_is_told_with_a_status_and_counted_down_by_heartbeats() {
        let left = |left| Some(seconds(left));
        let told = log([
            first(1, polled("INIT", true)),
            first(20, expected("RUNNING", true, left(50))),
            Tick(30),
            Tick(60),
            Tick(90),
            first(92, expected("RUNNING", false, None)),
            Tick(120),
        ]);
        assert_snapshot!(told, @"
           1s  INIT (masterStandbySwapJob)
          20s  RUNNING (masterStandbySwapJob), usually 2m10s, about 50s left
          30s  still waiting: RUNNING, usually 2m10s, about 40s left; 7 polls, polling now
        1m00s  still waiting: RUNNING, usually 2m10s, about 10s left; 7 polls, polling now
        1m30s  still waiting: RUNNING, usually 2m10s, any moment now; 7 polls, polling now
        2m00s  still waiting: RUNNING, usually 2m10s, longer than ever; 7 polls, polling now
        ");
    }

    #[test]
    fn what_is_expected_from_one_job_alone_is_told_as_that() {
        let told = log([
            first(1, expected_from(1, "RUNNING", true, Some(seconds(129)))),
            first(132, expected_from(1, "RUNNING", false, None)),
            Tick(132),
        ]);
        assert_snapshot!(told, @"
           1s  RUNNING (masterStandbySwapJob), last time 2m10s, about 2m10s left
        2m12s  still waiting: RUNNING, last time 2m10s, longer this time; 7 polls, next poll in 4s
        ");
    }

    #[test]
    fn nothing_is_expected_while_nobody_could_see_it() {
        let told = log([
            first(1, expected("RUNNING", true, Some(seconds(20)))),
            first(5, trouble(503, 1)),
            Tick(30),
            first(33, expected("RUNNING", false, Some(seconds(7)))),
            Tick(60),
        ]);
        assert_snapshot!(told, @"
           1s  RUNNING (masterStandbySwapJob), usually 2m10s, about 20s left
           5s  trouble: Internal service error. (HTTP 503, DCS.5000, request r1); next try in 4s
          30s  still waiting: RUNNING, HTTP 503; 7 polls, polling now
          33s  recovered: RUNNING (masterStandbySwapJob), usually 2m10s, about 7s left
        1m00s  still waiting: RUNNING, usually 2m10s, any moment now; 7 polls, polling now
        ");
    }

    #[test]
    fn a_heartbeat_for_several_jobs_says_only_what_is_left() {
        let told = log([
            first(1, expected("RUNNING", true, Some(seconds(300)))),
            second(2, expected("INIT", true, None)),
            Event(event("third", 2, polled("RUNNING", true))),
            Tick(30),
        ]);
        assert_snapshot!(told, @"
         1s  RUNNING (masterStandbySwapJob), usually 2m10s, about 5m00s left
         2s  ff8080818822bbf70188235afc24141b: INIT (masterStandbySwapJob), usually 2m10s, longer than ever
         2s  third: RUNNING (masterStandbySwapJob)
        30s  still waiting for 3 of 3 jobs: ff8080818822bbf70188235afc24141a: RUNNING, about 4m30s left; ff8080818822bbf70188235afc24141b: INIT, longer than ever; third: RUNNING; 21 polls, polling now
        ");
    }

    #[test]
    fn trouble_is_told_when_it_begins_when_it_changes_and_when_it_is_over() {
        let told = log([
            first(1, polled("RUNNING", true)),
            first(5, trouble(503, 1)),
            first(9, trouble(503, 2)),
            first(13, trouble(500, 3)),
            first(29, trouble(500, 4)),
            Tick(30),
            first(33, polled("RUNNING", false)),
            first(37, polled("RUNNING", false)),
        ]);
        assert_snapshot!(told, @"
         1s  RUNNING (masterStandbySwapJob)
         5s  trouble: Internal service error. (HTTP 503, DCS.5000, request r1); next try in 4s
        13s  trouble: Internal service error. (HTTP 500, DCS.5000, request r3); next try in 4s
        30s  still waiting: RUNNING, HTTP 500, 4 times in a row; 7 polls, next poll in 3s
        33s  recovered: RUNNING (masterStandbySwapJob)
        ");
    }

    #[test]
    fn an_answer_that_the_job_is_not_visible_ends_trouble_too() {
        let not_visible = || NotYetVisible {
            next: seconds(2),
            grace: seconds(20),
        };
        let told = log([
            first(1, not_visible()),
            first(3, trouble(503, 1)),
            first(7, not_visible()),
            first(9, polled("RUNNING", true)),
        ]);
        assert_snapshot!(told, @"
        1s  not visible yet; not found if that lasts for another 20s
        3s  trouble: Internal service error. (HTTP 503, DCS.5000, request r1); next try in 4s
        7s  recovered: not visible yet
        9s  RUNNING (masterStandbySwapJob)
        ");
    }

    #[test]
    fn what_needs_an_explanation_gets_it_once() {
        let limit = Some((200, seconds(300)));
        let not_visible = |grace| NotYetVisible {
            next: seconds(2),
            grace: seconds(grace),
        };
        let told = log([
            first(0, Started),
            first(1, not_visible(29)),
            first(3, not_visible(27)),
            first(
                4,
                ClockCorrected {
                    off_by: seconds(1240),
                    ahead: false,
                },
            ),
            first(5, CredentialRefreshed),
            first(6, polled("PAUSED", true)),
            first(7, polled("RUNNING", true)),
            first(8, polled("PAUSED", true)),
            first(
                9,
                Throttled {
                    limit,
                    next: seconds(10),
                },
            ),
            first(
                19,
                Throttled {
                    limit,
                    next: seconds(10),
                },
            ),
            first(
                29,
                Throttled {
                    limit: None,
                    next: seconds(10),
                },
            ),
            Tick(30),
        ]);
        assert_snapshot!(told, @"
         0s  waiting for job ff8080818822bbf70188235afc24141a
         1s  not visible yet; not found if that lasts for another 29s
         4s  this machine's clock is 20m40s behind the service's; requests are signed with the service's time
         5s  the service refused the credential; it was read anew and is tried once more
         6s  PAUSED (masterStandbySwapJob): not a status that this program knows, so it waits on
         7s  RUNNING (masterStandbySwapJob)
         8s  PAUSED (masterStandbySwapJob)
         9s  throttled: the service's limit is 200 requests in 5m00s; next request in 10s
        29s  throttled: the service asks for fewer requests; next request in 10s
        30s  still waiting: PAUSED, throttled; 7 polls, next poll in 9s
        ");
    }

    #[test]
    fn of_several_jobs_each_line_names_its_own_and_one_heartbeat_speaks_for_all() {
        let told = log([
            first(0, Started),
            second(0, Started),
            Event(event("third", 0, Started)),
            first(1, polled("RUNNING", true)),
            second(1, polled("INIT", true)),
            first(2, trouble(503, 1)),
            second(8, ended(failed("no space left"))),
            Tick(30),
        ]);
        assert_snapshot!(told, @"
         0s  waiting for job ff8080818822bbf70188235afc24141a
         0s  waiting for job ff8080818822bbf70188235afc24141b
         0s  waiting for job third
         1s  ff8080818822bbf70188235afc24141a: RUNNING (masterStandbySwapJob)
         1s  ff8080818822bbf70188235afc24141b: INIT (masterStandbySwapJob)
         2s  ff8080818822bbf70188235afc24141a: trouble: Internal service error. (HTTP 503, DCS.5000, request r1); next try in 4s
         8s  ff8080818822bbf70188235afc24141b: failed after 2.9s (masterStandbySwapJob): no space left
        30s  still waiting for 2 of 3 jobs: ff8080818822bbf70188235afc24141a: RUNNING, HTTP 503; third: no answer yet; 14 polls, polling now
        ");
    }

    #[test]
    fn a_heartbeat_names_only_so_many_jobs() {
        let begin = (1..=42).map(|n| Event(event(&format!("job-{n}"), 0, Started)));
        let told = log(begin.chain([Tick(30)]));
        assert_snapshot!(told.lines().last().unwrap(), @"   30s  still waiting for 42 of 42 jobs: job-1: no answer yet; job-2: no answer yet; job-3: no answer yet; job-4: no answer yet; job-5: no answer yet; and 37 more; 294 polls, polling now");
    }

    #[test]
    fn one_line_speaks_of_a_limit_that_all_jobs_share() {
        let throttled = || Throttled {
            limit: None,
            next: seconds(9),
        };
        let told = log([first(1, throttled()), second(1, throttled())]);
        assert_eq!(told.lines().count(), 1, "{told}");
    }

    #[test]
    fn a_hostile_reason_stays_on_its_line() {
        let told = log([first(8, ended(failed(HOSTILE)))]);
        assert_snapshot!(told, @"    8s  failed after 2.9s (masterStandbySwapJob): a�[2J�1m ::error::b%0A# #[group]c | `<img>` �d, e: f");
    }
}
