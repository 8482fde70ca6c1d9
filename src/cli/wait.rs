//! `dcs-wait JOB_ID...`: waits, tells, and ends with the code that the outcomes call for.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{OutputArg, OutputArgs, WaitArgs};
use super::connect::{Pace, connect};
use super::error::CliError;
use super::history::History;
use super::hooks::WaitHooks;
use super::pacing::Pacing;
use super::signals::Interrupts;
use super::values::{Timeout, parse_timeout};
use super::{jobs, output};
use crate::api::Session;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Retries, Told, Until, WaitResult, WaitSpec, wait};
use crate::environment::Environment;
use crate::model::{DeliveryState, Exit, Fault, JobId, Outcome, WatchEventKind, WatchReport};
use crate::poll::{Deadline, WatchSpec};
use crate::report::{self, AttemptEvent, Output, Progress, Reporter, Style, Surroundings, Then};
use crate::sanitize::EventWriter;

/// How long to wait when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3600);

/// After how long a hook is tried again; somebody is waiting.
const HOOK_RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

pub(super) async fn run(
    args: WaitArgs,
    environment: Arc<dyn Environment>,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    log_to_stderr(args.output.verbose);
    let style = style(&args.output, environment.as_ref());
    let settings = Settings::of(&args, environment.as_ref())?;
    let hooks = WaitHooks::of(&args.hooks)?;
    let jobs = tokio::select! {
        jobs = jobs::read(&args.jobs) => jobs?,
        exit = interrupts.next() => {
            return Err(CliError::new(exit, "interrupted before the first request; the jobs go on"));
        }
    };
    hooks.check_for_jobs(jobs.len())?;
    // What feeds standard input may take its time; the wait begins when the jobs are known.
    let start = Instant::now();
    let mut history = History::of(&args, environment.as_ref());
    let preparing = async {
        let prepared = prepare(&args, &settings, jobs.clone(), start, &environment).await;
        let (mut spec, session) = prepared?;
        spec.known = history.known(session.source.project_id()).await;
        Ok((spec, session))
    };
    let prepared = tokio::select! {
        prepared = preparing => prepared,
        exit = interrupts.next() => return Err(CliError::new(exit, goes_on(&jobs))),
    };
    let (mut spec, session) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            if style.print_results {
                print_unasked(&jobs, &error, start, &style);
            }
            return Err(error);
        }
    };
    spec.hooks = hooks.configured;
    let environment = environment.as_ref();
    let (result, interrupted) = follow(&spec, session, &style, environment, &mut interrupts).await;
    if interrupted.is_none() && style.progress == Progress::Silent {
        explain(&result.reports);
    }
    tokio::select! {
        () = history.keep(&result.reports) => {}
        // How the jobs ended is told, and stands.
        _ = interrupts.next() => {}
    }
    interrupted.map_or_else(|| Ok(result.exit(spec.until)), Err)
}

/// Tells what is not well where nothing else was told.
pub(super) fn explain(reports: &[WatchReport]) {
    for report in reports {
        if !matches!(report.outcome, Outcome::Succeeded | Outcome::Cancelled) {
            output::warn(&report::ended_line(report));
        }
    }
}

/// What the options say, checked before anything is asked or read.
pub(super) struct Settings {
    timeout: Option<Duration>,
    pacing: Pacing,
}

impl Settings {
    pub(super) fn of(args: &WaitArgs, environment: &dyn Environment) -> Result<Self, CliError> {
        let Timeout(timeout) = timeout(args, environment)?;
        let pacing = Pacing::of(args)?;
        if args.request_timeout.is_zero() {
            return Err(CliError::usage(
                "--request-timeout is zero; give the time that an answer may take, such as 15s",
            ));
        }
        Ok(Self { timeout, pacing })
    }
}

/// Opens the session.
pub(super) async fn prepare(
    args: &WaitArgs,
    settings: &Settings,
    jobs: Vec<JobId>,
    start: Instant,
    environment: &Arc<dyn Environment>,
) -> Result<(WaitSpec, Session), CliError> {
    let &Settings {
        timeout,
        pacing: Pacing { schedule, backoff },
    } = settings;
    let pace = Pace {
        request_timeout: args.request_timeout,
        max_rps: args.max_rps,
        backoff,
        deadline: Deadline::new(start, timeout, args.request_timeout),
        quiet: args.output.quiet,
    };
    let deadline = pace.deadline.at();
    let session = connect(&args.connect, &pace, Arc::clone(environment)).await?;
    let watch = WatchSpec {
        schedule,
        backoff,
        not_found_grace: args.not_found_grace,
        mending_grace: Duration::ZERO,
        request_timeout: args.request_timeout,
        not_found_codes: args.not_found_codes.clone(),
    };
    let until = match (args.any, args.fail_fast) {
        (true, _) => Until::AnyEnds,
        (_, true) => Until::AnyFails,
        _ => Until::AllEnd,
    };
    let spec = WaitSpec {
        jobs,
        watch: Arc::new(watch),
        start,
        deadline,
        until,
        hooks: Vec::new(),
        retries: Retries {
            after: HOOK_RETRIES.to_vec(),
            jitter: 0.2,
        },
        seed: fastrand::u64(..),
        known: Vec::new(),
    };
    Ok((spec, session))
}

/// Prints the results of jobs that nobody was asked about, as the time or the permission for it
/// was missing already.
fn print_unasked(jobs: &[JobId], error: &CliError, start: Instant, style: &Style) {
    let outcome = match error.exit {
        Exit::TimedOut => Outcome::TimedOut,
        Exit::Denied => Outcome::Denied,
        _ => return,
    };
    for job_id in jobs {
        let report = WatchReport {
            job_id: job_id.clone(),
            project_id: None,
            outcome,
            job: None,
            polls: 0,
            waited: start.elapsed(),
            fault: Some(Fault::local(error.message.as_str())),
        };
        output::print(&report::result_line(&report, style.results));
    }
}

fn timeout(args: &WaitArgs, environment: &dyn Environment) -> Result<Timeout, CliError> {
    if let Some(timeout) = args.timeout {
        return Ok(timeout);
    }
    match environment.var("DCS_WAIT_TIMEOUT") {
        Some(text) => parse_timeout(&text)
            .map_err(|why| CliError::usage(format!("DCS_WAIT_TIMEOUT is {text:?}: {why}"))),
        None => Ok(Timeout(Some(DEFAULT_TIMEOUT))),
    }
}

/// Waits, and tells what happens on the way. Being interrupted is an error beside the result, unless
/// the wait was over by then.
pub(super) async fn follow(
    spec: &WaitSpec,
    session: Session,
    style: &Style,
    environment: &dyn Environment,
    interrupts: &mut Interrupts,
) -> (WaitResult, Option<CliError>) {
    let work = async |tell, cancel| wait(spec, Arc::new(session), &tell, &cancel).await;
    let (result, interrupted) = narrate(style, environment, spec.start, interrupts, work).await;
    let error = match interrupted {
        Some(exit) if result.is_cut_short(spec.until) => {
            Some(CliError::new(exit, goes_on(&spec.jobs)))
        }
        Some(exit) if result.undelivered > 0 => Some(CliError::new(
            exit,
            match result.undelivered {
                1 => {
                    "interrupted before a hook had been delivered; it won't be any more".to_owned()
                }
                many => format!(
                    "interrupted before {many} deliveries of hooks had arrived; they won't any more"
                ),
            },
        )),
        _ => None,
    };
    (result, error)
}

/// Does work that takes its time, and tells what happens meanwhile. The first signal calls the work
/// off, and is handed back.
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
        let reporter = report::reporter(style, Box::new(io::stderr()), summary);
        tell(receiver, reporter, style, start, interrupts, &cancel).await
    };
    // With the end of the work the sender is dropped, which ends the telling, too.
    tokio::join!(work(sender, cancel.clone()), telling)
}

/// Tells what happens until nothing more can. The first signal calls the wait off.
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
                        reporter.suspend(&mut || output::print(&line));
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
                    // What else is told is for those who want to be told.
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
            _ = ticks.tick() => reporter.tick(start.elapsed()),
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

/// The file that GitHub Actions shows below the job, where there is one.
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
        .with_writer(|| EventWriter(io::stderr()))
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(Targets::new().with_target("dcs_wait", level))
        .init();
}

fn goes_on(jobs: &[JobId]) -> &'static str {
    match jobs {
        [_] => "interrupted; the job goes on, and the same command waits for it again",
        _ => "interrupted; the jobs go on, and the same command waits for them again",
    }
}
