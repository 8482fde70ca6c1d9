//! SIGINT and SIGTERM, heard from the start on.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::error::CliError;
use crate::model::Exit;

/// The signals that ask the process to end.
pub(super) struct Interrupts(Signals);

impl Interrupts {
    /// Hears signals from now on.
    pub(super) fn install() -> Result<Self, CliError> {
        Signals::new([SIGINT, SIGTERM])
            .map(Self)
            .map_err(|error| CliError::internal(format!("can't listen for signals: {error}")))
    }

    /// Waits for the next signal, and says how the process is to end after it.
    pub(super) async fn next(&mut self) -> Exit {
        let signal = poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await;
        if signal == Some(SIGTERM) {
            Exit::Terminated
        } else {
            Exit::Interrupted
        }
    }

    /// Does a thing that a signal may break off at any moment.
    pub(super) async fn guard<T>(
        mut self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            result = work => result,
            exit = self.next() => Err(CliError::new(exit, "interrupted")),
        }
    }
}
