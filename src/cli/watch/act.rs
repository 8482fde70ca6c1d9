//! `dcs-wait watch cancel` and `dcs-wait watch poll`.

use std::time::SystemTime;

use super::list::{held_by, outcome};
use super::name;
use crate::cli::args::{Form, WatchesArgs};
use crate::cli::control::Daemon;
use crate::cli::error::CliError;
use crate::cli::output;
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::http::shapes::WatchShape;
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::json;

/// What is done to a watch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Cancel,
    Poll,
}

/// Does it to each, and ends with the code of the first that it can't be done to.
pub(super) async fn run(
    args: WatchesArgs,
    act: Act,
    environment: &dyn Environment,
) -> Result<Exit, CliError> {
    let daemon = Daemon::of(&args.control, environment)?;
    let mut exit = Exit::Success;
    for text in &args.watches {
        match one(&daemon, text, &args, act).await {
            Ok(watch) => {
                let line = match args.form.form {
                    Form::Json => json(&watch),
                    Form::Text => line(&watch, act, SystemClock.now()),
                };
                output::print(&line).await;
            }
            Err(error) => {
                output::complain(&error, environment);
                if exit == Exit::Success {
                    exit = error.exit;
                }
            }
        }
    }
    Ok(exit)
}

async fn one(
    daemon: &Daemon,
    text: &str,
    args: &WatchesArgs,
    act: Act,
) -> Result<WatchShape, CliError> {
    let watch = name::find(daemon, text, args.project.as_ref()).await?;
    let verb = match act {
        Act::Cancel => "cancel",
        Act::Poll => "poll",
    };
    let path = format!("v1/watches/{}/{verb}", watch.id);
    Ok(daemon.post(&path).await?)
}

fn line(watch: &WatchShape, act: Act, now: SystemTime) -> String {
    let how = match (act, outcome(watch)) {
        (Act::Cancel, None) => "is being cancelled",
        (Act::Cancel, Some(outcome)) => outcome,
        (Act::Poll, _) => match &watch.held_by {
            Some(hold) => {
                return format!(
                    "{} {} is not polled yet: {}",
                    watch.id,
                    watch.job_id,
                    held_by(hold, now)
                );
            }
            None => "is polled",
        },
    };
    format!("{} {} {how}", watch.id, watch.job_id)
}
