//! `dcs-wait delivery`: what hooks owe, how often it was tried, and having it tried again.

use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use super::args::{
    DeliveryCommand, DeliveryListArgs, DeliveryStateArg, Form, OneDeliveryArgs, ReplayArgs,
};
use super::control::Daemon;
use super::error::CliError;
use super::signals::Interrupts;
use super::{output, table, watch};
use crate::clock::{Clock, SystemClock};
use crate::daemon::http::shapes::{
    AttemptShape, DeliveryDetail, DeliveryPage, DeliveryShape, DeliveryStateShape,
};
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::{duration, json, sanitize_message};
use crate::sanitize::escape_json;

/// How many deliveries are asked for at once.
const PAGE: usize = 100;

pub(super) async fn run(
    command: DeliveryCommand,
    environment: &dyn Environment,
    interrupts: Interrupts,
) -> Result<Exit, CliError> {
    interrupts
        .guard(async {
            match command {
                DeliveryCommand::List(args) => list(args, environment).await,
                DeliveryCommand::Show(args) => show(args, environment).await,
                DeliveryCommand::Replay(args) => replay(args, environment).await,
            }
        })
        .await
}

async fn list(args: DeliveryListArgs, environment: &dyn Environment) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let mut filter: Vec<(&str, String)> = Vec::new();
    let state = args.state.map(|state| match state {
        DeliveryStateArg::Pending => "pending",
        DeliveryStateArg::Delivered => "delivered",
        DeliveryStateArg::Dead => "dead",
    });
    filter.extend(state.map(|state| ("state", state.to_owned())));
    filter.extend(args.hook.as_ref().map(|hook| ("hook", hook.to_string())));
    if let Some(text) = &args.watch {
        let watch = watch::find(&daemon, text, args.project.as_ref()).await?;
        filter.push(("watch_id", watch.id));
    }
    let deliveries = read(&daemon, &filter, args.limit).await?;
    match args.form.form {
        Form::Json => output::print_all(deliveries.iter().map(json)).await,
        Form::Text if io::stdout().is_terminal() => {
            output::print_all(for_people(&deliveries, SystemClock.now())).await;
        }
        Form::Text => output::print_all(deliveries.iter().map(for_programs)).await,
    }
    Ok(Exit::Success)
}

async fn read(
    daemon: &Daemon,
    filter: &[(&str, String)],
    limit: usize,
) -> Result<Vec<DeliveryShape>, CliError> {
    let mut deliveries = Vec::new();
    let mut before = None;
    while deliveries.len() < limit {
        let mut query = filter.to_vec();
        query.push(("limit", (limit - deliveries.len()).min(PAGE).to_string()));
        query.extend(before.map(|before| ("before", before)));
        let page: DeliveryPage = daemon.get("v1/deliveries", &query).await?;
        deliveries.extend(page.deliveries);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(deliveries)
}

fn for_people(deliveries: &[DeliveryShape], now: SystemTime) -> Vec<String> {
    if deliveries.is_empty() {
        return vec!["no deliveries".to_owned()];
    }
    let row = |one: &DeliveryShape| {
        [
            one.id.clone(),
            one.hook.clone(),
            standing(one, now),
            one.attempts.to_string(),
        ]
    };
    let rows: Vec<[String; 4]> = deliveries.iter().map(row).collect();
    table::table(["DELIVERY", "HOOK", "STATE", "ATTEMPTS"], &rows)
}

fn for_programs(one: &DeliveryShape) -> String {
    [
        one.id.as_str(),
        one.watch_id.as_str(),
        one.hook.as_str(),
        state(one.state),
        &one.attempts.to_string(),
        one.created_at.as_str(),
        one.due_at.as_deref().unwrap_or("-"),
    ]
    .map(sanitize_message)
    .join("\t")
}

async fn show(args: OneDeliveryArgs, environment: &dyn Environment) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let path = format!("v1/deliveries/{}", args.id);
    let detail: DeliveryDetail = daemon.get(&path, &[]).await?;
    match args.form.form {
        Form::Json => output::print(&json(&detail)).await,
        Form::Text => output::print_all(lines(&detail, SystemClock.now())).await,
    }
    Ok(Exit::Success)
}

fn lines(detail: &DeliveryDetail, now: SystemTime) -> Vec<String> {
    let one = &detail.delivery;
    let mut lines = vec![
        format!("delivery   {}", one.id),
        format!("watch      {}", one.watch_id),
        format!("hook       {}", one.hook),
        format!("state      {}", standing(one, now)),
        format!("created    {}", moment(&one.created_at, now)),
    ];
    if !detail.attempts.is_empty() {
        lines.extend(["", "attempts"].map(str::to_owned));
        lines.extend(detail.attempts.iter().map(attempt));
    }
    lines.extend(["", "body"].map(str::to_owned));
    // Member by member as it was sent, but for what would act on a terminal.
    lines.push(format!("  {}", escape_json(&detail.body)));
    lines
}

fn attempt(attempt: &AttemptShape) -> String {
    let took = duration(Duration::from_millis(attempt.took_ms));
    let mark = if attempt.delivered { "*" } else { "-" };
    format!(
        "  {mark} {} {}: {} (after {took})",
        attempt.number, attempt.at, attempt.answer
    )
}

async fn replay(args: ReplayArgs, environment: &dyn Environment) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let mut ids: Vec<String> = args.ids.iter().map(ToString::to_string).collect();
    if args.dead {
        let mut filter = vec![("state", "dead".to_owned())];
        filter.extend(args.hook.as_ref().map(|hook| ("hook", hook.to_string())));
        let dead = read(&daemon, &filter, usize::MAX).await?;
        ids.extend(dead.into_iter().map(|one| one.id));
        output::warn(&match ids.len() {
            0 => "no delivery is dead".to_owned(),
            1 => "replaying the one that is dead".to_owned(),
            many => format!("replaying the {many} that are dead"),
        });
    }
    for id in ids {
        let replayed: DeliveryShape = daemon.post(&format!("v1/deliveries/{id}/replay")).await?;
        let line = match args.form.form {
            Form::Json => json(&replayed),
            Form::Text => format!(
                "{} {} {}",
                replayed.id,
                replayed.hook,
                state(replayed.state)
            ),
        };
        output::print(&line).await;
    }
    Ok(Exit::Success)
}

/// How a delivery stands, and until when.
pub(super) fn standing(delivery: &DeliveryShape, now: SystemTime) -> String {
    let due = delivery.due_at.as_deref();
    match due.and_then(|due| humantime::parse_rfc3339(due).ok()) {
        Some(due) if due > now => format!("pending ({})", table::ago(due, now)),
        _ => state(delivery.state).to_owned(),
    }
}

pub(super) fn state(state: DeliveryStateShape) -> &'static str {
    match state {
        DeliveryStateShape::Pending => "pending",
        DeliveryStateShape::Delivered => "delivered",
        DeliveryStateShape::Dead => "dead",
    }
}

/// A time as it came, and how far away it is.
pub(super) fn moment(text: &str, now: SystemTime) -> String {
    match humantime::parse_rfc3339(text) {
        Ok(at) => format!("{text} ({})", table::ago(at, now)),
        Err(_) => text.to_owned(),
    }
}
