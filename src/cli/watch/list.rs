//! `dcs-wait watch list`.

use std::io::{self, IsTerminal};
use std::time::SystemTime;

use super::events::time;
use crate::cli::args::{Form, WatchListArgs, WatchState};
use crate::cli::control::Daemon;
use crate::cli::error::CliError;
use crate::cli::{output, table};
use crate::clock::{Clock, SystemClock};
use crate::daemon::http::shapes::{HoldReason, HoldShape, WatchPage, WatchShape};
use crate::environment::Environment;
use crate::model::{Exit, Outcome};
use crate::report::{duration, json};

/// How many watches are asked for at once.
const PAGE: usize = 100;

pub(super) async fn run(
    args: WatchListArgs,
    environment: &dyn Environment,
) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let watches = read(&daemon, &args).await?;
    match args.form.form {
        Form::Json => output::print_all(watches.iter().map(json)).await,
        Form::Text if io::stdout().is_terminal() => {
            let lines = for_people(&watches, SystemClock.now(), output::columns());
            output::print_all(lines).await;
        }
        Form::Text => output::print_all(watches.iter().map(for_programs)).await,
    }
    Ok(Exit::Success)
}

async fn read(daemon: &Daemon, args: &WatchListArgs) -> Result<Vec<WatchShape>, CliError> {
    let mut filter: Vec<(&str, String)> = Vec::new();
    let state = args.state.map(|state| match state {
        WatchState::Active => "active",
        WatchState::Ended => "ended",
    });
    filter.extend(state.map(|state| ("state", state.to_owned())));
    filter.extend(
        args.outcome
            .map(|outcome| ("outcome", outcome.as_str().to_owned())),
    );
    filter.extend(
        args.project
            .as_ref()
            .map(|name| ("project", name.to_string())),
    );
    filter.extend(args.job.as_ref().map(|id| ("job_id", id.to_string())));
    let mut watches = Vec::new();
    let mut before = None;
    while watches.len() < args.limit {
        let mut query = filter.clone();
        let limit = (args.limit - watches.len()).min(PAGE);
        query.push(("limit", limit.to_string()));
        query.extend(before.map(|before| ("before", before)));
        let page: WatchPage = daemon.get("v1/watches", &query).await?;
        watches.extend(page.watches);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(watches)
}

/// A table with times as far away as they are. The watches' IDs are left out where the terminal is
/// too narrow for them: jobs' IDs will do.
fn for_people(watches: &[WatchShape], now: SystemTime, columns: usize) -> Vec<String> {
    if watches.is_empty() {
        return vec!["no watches".to_owned()];
    }
    let ago = |text: &str| time(text).map_or_else(|| "-".to_owned(), |at| table::ago(at, now));
    let row = |watch: &WatchShape| {
        [
            watch.job_id.clone(),
            watch.project.clone(),
            outcome(watch).map_or_else(|| state(watch), str::to_owned),
            ago(&watch.accepted_at),
            watch
                .ended_at
                .as_deref()
                .map_or_else(|| "-".to_owned(), ago),
            watch.id.clone(),
        ]
    };
    let rows: Vec<[String; 6]> = watches.iter().map(row).collect();
    let titles = ["JOB", "PROJECT", "STATE", "ACCEPTED", "ENDED", "WATCH"];
    let lines = table::table(titles, &rows);
    if lines.iter().all(|line| line.chars().count() <= columns) {
        return lines;
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|[job, project, state, accepted, ended, _]| [job, project, state, accepted, ended])
        .collect();
    table::table(["JOB", "PROJECT", "STATE", "ACCEPTED", "ENDED"], &rows)
}

/// The state of a watch that goes on: the job's status, and what holds its requests back.
fn state(watch: &WatchShape) -> String {
    let held = watch.held_by.as_ref().map(|hold| match hold.reason {
        HoldReason::CredentialRefused => ", credential refused",
        HoldReason::RateLimit => ", rate-limited",
        HoldReason::Other => ", held back",
    });
    format!("{}{}", status(watch), held.unwrap_or_default())
}

/// What holds a watch's requests back, and for how long.
pub(super) fn held_by(hold: &HoldShape, now: SystemTime) -> String {
    let left = time(&hold.until).and_then(|until| until.duration_since(now).ok());
    let next = left.map(|left| format!("; next request in {}", duration(left)));
    format!("{}{}", hold.message, next.unwrap_or_default())
}

fn for_programs(watch: &WatchShape) -> String {
    let absent = || "-".to_owned();
    [
        watch.id.clone(),
        watch.job_id.clone(),
        watch.project.clone(),
        outcome(watch).unwrap_or("active").to_owned(),
        watch
            .status
            .as_ref()
            .map_or_else(absent, ToString::to_string),
        watch.accepted_at.clone(),
        watch.ended_at.clone().unwrap_or_else(absent),
    ]
    .join("\t")
}

/// The job's last status.
pub(super) fn status(watch: &WatchShape) -> String {
    let status = watch.status.as_ref().map(ToString::to_string);
    status.unwrap_or_else(|| "not seen yet".to_owned())
}

pub(super) fn outcome(watch: &WatchShape) -> Option<&'static str> {
    watch.outcome.map(|outcome| Outcome::from(outcome).as_str())
}
