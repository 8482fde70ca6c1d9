//! Progress at a terminal: a line a job, redrawn in place until the watch ends.

use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::Reporter;
use super::board::{Board, News};
use super::delivery::AttemptEvent;
use super::lines::Pen;
use super::screen::{Screen, Size};
use crate::model::{WatchEvent, WatchEventKind};

/// How often a second indicatif draws when a single line changes: the least that it accepts, as
/// `tick` draws all lines at once.
const DRAWS_BY_ITSELF: u8 = 1;

pub(super) struct Live {
    screen: Screen,
    color: bool,
    board: Board,
    elapsed: Duration,
    multi: MultiProgress,
    style: ProgressStyle,
    bars: Vec<ProgressBar>,
    ends: Vec<String>,
    /// How wide the terminal was at first.
    columns: u16,
    resized: bool,
}

impl Live {
    pub(super) fn new(out: Box<dyn Write + Send>, size: fn() -> Size, color: bool) -> Self {
        let screen = Screen::new(out, size);
        let target =
            ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), DRAWS_BY_ITSELF);
        Self {
            columns: screen.width(),
            resized: false,
            ends: Vec::new(),
            screen,
            color,
            board: Board::default(),
            elapsed: Duration::ZERO,
            multi: MultiProgress::with_draw_target(target),
            style: ProgressStyle::with_template("{wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            bars: Vec::new(),
        }
    }

    fn pen(&self) -> Pen {
        Pen {
            color: self.color,
            rows: self.screen.height(),
            columns: self.screen.width(),
        }
    }

    /// Brings the bars up to date.
    fn update(&mut self) {
        let lines = self.pen().lines(&self.board, self.elapsed);
        for surplus in self.bars.drain(lines.len().min(self.bars.len())..) {
            self.multi.remove(&surplus);
        }
        for (at, line) in lines.into_iter().enumerate() {
            if at == self.bars.len() {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
                self.bars
                    .push(self.multi.add(bar.with_style(self.style.clone())));
            }
            if let Some(bar) = self.bars.get(at) {
                bar.set_message(line);
            }
        }
    }
}

impl Reporter for Live {
    fn event(&mut self, event: &WatchEvent) {
        self.elapsed = self.elapsed.max(event.waited);
        let Some(News::Lasting(text)) = self.board.apply(event) else {
            return;
        };
        let line = match &event.kind {
            WatchEventKind::Ended(report) => {
                let line = self.pen().last_line(&event.job_id, report.outcome, &text);
                self.ends.push(line.clone());
                line
            }
            _ => self.pen().note(&event.job_id, &text),
        };
        self.update();
        self.multi.suspend(|| self.screen.line(&line));
    }

    fn delivery(&mut self, event: &AttemptEvent) {
        let line = self.pen().attempt(event);
        self.multi.suspend(|| self.screen.line(&line));
    }

    fn tick(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
        self.resized |= self.screen.width() != self.columns;
        self.update();
        // Of any bar, this draws them all.
        if let Some(bar) = self.bars.first() {
            bar.force_draw();
        }
    }

    fn tick_every(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn suspend(&mut self, write: &mut dyn FnMut()) {
        self.multi.suspend(write);
    }

    fn finish(&mut self) {
        self.multi.clear().ok();
        if self.resized {
            // What was drawn for another width may have been drawn over what was to stay.
            self.screen
                .line("The terminal was resized; once more, how the jobs ended:");
            for line in &self.ends {
                self.screen.line(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use indicatif::InMemoryTerm;
    use insta::assert_snapshot;

    use super::super::samples::{
        FIRST, SECOND, Written, ended, ended_job, event, expected, failed, job, polled, report,
        seconds,
    };
    use super::*;
    use crate::model::WatchEventKind::{ClockCorrected, Started};
    use crate::model::{Job, Outcome};

    const WIDTH_80: fn() -> Size = || (24, 80);

    fn live(written: &Written, size: fn() -> Size) -> Live {
        Live::new(written.boxed(), size, false)
    }

    /// What a terminal shows that was sent all that.
    fn shown(written: &Written, size: fn() -> Size) -> String {
        let (rows, columns) = size();
        let terminal = InMemoryTerm::new(rows, columns);
        // What the kernel does on the way to a terminal.
        let text = written.text().replace('\n', "\r\n");
        terminal.write_str(&text).unwrap();
        terminal.contents()
    }

    fn succeeded() -> WatchEventKind {
        ended(report(Outcome::Succeeded, Some(ended_job("SUCCESS")), None))
    }

    #[test]
    fn after_a_resize_the_ends_are_told_once_more() {
        static COLUMNS: AtomicU16 = AtomicU16::new(100);
        let written = Written::default();
        let mut live = live(&written, || (24, COLUMNS.load(Ordering::Relaxed)));
        live.event(&event(FIRST, 0, Started));
        live.tick(seconds(1));
        live.event(&event(FIRST, 2, succeeded()));
        COLUMNS.store(40, Ordering::Relaxed);
        live.tick(seconds(3));
        live.finish();
        let told = written.text().matches("succeeded in").count();
        assert_eq!(told, 2, "{}", written.text());
    }

    #[test]
    fn a_line_is_redrawn_in_place_and_becomes_the_one_that_stays() {
        let written = Written::default();
        let mut live = live(&written, WIDTH_80);
        live.event(&event(FIRST, 0, Started));
        live.event(&event(SECOND, 0, Started));
        live.event(&event(FIRST, 1, polled("RUNNING", true)));
        live.tick(seconds(2));
        live.tick(seconds(3));
        assert_snapshot!(shown(&written, WIDTH_80), @"
        ⠋ …fc24141a      3s  RUNNING        next poll in 2s  masterStandbySwapJob
        ⠋ …fc24141b      3s  no answer yet  polling now
        ");
        live.event(&event(FIRST, 4, ended(failed("no space left"))));
        live.tick(seconds(5));
        assert_snapshot!(shown(&written, WIDTH_80), @"
        ✗ ff8080818822bbf70188235afc24141a failed after 2.9s (masterStandbySwapJob): no
        space left
        ⠋ …fc24141b      5s  no answer yet  polling now
        ");
        live.event(&event(SECOND, 6, succeeded()));
        live.finish();
        assert_snapshot!(shown(&written, WIDTH_80), @"
        ✗ ff8080818822bbf70188235afc24141a failed after 2.9s (masterStandbySwapJob): no
        space left
        ✓ ff8080818822bbf70188235afc24141b succeeded in 2.9s (masterStandbySwapJob)
        ");
        assert!(
            written.text().ends_with('\n'),
            "the next text begins a line"
        );
    }

    #[test]
    fn what_stays_true_is_noted_above_the_lines() {
        let written = Written::default();
        let mut live = live(&written, WIDTH_80);
        live.event(&event(FIRST, 1, polled("RUNNING", true)));
        let off_by = seconds(1240);
        live.event(&event(
            FIRST,
            2,
            ClockCorrected {
                off_by,
                ahead: true,
            },
        ));
        live.event(&event(FIRST, 3, polled("PAUSED", true)));
        live.tick(seconds(4));
        assert_snapshot!(shown(&written, WIDTH_80), @"
        ! ff8080818822bbf70188235afc24141a: this machine's clock is 20m40s ahead of the
        service's; requests are signed with the service's time
        ! ff8080818822bbf70188235afc24141a: PAUSED (masterStandbySwapJob): not a status
        that this program knows, so it waits on
        ⠋ …fc24141a      4s  PAUSED  next poll in 3s  masterStandbySwapJob
        ");
    }

    #[test]
    fn what_is_expected_finds_room_on_terminals_of_any_width() {
        const WIDTH_40: fn() -> Size = || (24, 40);
        let at = |size| {
            let written = Written::default();
            let mut live = live(&written, size);
            live.event(&event(
                FIRST,
                1,
                expected("RUNNING", true, Some(seconds(130))),
            ));
            live.tick(seconds(2));
            shown(&written, size)
        };
        assert_snapshot!(at(WIDTH_80), @"⠋ …fc24141a      2s  RUNNING  usually 2m10s, about 2m10s left  next poll in 3s");
        assert_snapshot!(at(WIDTH_40), @"⠋ …fc24141a      2s  RUNNING  about 2m10");
    }

    #[test]
    fn a_narrow_terminal_cuts_lines_whatever_their_characters() {
        const SIZE: fn() -> Size = || (24, 40);
        let written = Written::default();
        let mut live = live(&written, SIZE);
        let wide = Job {
            job_type: Some("主备倒换".repeat(8).as_str().into()),
            ..job("运行中")
        };
        let kind = WatchEventKind::Polled {
            job: std::sync::Arc::new(wide),
            changed: false,
            next: seconds(1),
            estimate: None,
        };
        live.event(&event(FIRST, 0, polled("RUNNING", true)));
        live.event(&event(SECOND, 0, kind));
        for elapsed in 1..5 {
            live.tick(seconds(elapsed));
        }
        assert_snapshot!(shown(&written, SIZE), @"
        ! ff8080818822bbf70188235afc24141b: 运行
        中 (主备倒换主备倒换主备倒换主备倒换主备
        倒换主备倒换主备倒换主备倒换): not a sta
        tus that this program knows, so it waits
         on
        ⠋ …fc24141a      4s  RUNNING  polling no
        ⠋ …fc24141b      4s  运行中      polling
        ");
    }

    #[test]
    fn a_low_terminal_is_not_wrecked_by_many_jobs() {
        const SIZE: fn() -> Size = || (5, 80);
        let written = Written::default();
        let mut live = live(&written, SIZE);
        for n in 0..42 {
            live.event(&event(&format!("job-{n}"), 0, Started));
        }
        for elapsed in 1..5 {
            live.tick(seconds(elapsed));
        }
        assert_snapshot!(shown(&written, SIZE), @"
        ⠋ job-0      4s  no answer yet  polling now
        ⠋ job-1      4s  no answer yet  polling now
        ⠋ job-2      4s  no answer yet  polling now
          ... and 39 more
        ");
        live.finish();
        assert_eq!(shown(&written, SIZE), "");
    }

    #[test]
    fn others_write_to_the_terminal_while_nothing_is_drawn() {
        let written = Written::default();
        let mut live = live(&written, WIDTH_80);
        live.event(&event(FIRST, 0, Started));
        live.tick(seconds(1));
        let mut other = written.clone();
        live.suspend(&mut || other.write_all(b"a result\n").unwrap());
        live.tick(seconds(2));
        assert_snapshot!(shown(&written, WIDTH_80), @"
        a result
        ⠋ …fc24141a      2s  no answer yet  polling now
        ");
    }
}
