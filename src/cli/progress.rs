//! The progress of a wait: what happens becomes lines on standard error, and ends become results.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{OutputArg, OutputArgs};
use super::output;
use super::signals::Interrupts;
use crate::clock::{Clock, SystemClock};
use crate::engine::Told;
use crate::environment::Environment;
use crate::model::{DeliveryState, Exit, WatchEventKind};
use crate::output::{LogWriter, report_dropped_lines_by, stderr};
use crate::report::{self, AttemptEvent, Output, Progress, Reporter, Style, Surroundings, Then};
use crate::sanitize::EventWriter;

/// Does the work and reports its events meanwhile. The first signal cancels the work, and is returned.
pub(super) async fn narrate<T>(
    style: &Style,
    environment: &dyn Environment,
    start: Instant,
    interrupts: &mut Interrupts,
    work: impl AsyncFnOnce(UnboundedSender<Told>, CancellationToken) -> T,
) -> (T, Option<Exit>) {
    let cancel = CancellationToken::new();
    let (sender, receiver) = unbounded_channel();
    let telling = async {
        let summary = match style.progress {
            Progress::Github => step_summary(environment),
            _ => None,
        };
        if style.progress == Progress::JsonLines {
            report_dropped_lines_by(report::lines_dropped);
        }
        let reporter = report::reporter(style, Box::new(LogWriter), summary);
        tell(receiver, reporter, style, start, interrupts, &cancel).await
    };
    // The work drops the sender at its end, which ends the reporting, too.
    tokio::join!(work(sender, cancel.clone()), telling)
}

/// Reports events until the channel is closed. The first signal cancels the wait.
async fn tell(
    mut told: UnboundedReceiver<Told>,
    mut reporter: Box<dyn Reporter>,
    style: &Style,
    start: Instant,
    interrupts: &mut Interrupts,
    cancel: &CancellationToken,
) -> Option<Exit> {
    let mut interrupted = None;
    let mut jobs = HashMap::new();
    let mut ticks = interval(reporter.tick_every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            next = told.recv() => match next {
                Some(Told::Watch { watch_id, event, .. }) => {
                    reporter.event(&event);
                    if let WatchEventKind::Ended(ended) = &event.kind && style.print_results {
                        let line = report::result_line(ended, style.results);
                        reporter.suspend(&mut || output::print_now(&line));
                    }
                    jobs.insert(watch_id, event.job_id);
                }
                Some(Told::Delivery { watch_id, hook, attempt, answer, state, .. }) => {
                    let Some(job_id) = jobs.get(&watch_id).cloned() else {
                        continue;
                    };
                    let then = then(state);
                    let waited = start.elapsed();
                    let event = AttemptEvent { job_id, hook, waited, attempt, answer, then };
                    reporter.delivery(&event);
                    // With --quiet, only failures are reported.
                    if then == Then::Dead && style.progress == Progress::Silent {
                        output::warn(&report::undelivered_line(&event));
                    }
                }
                // Those are of daemons.
                Some(Told::Elsewhere(_) | Told::Missed) => {}
                None => break,
            },
            exit = interrupts.next(), if interrupted.is_none() => {
                interrupted = Some(exit);
                cancel.cancel();
            }
            // A terminal that is behind is drawn to again once it has caught up.
            _ = ticks.tick() => if !stderr().is_behind() {
                reporter.tick(start.elapsed());
            },
        }
    }
    reporter.finish();
    interrupted
}

fn then(state: DeliveryState) -> Then {
    match state {
        DeliveryState::Delivered => Then::Delivered,
        DeliveryState::Pending(at) => {
            Then::Retry(at.duration_since(SystemClock.now()).unwrap_or_default())
        }
        DeliveryState::Dead => Then::Dead,
    }
}

/// The file that GitHub Actions shows below the job, if it exists.
fn step_summary(environment: &dyn Environment) -> Option<Box<dyn Write + Send>> {
    let path = environment.var("GITHUB_STEP_SUMMARY")?;
    match OpenOptions::new().append(true).create(true).open(&path) {
        Ok(file) => Some(Box::new(Summary { file, path })),
        Err(error) => {
            output::warn(&format!("there will be no step summary: {path}: {error}"));
            None
        }
    }
}

/// The step summary. That it can't be written is told, and ends nothing.
struct Summary {
    file: File,
    path: String,
}

impl Write for Summary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| {
            output::warn(&format!(
                "the step summary {} is incomplete: {error}",
                self.path
            ));
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

pub(super) fn style(args: &OutputArgs, environment: &dyn Environment) -> Style {
    report::choose(&Surroundings {
        // A log and lines that are redrawn don't go together.
        stderr_is_terminal: io::stderr().is_terminal() && !args.verbose,
        stdout_is_terminal: io::stdout().is_terminal(),
        ci: environment.flag("CI"),
        github_actions: environment.flag("GITHUB_ACTIONS"),
        no_color: environment.var("NO_COLOR").is_some(),
        term_is_dumb: environment.var("TERM").is_some_and(|term| term == "dumb"),
        quiet: args.quiet,
        output: args.output.map(|output| match output {
            OutputArg::Text => Output::Text,
            OutputArg::Json => Output::Json,
            OutputArg::Github => Output::Github,
        }),
    })
}

/// Only this program's own events: those of the libraries below may show headers.
pub(super) fn log_to_stderr(verbose: bool) {
    let level = if verbose {
        LevelFilter::DEBUG
    } else {
        LevelFilter::ERROR
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| EventWriter(LogWriter))
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(Targets::new().with_target("dcs_wait", level))
        .init();
}
