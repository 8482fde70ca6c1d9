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
mod progress;
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
use tokio::runtime::Builder;

use crate::environment::{Environment, ProcessEnvironment};
use crate::model::Exit;
use crate::output::report_panics;
use args::{Args, Command, StoreCommand};
use error::CliError;
use output::{NOT_TAKEN, Taken};
use signals::Interrupts;

/// Runs the command that the process's arguments name, and says how the process is to end.
#[must_use]
pub fn main() -> ExitCode {
    report_panics();
    let exit = caught(run).unwrap_or_else(|error| {
        output::complain(&error, &ProcessEnvironment);
        error.exit
    });
    // It needs no descriptors, so there is one even where the first could not be made.
    if let Ok(runtime) = Builder::new_current_thread().enable_time().build() {
        runtime.block_on(output::flush());
    }
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
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("can't start: {error}")))?;
    let exit = runtime.block_on(async {
        // Before anything else: a signal that comes early is to be heard as well.
        let interrupts = Interrupts::install()?;
        let while_flushing = Interrupts::install()?;
        signals::survive_file_size_limit()?;
        // Aborted with the runtime.
        tokio::spawn(signals::reap_orphans());
        let exit = dispatch(interrupts).await;
        results_taken(exit, while_flushing).await
    });
    // A thread that still blocks, as one that reads standard input, must not keep the process.
    runtime.shutdown_background();
    exit
}

/// Waits until standard output has taken the results. A signal ends that, whether it came before or
/// comes now, and decides how the process ends where results are lost.
async fn results_taken(
    exit: Result<Exit, CliError>,
    mut interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let signal = match interrupts.came_before().await {
        Some(_) if output::flush_results().await => return exit,
        Some(signal) => signal,
        None => match output::results_taken(None, &mut interrupts).await {
            Taken::All | Taken::Late => return exit,
            Taken::Interrupted(signal) => signal,
        },
    };
    if let Err(error) = exit {
        output::complain(&error, &ProcessEnvironment);
    }
    Err(CliError::new(signal, NOT_TAKEN))
}

async fn dispatch(interrupts: Interrupts) -> Result<Exit, CliError> {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return Ok(output::usage(error, &ProcessEnvironment)),
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
