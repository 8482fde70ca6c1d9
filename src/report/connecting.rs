//! What is told while the credential and the project are looked up, before a job is asked for.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike as _};

use super::choose::{Progress, Style};
use super::duration::duration;
use super::lines::Pen;
use super::plain::{self, HEARTBEAT};
use super::screen::{self, Screen, Size};
use super::sink::Sink;

const LOOKING_UP: &str = "looking up the credential and the project";

/// The progress of looking up the credential and the project. Clears its line when it is dropped.
pub struct Connecting(Form);

enum Form {
    Live {
        screen: Screen,
        color: bool,
        bar: ProgressBar,
    },
    Lines {
        out: Sink,
        /// `None` where lines are for programs.
        next_heartbeat: Option<Duration>,
    },
    Silent,
}

/// Creates the progress in the form of `style`.
#[must_use]
pub fn connecting(style: &Style, stderr: Box<dyn Write + Send>) -> Connecting {
    Connecting(match style.progress {
        Progress::Live => live(stderr, screen::size_of_stderr, style.color),
        Progress::Plain | Progress::Github => Form::Lines {
            out: Sink(stderr),
            next_heartbeat: Some(HEARTBEAT),
        },
        Progress::JsonLines => Form::Lines {
            out: Sink(stderr),
            next_heartbeat: None,
        },
        Progress::Silent => Form::Silent,
    })
}

fn live(out: Box<dyn Write + Send>, size: fn() -> Size, color: bool) -> Form {
    let screen = Screen::new(out, size);
    // `tick` draws; the rate is the least that indicatif accepts.
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 1);
    let style = ProgressStyle::with_template("{wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    Form::Live {
        screen,
        color,
        bar: ProgressBar::with_draw_target(None, target).with_style(style),
    }
}

impl Connecting {
    /// How often [`Connecting::tick`] is to be called.
    #[must_use]
    pub fn tick_every(&self) -> Duration {
        match self.0 {
            Form::Live { .. } => Duration::from_millis(100),
            Form::Lines { .. } | Form::Silent => Duration::from_secs(1),
        }
    }

    /// Says how much time has passed, and how much of it is left until the next attempt.
    pub fn tick(&mut self, elapsed: Duration, until_next: Option<Duration>) {
        let next = until_next.map_or_else(String::new, |left| {
            let seconds = Duration::from_secs(left.as_secs());
            format!("next attempt in {}", duration(seconds))
        });
        match &mut self.0 {
            Form::Live { screen, color, bar } => {
                let pen = Pen {
                    color: *color,
                    rows: screen.height(),
                    columns: screen.width(),
                };
                let picture = pen.spinner(elapsed);
                let clock = duration(Duration::from_secs(elapsed.as_secs()));
                let line = format!("{picture} {LOOKING_UP}  {clock:>6}  {next}");
                bar.set_message(line.trim_end().to_owned());
                bar.force_draw();
            }
            Form::Lines {
                out,
                next_heartbeat: Some(due),
            } if elapsed >= *due => {
                while *due <= elapsed {
                    *due = due.saturating_add(HEARTBEAT);
                }
                let separator = if next.is_empty() { "" } else { "; " };
                let text = format!("still {LOOKING_UP}{separator}{next}");
                out.line(&plain::at(elapsed, &text));
            }
            Form::Lines { .. } | Form::Silent => {}
        }
    }

    /// Reports a failed attempt.
    pub fn trouble(&mut self, elapsed: Duration, text: &str) {
        match &mut self.0 {
            Form::Live { screen, bar, .. } => bar.suspend(|| screen.line(text)),
            Form::Lines {
                out,
                next_heartbeat: Some(_),
            } => out.line(&plain::at(elapsed, text)),
            Form::Lines { out, .. } => out.line(text),
            Form::Silent => {}
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Form::Live { bar, .. } = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use insta::assert_snapshot;

    use super::super::choose::Results;
    use super::super::samples::{Written, seconds};
    use super::*;

    const SIZE: fn() -> Size = || (24, 80);

    fn shown(written: &Written) -> String {
        let terminal = InMemoryTerm::new(24, 80);
        let text = written.text().replace('\n', "\r\n");
        terminal.write_str(&text).unwrap();
        terminal.contents()
    }

    fn with(progress: Progress, written: &Written) -> Connecting {
        let style = Style {
            progress,
            results: Results::Text,
            print_results: true,
            color: false,
        };
        connecting(&style, written.boxed())
    }

    #[test]
    fn a_terminal_shows_a_spinner_and_a_clock_and_is_clean_afterwards() {
        let written = Written::default();
        let mut connecting = Connecting(live(written.boxed(), SIZE, false));
        connecting.tick(seconds(0), None);
        assert_snapshot!(shown(&written), @"⠋ looking up the credential and the project      0s");
        connecting.trouble(seconds(4), "IAM gave no answer");
        connecting.tick(seconds(4), Some(seconds(7)));
        assert_snapshot!(shown(&written), @"
        IAM gave no answer
        ⠋ looking up the credential and the project      4s  next attempt in 7s
        ");
        drop(connecting);
        assert_snapshot!(shown(&written), @"IAM gave no answer");
    }

    #[test]
    fn a_log_gets_a_line_a_trouble_and_a_heartbeat() {
        let written = Written::default();
        let mut connecting = with(Progress::Plain, &written);
        for elapsed in 0..=61 {
            connecting.tick(seconds(elapsed), (elapsed > 40).then(|| seconds(9)));
        }
        connecting.trouble(seconds(61), "IAM gave no answer");
        drop(connecting);
        assert_snapshot!(written.text(), @"
           30s  still looking up the credential and the project
         1m00s  still looking up the credential and the project; next attempt in 9s
         1m01s  IAM gave no answer
        ");
    }

    #[test]
    fn programs_get_no_heartbeat_and_quiet_ones_nothing() {
        for (progress, expected) in [
            (Progress::JsonLines, "IAM gave no answer\n"),
            (Progress::Silent, ""),
        ] {
            let written = Written::default();
            let mut connecting = with(progress, &written);
            connecting.tick(seconds(100), None);
            connecting.trouble(seconds(100), "IAM gave no answer");
            drop(connecting);
            assert_eq!(written.text(), expected, "{progress:?}");
        }
    }
}
