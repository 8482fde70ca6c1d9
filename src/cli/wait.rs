//! `dcs-wait JOB_ID...`: waits, tells, and ends with the code that the outcomes call for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::args::WaitArgs;
use super::connect::{Pace, connect};
use super::error::CliError;
use super::history::History;
use super::hooks::WaitHooks;
use super::output::{NOT_TAKEN, Taken};
use super::pacing::Pacing;
use super::progress::{log_to_stderr, narrate, style};
use super::signals::Interrupts;
use super::values::{Timeout, parse_timeout};
use super::{jobs, output};
use crate::api::Session;
use crate::clock::SaturatingAdd as _;
use crate::engine::{Retries, Until, WaitResult, WaitSpec, wait};
use crate::environment::Environment;
use crate::model::{Exit, Fault, JobId, Outcome, WatchReport};
use crate::poll::{Deadline, WatchSpec};
use crate::report::{self, Progress, Style};

/// How long to wait when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long the reader of standard output has after a time-out to take what waits there.
const FINAL_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// How long hooks have after the end of the wait when nothing else is said.
const DEFAULT_HOOK_TIMEOUT: Duration = Duration::from_secs(60);

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
            let deadline = Deadline::new(start, settings.timeout, args.request_timeout).at();
            results_taken(deadline, error.exit, &mut interrupts).await?;
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
    if let Some(error) = interrupted {
        return Err(error);
    }
    let exit = result.exit(spec.until);
    results_taken(spec.deadline, exit, &mut interrupts).await
}

/// Waits until the results are written, but no longer than the deadline. Where they aren't, success
/// becomes a time-out; any other code goes on to say how the jobs ended.
pub(super) async fn results_taken(
    deadline: Option<Instant>,
    exit: Exit,
    interrupts: &mut Interrupts,
) -> Result<Exit, CliError> {
    if interrupts.have_come() {
        // The results are not waited for then; lost ones are reported at the end.
        return Ok(exit);
    }
    // A reader that begins to read at the end gets some time for it.
    let soon = Instant::now().saturating_add(FINAL_READ_TIMEOUT);
    let deadline = deadline.map(|deadline| deadline.max(soon));
    match output::results_taken(deadline, interrupts).await {
        Taken::All => Ok(exit),
        Taken::Late if exit == Exit::Success => Err(CliError::new(Exit::TimedOut, NOT_TAKEN)),
        Taken::Late => {
            output::warn(NOT_TAKEN);
            Ok(exit)
        }
        Taken::Interrupted(exit) => Err(CliError::new(exit, NOT_TAKEN)),
    }
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
        style: style(&args.output, environment.as_ref()),
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
        hook_timeout: args.hooks.hook_timeout.unwrap_or(DEFAULT_HOOK_TIMEOUT),
        retries: Retries {
            after: HOOK_RETRIES.to_vec(),
            jitter: 0.2,
            honors_retry_after: false,
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
        output::print_now(&report::result_line(&report, style.results));
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

fn goes_on(jobs: &[JobId]) -> &'static str {
    match jobs {
        [_] => "interrupted; the job goes on, and the same command waits for it again",
        _ => "interrupted; the jobs go on, and the same command waits for them again",
    }
}
