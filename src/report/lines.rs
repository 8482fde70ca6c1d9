//! What the live lines say.

use std::time::Duration;

use super::board::{Board, Watched};
use super::delivery::{self, AttemptEvent, Then};
use super::duration::duration;
use super::estimate;
use super::text;
use crate::model::{JobId, Outcome};

/// How many jobs have a line of their own, where the terminal is high enough.
const SHOWN: usize = 10;

/// The columns from which on job IDs are shown whole.
const WIDE: u16 = 100;

/// The columns from which on estimates are shown in full.
const BROAD: u16 = 80;

/// How much of a long job ID is shown where it is not shown whole.
const TAIL: usize = 8;

/// The longest job ID that is always shown whole.
const SHORT: usize = 16;

/// How long each picture of the spinner is shown.
const SPIN: Duration = Duration::from_millis(100);

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

#[derive(Debug, Clone, Copy)]
enum Color {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
    Faint = 2,
}

/// How lines are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) color: bool,
    /// The size of the terminal.
    pub(super) rows: u16,
    pub(super) columns: u16,
}

impl Pen {
    /// The spinner's picture at this time.
    pub(super) fn spinner(&self, elapsed: Duration) -> String {
        let picture = elapsed.as_millis() / SPIN.as_millis() % SPINNER.len() as u128;
        let picture = usize::try_from(picture).ok().and_then(|at| SPINNER.get(at));
        self.paint(Color::Cyan, picture.unwrap_or(&" "))
    }

    fn paint(self, color: Color, text: &str) -> String {
        if self.color {
            format!("\x1b[{}m{text}\x1b[0m", color as u8)
        } else {
            text.to_owned()
        }
    }

    /// The ID, or its end: IDs that were made near each other differ only there.
    fn name(self, job_id: &JobId) -> String {
        let id = job_id.as_str();
        if self.columns >= WIDE || id.len() <= SHORT {
            return id.to_owned();
        }
        format!("…{}", id.get(id.len() - TAIL..).unwrap_or(id))
    }

    /// A line for each running job, `elapsed` after the start of the wait. What matters least comes
    /// last, as lines are cut at the terminal's edge.
    pub(super) fn lines(self, board: &Board, elapsed: Duration) -> Vec<String> {
        // One row for the count of the others, one to spare.
        let room = usize::from(self.rows).saturating_sub(2).clamp(1, SHOWN);
        let shown: Vec<&Watched> = board.running().take(room).collect();
        let names = padded(shown.iter().map(|watched| self.name(&watched.job_id)));
        let statuses = padded(shown.iter().map(|watched| watched.status()));
        let estimates = padded(shown.iter().map(|watched| self.estimate(watched, elapsed)));
        let mut lines: Vec<String> = shown
            .iter()
            .zip(names.iter().zip(&statuses).zip(&estimates))
            .map(|(watched, ((name, status), estimate))| {
                self.line(watched, name, status, estimate, elapsed)
            })
            .collect();
        match board.running().count() - shown.len() {
            0 => {}
            more => lines.push(self.paint(Color::Faint, &format!("  ... and {more} more"))),
        }
        lines
    }

    fn estimate(self, watched: &Watched, elapsed: Duration) -> String {
        let in_words = if self.columns < BROAD {
            estimate::in_short
        } else {
            estimate::in_full
        };
        let estimate = watched.estimate(elapsed);
        estimate.as_ref().map(in_words).unwrap_or_default()
    }

    fn line(
        self,
        watched: &Watched,
        name: &str,
        status: &str,
        estimate: &str,
        elapsed: Duration,
    ) -> String {
        let picture = self.spinner(elapsed);
        let seconds = duration(Duration::from_secs(elapsed.as_secs()));
        let next = text::next_poll(watched.next_poll.saturating_sub(elapsed));
        let hitch = watched
            .hitch()
            .map(|hitch| self.paint(Color::Yellow, &hitch));
        let estimate = (!estimate.trim().is_empty()).then(|| estimate.to_owned());
        let always = format!("{picture} {name}  {seconds:>6}  {status}");
        let parts = [Some(always), hitch.or(estimate), Some(next)];
        let line = parts
            .into_iter()
            .flatten()
            .collect::<Vec<String>>()
            .join("  ");
        let room = usize::from(self.columns).saturating_sub(visible(&line) + 2);
        // The first letters of a type tell nothing, and may be taken for a unit of time.
        match text::job_type(watched.job.as_deref()) {
            Some(job_type) if visible(&job_type) <= 2 * room => {
                format!("{line}  {}", self.paint(Color::Faint, &job_type))
            }
            _ => line,
        }
    }

    /// The line that stays when a watch has ended.
    pub(super) fn last_line(self, job_id: &JobId, outcome: Outcome, text: &str) -> String {
        let mark = match outcome {
            Outcome::Succeeded => self.paint(Color::Green, "✓"),
            Outcome::Failed | Outcome::NotFound | Outcome::Denied | Outcome::Rejected => {
                self.paint(Color::Red, "✗")
            }
            Outcome::TimedOut | Outcome::Cancelled => self.paint(Color::Yellow, "…"),
        };
        format!("{mark} {job_id} {text}")
    }

    /// The line that stays of an attempt to deliver what a hook owes.
    pub(super) fn attempt(self, event: &AttemptEvent) -> String {
        let mark = match event.then {
            Then::Delivered => self.paint(Color::Green, "✓"),
            Then::Retry(_) => self.paint(Color::Yellow, "!"),
            Then::Dead => self.paint(Color::Red, "✗"),
        };
        format!("{mark} {} {}", event.job_id, delivery::text(event))
    }

    /// A line that stays while its watch goes on.
    pub(super) fn note(self, job_id: &JobId, text: &str) -> String {
        format!("{} {job_id}: {text}", self.paint(Color::Yellow, "!"))
    }
}

/// How many characters of a text are shown: all but those that colour it.
fn visible(text: &str) -> usize {
    let mut coloring = false;
    let shown = |character: &char| {
        let was = coloring;
        coloring = (was && *character != 'm') || *character == '\x1b';
        !was && !coloring
    };
    text.chars().filter(shown).count()
}

/// The texts with spaces up to the longest one.
fn padded(texts: impl Iterator<Item = String>) -> Vec<String> {
    let texts: Vec<String> = texts.collect();
    let width = texts.iter().map(|text| text.chars().count()).max();
    let width = width.unwrap_or_default();
    texts.iter().map(|text| format!("{text:<width$}")).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::samples::{
        FIRST, HOSTILE, SECOND, event, expected, id, polled, seconds, trouble,
    };
    use super::*;
    use crate::model::WatchEventKind::{NotYetVisible, Started};

    const NARROW: Pen = Pen {
        color: false,
        rows: 24,
        columns: 80,
    };
    const BROAD: Pen = Pen {
        columns: 120,
        ..NARROW
    };

    fn three_jobs() -> Board {
        let mut board = Board::default();
        for kind in [Started, polled("RUNNING", true), trouble(503, 3)] {
            board.apply(&event(FIRST, 8, kind));
        }
        board.apply(&event(SECOND, 9, polled("INIT", true)));
        let (next, grace) = (seconds(1), seconds(20));
        board.apply(&event("third", 9, NotYetVisible { next, grace }));
        board
    }

    #[test]
    fn a_line_says_what_the_job_does_and_counts_down_to_the_next_poll() {
        let lines = BROAD.lines(&three_jobs(), Duration::from_millis(10_250));
        assert_snapshot!(lines.join("\n"), @"
        ⠹ ff8080818822bbf70188235afc24141a     10s  RUNNING          HTTP 503, 3 times in a row  next poll in 2s  masterStandbySwapJob
        ⠹ ff8080818822bbf70188235afc24141b     10s  INIT             next poll in 3s  masterStandbySwapJob
        ⠹ third                                10s  not visible yet  polling now
        ");
    }

    #[test]
    fn where_there_is_little_room_ids_lose_the_start_that_they_share() {
        let lines = NARROW.lines(&three_jobs(), Duration::from_millis(10_250));
        assert_snapshot!(lines.join("\n"), @"
        ⠹ …fc24141a     10s  RUNNING          HTTP 503, 3 times in a row  next poll in 2s
        ⠹ …fc24141b     10s  INIT             next poll in 3s  masterStandbySwapJob
        ⠹ third         10s  not visible yet  polling now
        ");
    }

    #[test]
    fn what_is_expected_is_counted_down_between_polls_in_a_column_of_its_own() {
        let mut board = three_jobs();
        for (job_id, left) in [("fourth", Some(seconds(75))), ("fifth", None)] {
            board.apply(&event(job_id, 9, expected("RUNNING", true, left)));
        }
        let lines = |elapsed| NARROW.lines(&board, seconds(elapsed)).join("\n");
        assert_snapshot!(lines(10), @"
        ⠋ …fc24141a     10s  RUNNING          HTTP 503, 3 times in a row  next poll in 2s
        ⠋ …fc24141b     10s  INIT             next poll in 3s  masterStandbySwapJob
        ⠋ third         10s  not visible yet  polling now
        ⠋ fourth        10s  RUNNING          usually 2m10s, about 1m10s left  next poll in 3s
        ⠋ fifth         10s  RUNNING          usually 2m10s, longer than ever  next poll in 3s
        ");
        assert_snapshot!(lines(30), @"
        ⠋ …fc24141a     30s  RUNNING          HTTP 503, 3 times in a row  polling now
        ⠋ …fc24141b     30s  INIT             polling now  masterStandbySwapJob
        ⠋ third         30s  not visible yet  polling now
        ⠋ fourth        30s  RUNNING          usually 2m10s, about 54s left    polling now
        ⠋ fifth         30s  RUNNING          usually 2m10s, longer than ever  polling now
        ");
        assert_snapshot!(lines(84), @"
        ⠋ …fc24141a   1m24s  RUNNING          HTTP 503, 3 times in a row  polling now
        ⠋ …fc24141b   1m24s  INIT             polling now  masterStandbySwapJob
        ⠋ third       1m24s  not visible yet  polling now
        ⠋ fourth      1m24s  RUNNING          usually 2m10s, any moment now    polling now
        ⠋ fifth       1m24s  RUNNING          usually 2m10s, longer than ever  polling now
        ");
    }

    #[test]
    fn a_type_has_room_for_half_of_it_or_is_left_out() {
        let mut board = Board::default();
        board.apply(&event("short", 9, polled("RUNNING", true)));
        let left = Some(seconds(75));
        board.apply(&event("expected", 9, expected("RUNNING", true, left)));
        let at = |columns, color| {
            let pen = Pen {
                columns,
                color,
                ..NARROW
            };
            let lines = pen.lines(&board, seconds(10));
            lines
                .into_iter()
                .map(|line| line.contains("masterStandbySwapJob"))
                .collect::<Vec<bool>>()
        };
        for color in [false, true] {
            assert_eq!(at(55, color), [false, false]);
            assert_eq!(at(56, color), [true, false]);
            assert_eq!(at(88, color), [true, false]);
            assert_eq!(at(89, color), [true, true]);
        }
    }

    #[test]
    fn jobs_beyond_the_tenth_are_counted_only() {
        let mut board = Board::default();
        for n in 1..=42 {
            board.apply(&event(&format!("job-{n}"), 0, Started));
        }
        let lines = NARROW.lines(&board, Duration::ZERO);
        assert_eq!(lines.len(), 11);
        assert_eq!(lines.last().unwrap(), "  ... and 32 more");
    }

    #[test]
    fn color_marks_what_matters_and_changes_no_text() {
        let colored = Pen {
            color: true,
            ..NARROW
        };
        let line = colored.last_line(&id(FIRST), Outcome::Failed, "failed");
        assert_eq!(line, format!("\u{1b}[31m✗\u{1b}[0m {FIRST} failed"));
        let line = NARROW.last_line(&id(FIRST), Outcome::Failed, "failed");
        assert_eq!(line, format!("✗ {FIRST} failed"));
    }

    #[test]
    fn a_hostile_status_stays_in_its_place() {
        let mut board = Board::default();
        board.apply(&event(FIRST, 0, polled(HOSTILE, true)));
        let lines = NARROW.lines(&board, Duration::ZERO).concat();
        assert!(!lines.contains(char::is_control), "{lines:?}");
        assert!(!lines.contains('\u{202E}'), "{lines:?}");
    }
}
