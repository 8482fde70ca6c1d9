//! `dcs-wait watch show`: all that is known of a watch.

use std::time::{Duration, SystemTime};

use super::list::{held_by, outcome, status};
use super::{events, name};
use crate::cli::args::{Form, OneWatchArgs};
use crate::cli::control::Daemon;
use crate::cli::delivery;
use crate::cli::error::CliError;
use crate::cli::{output, table};
use crate::clock::{Clock, SystemClock};
use crate::daemon::http::shapes::{AnswersShape, WatchDetail, WatchShape};
use crate::environment::Environment;
use crate::model::{Estimate, Exit};
use crate::report::{duration, estimate_line, json};
use crate::sanitize::ForeignText;

pub(super) async fn run(
    args: OneWatchArgs,
    environment: &dyn Environment,
) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let watch = name::find(&daemon, &args.watch, args.project.as_ref()).await?;
    let path = format!("v1/watches/{}", watch.id);
    let detail: WatchDetail = daemon.get(&path, &[]).await?;
    match args.form.form {
        Form::Json => output::print(&json(&detail)).await,
        Form::Text => output::print_all(lines(&detail, SystemClock.now())).await,
    }
    Ok(Exit::Success)
}

fn lines(detail: &WatchDetail, now: SystemTime) -> Vec<String> {
    let mut lines = facts(&detail.watch, now);
    if !detail.answers.is_empty() {
        lines.extend(["", "answers"].map(str::to_owned));
        lines.extend(detail.answers.iter().map(answers));
    }
    if !detail.deliveries.is_empty() {
        lines.extend(["", "deliveries"].map(str::to_owned));
        let rows = detail.deliveries.iter().map(|delivery| {
            [
                delivery.hook.clone(),
                delivery::standing(delivery, now),
                delivery.attempts.to_string(),
                delivery.id.clone(),
            ]
        });
        let rows: Vec<[String; 4]> = rows.collect();
        let rows = table::table(["HOOK", "STATE", "ATTEMPTS", "ID"], &rows);
        lines.extend(rows.iter().map(|row| format!("  {row}")));
    }
    lines
}

fn facts(watch: &WatchShape, now: SystemTime) -> Vec<String> {
    let at = |text: &str| delivery::moment(text, now);
    let state = match outcome(watch) {
        Some(outcome) => outcome.to_owned(),
        None => format!("active, {}", status(watch)),
    };
    let took = watch.duration_ms.map(Duration::from_millis).map(duration);
    let error = watch
        .error
        .clone()
        .map(|error| events::fault(error).to_string());
    let expected = watch.estimate.map(Estimate::from);
    let shown = |text: Option<&ForeignText>| text.map(ToString::to_string);
    let facts = [
        ("watch", Some(watch.id.clone())),
        ("job", Some(watch.job_id.clone())),
        ("type", shown(watch.job_type.as_ref())),
        ("project", Some(watch.project.clone())),
        ("state", Some(state)),
        ("expected", expected.as_ref().map(estimate_line)),
        (
            "held by",
            watch.held_by.as_ref().map(|hold| held_by(hold, now)),
        ),
        ("reason", shown(watch.fail_reason.as_ref())),
        ("error", error),
        ("accepted", Some(at(&watch.accepted_at))),
        ("deadline", watch.deadline_at.as_deref().map(at)),
        ("ended", watch.ended_at.as_deref().map(at)),
        ("job began", watch.begin_time.as_deref().map(at)),
        ("job ended", watch.end_time.as_deref().map(at)),
        ("job took", took),
        ("polls", Some(watch.polls.to_string())),
        (
            "hooks",
            (!watch.hooks.is_empty()).then(|| watch.hooks.join(", ")),
        ),
    ];
    facts
        .into_iter()
        .filter_map(|(title, fact)| Some(format!("{title:<10} {}", fact?)))
        .collect()
}

fn answers(answers: &AnswersShape) -> String {
    let times = match answers.count {
        1 => String::new(),
        count => format!(", {count} times until {}", answers.last_at),
    };
    format!("  {} {}{times}", answers.first_at, answers.answer)
}
