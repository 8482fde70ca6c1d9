//! `dcs-wait daemon`: the service, on threads of its own; this one hears the signals.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::unbounded_channel;

use super::args::DaemonArgs;
use super::error::CliError;
use super::output;
use super::signals::{Interrupts, Wish};
use crate::daemon::{self, Asked, DaemonError, Ended, Start};
use crate::environment::Environment;
use crate::model::Exit;
use crate::system_error::is_temporary;

/// Where the configuration is unless it is said.
const CONFIG: &str = "/etc/dcs-wait/dcs-wait.toml";

pub(super) async fn run(
    args: DaemonArgs,
    environment: Arc<dyn Environment>,
    interrupts: Interrupts,
) -> Result<Exit, CliError> {
    let mut wishes = interrupts.with_reloads()?;
    let threads = thread::available_parallelism().map_or(2, |all| all.get().clamp(2, 4));
    let runtime = runtime_of(threads)?;
    // All requests for jobs on one thread: among several, waking each other costs more than they ask.
    let polling = match runtime_of(1) {
        Ok(polling) => polling,
        Err(error) => {
            // Dropped in here, it would have to wait for its threads, and mustn't.
            runtime.shutdown_background();
            return Err(error);
        }
    };
    let config = config_file(args.config, environment.as_ref());
    let shown = Arc::clone(&environment);
    let start = Start {
        config,
        environment,
        polling: polling.handle().clone(),
    };
    let (ask, asked) = unbounded_channel();
    let mut daemon = runtime.spawn(daemon::run(start, asked));
    let mut stopping = false;
    let exit = loop {
        tokio::select! {
            ended = &mut daemon => break match ended {
                Ok(Ok(Ended::AsAsked)) => Ok(Exit::Success),
                Ok(Ok(Ended::ByHook(code))) => Ok(Exit::ByHook(code)),
                Ok(Err(DaemonError::Config(errors))) => {
                    let exit = match errors.is_temporary() {
                        true => Exit::NotNow,
                        false => Exit::Usage,
                    };
                    for line in errors.lines() {
                        output::complain(&CliError::new(exit, line), shown.as_ref());
                    }
                    Ok(exit)
                }
                Ok(Err(error)) if error.is_temporary() => Err(CliError::new(Exit::NotNow, error)),
                Ok(Err(error)) => Err(CliError::usage(error)),
                Err(_) => Err(CliError::internal(
                    "the daemon failed; please report what is said above. What it accepted is kept",
                )),
            },
            wish = wishes.next() => {
                let what = match wish {
                    Wish::Reload => Asked::Reload,
                    Wish::End(exit) if stopping => break Ok(exit),
                    Wish::End(_) => Asked::Stop,
                };
                stopping |= what == Asked::Stop;
                // One that is about to be gone needs to be asked for nothing.
                ask.send(what).unwrap_or_default();
            }
        }
    };
    // What still runs then is what a second signal didn't want to wait for.
    runtime.shutdown_background();
    polling.shutdown_background();
    exit
}

fn runtime_of(threads: usize) -> Result<Runtime, CliError> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| {
            let exit = match is_temporary(&error) {
                true => Exit::NotNow,
                false => Exit::Internal,
            };
            CliError::new(exit, format!("can't start: {error}"))
        })
}

/// The configuration file, for this command and all others that read it.
pub(super) fn config_file(given: Option<PathBuf>, environment: &dyn Environment) -> PathBuf {
    given
        .or_else(|| environment.var("DCS_WAIT_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(CONFIG))
}
