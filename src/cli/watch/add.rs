//! `dcs-wait watch add`: hands jobs to the daemon and, where that is asked for, waits for them.

use std::sync::Arc;

use tokio::time::Instant;

use super::wait::Wait;
use crate::cli::args::{AddArgs, OutputArg};
use crate::cli::control::Daemon;
use crate::cli::error::CliError;
use crate::cli::progress::{log_to_stderr, narrate, style};
use crate::cli::signals::Interrupts;
use crate::cli::wait::{explain, results_taken};
use crate::cli::{jobs, output};
use crate::daemon::http::shapes::{
    AcceptedBatch, AcceptedOne, AcceptedShape, NewWatch, NewWatches, WatchShape,
};
use crate::engine::Until;
use crate::environment::Environment;
use crate::model::{Exit, JobId, Outcome};
use crate::report::{Progress, json};

/// How many jobs are added at once: what is said of the first doesn't wait for long.
const AT_ONCE: usize = 1000;

pub(super) async fn run(
    args: AddArgs,
    environment: Arc<dyn Environment>,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    log_to_stderr(args.output.verbose);
    let daemon = Daemon::of(&args.control, environment.as_ref())?;
    let adding = async {
        let jobs = jobs::read(&args.jobs).await?;
        add(&daemon, &args, jobs).await
    };
    let watches = tokio::select! {
        watches = adding => watches?,
        exit = interrupts.next() => {
            return Err(CliError::new(
                exit,
                "interrupted; what was added before goes on in the daemon (see: dcs-wait watch list)",
            ));
        }
    };
    if !args.wait {
        return Ok(Exit::Success);
    }
    wait(
        &daemon,
        &args,
        &watches,
        environment.as_ref(),
        &mut interrupts,
    )
    .await
}

/// Adds the jobs. Where they are waited for, nothing is printed yet: standard output is for results.
async fn add(
    daemon: &Daemon,
    args: &AddArgs,
    jobs: Vec<JobId>,
) -> Result<Vec<WatchShape>, CliError> {
    let hooks: Vec<String> = args.hook.iter().map(ToString::to_string).collect();
    let timeout = args.timeout.map(|timeout| match timeout.0 {
        Some(timeout) => humantime::format_duration(timeout).to_string(),
        None => "none".to_owned(),
    });
    let new = |job_id: &JobId| NewWatch {
        job_id: job_id.to_string(),
        project: args.project.as_ref().map(ToString::to_string),
        hooks: (args.no_hooks || !hooks.is_empty()).then(|| hooks.clone()),
        timeout: timeout.clone(),
    };
    let is_json = matches!(args.output.output, Some(OutputArg::Json));
    if jobs.len() > 1 && !args.wait && !is_json {
        let mut added = 0;
        for some in jobs.chunks(AT_ONCE) {
            let watches = some.iter().map(new).collect();
            if let Err(error) = add_batch(daemon, &NewWatches { watches }).await {
                if added > 0 {
                    let all = jobs.len();
                    output::warn(&format!(
                        "{added} of {all} jobs are added; the same command again adds the rest"
                    ));
                }
                return Err(error);
            }
            added += some.len();
        }
        return Ok(Vec::new());
    }
    // Whole watches are told of one at a time.
    let mut watches = Vec::new();
    for job_id in &jobs {
        let accepted: AcceptedShape = daemon.post_body("v1/watches", &new(job_id)).await?;
        if !args.wait {
            let line = match is_json {
                true => json(&accepted),
                false => line(&AcceptedOne::from(&accepted)),
            };
            output::print(&line).await;
        }
        watches.push(accepted.watch);
    }
    Ok(watches)
}

/// Adds jobs at once, and says so line by line.
async fn add_batch(daemon: &Daemon, batch: &NewWatches) -> Result<(), CliError> {
    let accepted: AcceptedBatch = daemon.post_body("v1/watches/batch", batch).await?;
    output::print_all(accepted.watches.iter().map(line)).await;
    Ok(())
}

fn line(accepted: &AcceptedOne) -> String {
    let how = if accepted.joined { "joined" } else { "added" };
    let outcome = accepted.outcome.map(Outcome::from);
    let outcome = outcome.map(|outcome| format!(", {} already", outcome.as_str()));
    format!(
        "{} {} {how}{}",
        accepted.id,
        accepted.job_id,
        outcome.unwrap_or_default()
    )
}

async fn wait(
    daemon: &Daemon,
    args: &AddArgs,
    watches: &[WatchShape],
    environment: &dyn Environment,
    interrupts: &mut Interrupts,
) -> Result<Exit, CliError> {
    let style = style(&args.output, environment);
    let until = match (args.any, args.fail_fast) {
        (true, _) => Until::AnyEnds,
        (_, true) => Until::AnyFails,
        _ => Until::AllEnd,
    };
    let start = Instant::now();
    let work = async |tell, cancel: tokio_util::sync::CancellationToken| {
        let mut wait = Wait::new(daemon, watches, until, start, tell)?;
        let over = tokio::select! {
            biased;
            over = wait.run() => over.map(|()| true),
            () = cancel.cancelled() => Ok(false),
        };
        let going_on: Vec<JobId> = wait.pending().cloned().collect();
        over.map(|over| (over, wait.exit(), wait.reports().to_vec(), going_on))
    };
    let (waited, interrupted) = narrate(&style, environment, start, interrupts, work).await;
    let (over, exit, reports, going_on) = waited?;
    if let (false, Some(exit)) = (over, interrupted) {
        return Err(CliError::new(exit, goes_on(&going_on)));
    }
    if style.progress == Progress::Silent {
        explain(&reports);
    } else if !going_on.is_empty() {
        output::warn(&goes_on_beside(&going_on));
    }
    let timeout = args.timeout.and_then(|timeout| timeout.0);
    let deadline = timeout.and_then(|timeout| start.checked_add(timeout));
    results_taken(deadline, exit, interrupts).await
}

fn goes_on(jobs: &[JobId]) -> String {
    match jobs {
        [job] => format!(
            "interrupted; the watch goes on in the daemon (see: dcs-wait watch show {job}; end it with: dcs-wait watch cancel {job})"
        ),
        _ => format!(
            "interrupted; {} watches go on in the daemon (see: dcs-wait watch list)",
            jobs.len()
        ),
    }
}

fn goes_on_beside(jobs: &[JobId]) -> String {
    match jobs {
        [job] => format!("the watch for {job} goes on in the daemon"),
        _ => format!("{} watches go on in the daemon", jobs.len()),
    }
}
