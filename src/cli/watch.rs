//! `dcs-wait watch`: jobs are handed to the daemon, which waits for them; and what becomes of them.

mod act;
mod add;
mod events;
mod follow;
mod link;
mod list;
mod name;
mod show;
mod wait;

use std::sync::Arc;

pub(super) use name::find;

use super::args::WatchCommand;
use super::error::CliError;
use super::signals::Interrupts;
use crate::environment::Environment;
use crate::model::Exit;

pub(super) async fn run(
    command: WatchCommand,
    environment: Arc<dyn Environment>,
    interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let variables = environment.as_ref();
    match command {
        WatchCommand::Add(args) => add::run(args, environment, interrupts).await,
        WatchCommand::List(args) => interrupts.guard(list::run(args, variables)).await,
        WatchCommand::Show(args) => interrupts.guard(show::run(args, variables)).await,
        WatchCommand::Cancel(args) => {
            interrupts
                .guard(act::run(args, act::Act::Cancel, variables))
                .await
        }
        WatchCommand::Poll(args) => {
            interrupts
                .guard(act::run(args, act::Act::Poll, variables))
                .await
        }
        WatchCommand::Follow(args) => follow::run(args, variables, interrupts).await,
    }
}
