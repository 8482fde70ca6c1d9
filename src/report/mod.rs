//! What people and programs are told while they wait: events become live lines, plain lines, JSON
//! lines or annotations on standard error, and results become lines for standard output.

mod board;
mod choose;
mod connecting;
mod delivery;
mod duration;
mod estimate;
mod github;
mod json;
mod lines;
mod live;
mod plain;
mod results;
#[cfg(test)]
mod samples;
mod screen;
mod sink;
mod text;

use std::io::Write;
use std::time::Duration;

pub use crate::sanitize::sanitize_message;
pub use choose::{Output, Progress, Results, Style, Surroundings, choose};
pub use connecting::{Connecting, connecting};
pub use delivery::{AttemptEvent, Then, undelivered_line};
pub use duration::duration;
pub use estimate::estimate_line;
pub use github::error_command;
pub use json::lines_dropped;
pub use results::{json, result_line};
pub use text::{ended_line, event_line};

use crate::model::WatchEvent;

/// Tells of the progress of a wait. What can't be written is lost, and ends nothing.
pub trait Reporter: Send {
    /// Tells of the event.
    fn event(&mut self, event: &WatchEvent);

    /// Tells of an attempt to deliver what a hook owes.
    fn delivery(&mut self, event: &AttemptEvent);

    /// Says how much time has passed since the start of the wait, which is where the `waited` of
    /// events counts from. To be called every [`Reporter::tick_every`].
    fn tick(&mut self, _elapsed: Duration) {}

    /// How often [`Reporter::tick`] is to be called.
    fn tick_every(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Calls `write`, which may write to the terminal: nothing is drawn there meanwhile.
    fn suspend(&mut self, write: &mut dyn FnMut()) {
        write();
    }

    /// Tells what is told last, and leaves the terminal clean. Nothing may follow.
    fn finish(&mut self) {}
}

/// The reporter that `style` asks for. `stderr` is where all progress goes; `summary` is the file
/// that `GITHUB_STEP_SUMMARY` names, which [`Progress::Github`] alone writes to.
#[must_use]
pub fn reporter(
    style: &Style,
    stderr: Box<dyn Write + Send>,
    summary: Option<Box<dyn Write + Send>>,
) -> Box<dyn Reporter> {
    match style.progress {
        Progress::Live => Box::new(live::Live::new(stderr, screen::size_of_stderr, style.color)),
        Progress::Plain => Box::new(plain::Plain::new(stderr)),
        Progress::JsonLines => Box::new(json::JsonLines::new(stderr)),
        Progress::Github => Box::new(github::Github::new(stderr, summary)),
        Progress::Silent => Box::new(Silent),
    }
}

/// Tells nothing.
struct Silent;

impl Reporter for Silent {
    fn event(&mut self, _event: &WatchEvent) {}

    fn delivery(&mut self, _event: &AttemptEvent) {}
}

#[cfg(test)]
mod tests {
    use super::samples::{Broken, FIRST, ended, event, failed, polled, seconds};
    use super::*;

    #[test]
    fn a_standard_error_that_nobody_reads_ends_nothing() {
        for progress in [
            Progress::Live,
            Progress::Plain,
            Progress::JsonLines,
            Progress::Github,
            Progress::Silent,
        ] {
            let style = Style {
                progress,
                results: Results::Text,
                print_results: true,
                color: true,
            };
            let mut reporter = reporter(&style, Box::new(Broken), Some(Box::new(Broken)));
            reporter.event(&event(FIRST, 1, polled("RUNNING", true)));
            reporter.tick(seconds(30));
            let mut written = false;
            reporter.suspend(&mut || written = true);
            assert!(written, "{progress:?}");
            reporter.event(&event(FIRST, 31, ended(failed("no space left"))));
            reporter.finish();
        }
    }
}
