//! `dcs-wait watch follow`: what happens, a line an event.

use super::events::{report, time, watch_event};
use super::link::reopen;
use super::list::status;
use super::name;
use crate::cli::args::{FollowArgs, Form};
use crate::cli::control::{ControlError, Daemon};
use crate::cli::delivery;
use crate::cli::error::CliError;
use crate::cli::signals::Interrupts;
use crate::cli::{output, table};
use crate::clock::{Clock, SystemClock};
use crate::daemon::http::shapes::{EventShape, WatchStateShape};
use crate::environment::Environment;
use crate::model::{Estimate, Exit};
use crate::report::{ended_line, estimate_line, event_line, json};

pub(super) async fn run(
    args: FollowArgs,
    environment: &dyn Environment,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    tokio::select! {
        followed = follow(&daemon, &args) => followed.map(|()| Exit::Success),
        // What was wanted has been had by then.
        exit = interrupts.next() => Ok(exit),
    }
}

async fn follow(daemon: &Daemon, args: &FollowArgs) -> Result<(), CliError> {
    let mut query = Vec::new();
    if let Some(text) = &args.watch {
        let watch = name::find(daemon, text, args.project.as_ref()).await?;
        query.push(("watch_id", watch.id));
    }
    let mut events = daemon.events(&query).await?;
    loop {
        while let Some(item) = events.next().await {
            // What a later version tells besides isn't for this one.
            let Ok(event) = serde_json::from_str::<EventShape>(&item.data) else {
                continue;
            };
            let is_read = match args.form.form {
                Form::Json => output::print_while_read(&json(&event)).await,
                Form::Text => tell(&event).await,
            };
            if !is_read || (!query.is_empty() && is_end(&event)) {
                return Ok(());
            }
        }
        output::warn("the daemon is gone; this goes on when it is back");
        let failed = |_: ControlError, _, _| Ok::<(), CliError>(());
        events = reopen(daemon, &query, failed).await?;
        output::warn("the daemon is back; what happened in between isn't told here");
    }
}

/// Whether the stream of one watch says nothing after this.
fn is_end(event: &EventShape) -> bool {
    match event {
        EventShape::Ended { .. } => true,
        EventShape::Watch { watch } => watch.state == WatchStateShape::Ended,
        _ => false,
    }
}

/// Prints the event, and says whether somebody may read on.
async fn tell(event: &EventShape) -> bool {
    let Some(line) = line(event) else {
        return true;
    };
    let now = table::time(SystemClock.now());
    output::print_while_read(&format!("{now}  {line}")).await
}

/// The event in a line; nothing where it is no news.
fn line(event: &EventShape) -> Option<String> {
    match event {
        EventShape::Watch { watch } => {
            let estimate = watch.estimate.map(Estimate::from);
            let estimate = estimate.map(|estimate| format!(", {}", estimate_line(&estimate)));
            let state = format!("{}{}", status(watch), estimate.unwrap_or_default());
            Some(report(watch).map_or_else(
                || format!("{}: {state}", watch.job_id),
                |report| ended_line(&report),
            ))
        }
        EventShape::Delivery {
            delivery_id,
            hook,
            attempt,
            answer,
            state,
            due_at,
            ..
        } => {
            let now = SystemClock.now();
            let due = due_at.as_deref().and_then(time);
            let then = due.map_or_else(
                || delivery::state(*state).to_owned(),
                |due| format!("next try {}", table::ago(due, now)),
            );
            Some(format!(
                "hook {hook}, attempt {attempt}: {answer}; {then} (delivery {delivery_id})"
            ))
        }
        // Nobody knows how much a daemon didn't hear.
        EventShape::Lagged { missed: 0 } => Some(
            "the daemon had lost touch with those that share its store; what they did meanwhile may \
             be missing here"
                .to_owned(),
        ),
        EventShape::Lagged { missed } => Some(format!(
            "this was too slow, and {missed} {} here",
            if *missed == 1 {
                "event is missing"
            } else {
                "events are missing"
            }
        )),
        other => event_line(&watch_event(other.clone())?.1),
    }
}
