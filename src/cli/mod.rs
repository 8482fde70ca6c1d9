//! The commands: the only place that prints results and chooses an exit code.

mod args;
mod check;
mod cluster;
mod connect;
mod control;
mod credentials;
mod daemon;
mod delivery;
mod demo;
mod error;
mod history;
mod hooks;
mod jobs;
mod output;
mod pacing;
mod signals;
mod simulate;
mod store;
mod table;
mod values;
mod wait;
mod watch;

use std::panic::{self, UnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::environment::{Environment, ProcessEnvironment};
use crate::model::Exit;
use args::{Args, Command, StoreCommand};
use error::CliError;
use signals::Interrupts;

/// Runs the command that the process's arguments name, and says how the process is to end.
#[must_use]
pub fn main() -> ExitCode {
    let exit = caught(run).unwrap_or_else(|error| {
        output::complain(&error, &ProcessEnvironment);
        error.exit
    });
    ExitCode::from(exit.code())
}

/// A panic has told where already; it ends with the code for a fault of this program, not Rust's.
fn caught(run: impl FnOnce() -> Result<Exit, CliError> + UnwindSafe) -> Result<Exit, CliError> {
    panic::catch_unwind(run).unwrap_or_else(|_| {
        Err(CliError::internal(
            "this program failed; please report what is said above. The jobs, if any, go on",
        ))
    })
}

fn run() -> Result<Exit, CliError> {
    // One thread: what this program does is wait. Reading standard input and looking up names,
    // which block, have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("can't start: {error}")))?;
    let exit = runtime.block_on(async {
        // Before anything else: a signal that comes early is to be heard as well.
        let interrupts = Interrupts::install()?;
        dispatch(interrupts).await
    });
    // A thread that still blocks, as one that reads standard input, must not keep the process.
    runtime.shutdown_background();
    exit
}

async fn dispatch(interrupts: Interrupts) -> Result<Exit, CliError> {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return Ok(output::usage(error)),
    };
    let environment: Arc<dyn Environment> = Arc::new(ProcessEnvironment);
    match args.command {
        Some(Command::Credentials(args)) => {
            interrupts.guard(credentials::run(args, environment)).await
        }
        Some(Command::Check(args)) => interrupts.guard(check::run(args, environment)).await,
        Some(Command::Simulate(args)) => simulate::run(args, interrupts).await,
        Some(Command::Watch(command)) => watch::run(command, environment, interrupts).await,
        Some(Command::Delivery(command)) => {
            delivery::run(command, environment.as_ref(), interrupts).await
        }
        Some(Command::History(args)) => {
            interrupts
                .guard(history::run(args, environment.as_ref()))
                .await
        }
        Some(Command::Cluster(args)) => {
            interrupts
                .guard(cluster::run(args, environment.as_ref()))
                .await
        }
        Some(Command::Store(StoreCommand::Migrate(args))) => store::migrate(args, interrupts).await,
        Some(Command::Demo(args)) => demo::run(args, environment, interrupts).await,
        Some(Command::Daemon(args)) => daemon::run(args, environment, interrupts).await,
        None => wait::run(args.wait, environment, interrupts).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_with_the_code_for_a_fault_of_this_program() {
        let error = caught(|| panic!("as a test")).unwrap_err();
        assert_eq!(error.exit.code(), 70);
    }
}
