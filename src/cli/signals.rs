//! SIGINT and SIGTERM, heard from the start on; and SIGHUP, which a daemon hears.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use futures_core::Stream;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
        exit_of(signal)
    }

    /// Hears SIGHUP as well from now on. Without that, it ends the process.
    pub(super) fn with_reloads(self) -> Result<Wishes, CliError> {
        match self.0.handle().add_signal(SIGHUP) {
            Ok(()) => Ok(Wishes(self.0)),
            Err(error) => Err(CliError::internal(format!(
                "can't listen for SIGHUP: {error}"
            ))),
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

/// The signals that a daemon acts upon.
pub(super) struct Wishes(Signals);

/// What a signal wishes of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To read its configuration anew.
    Reload,
    /// To end; and how, where it can't be done in peace.
    End(Exit),
}

impl Wishes {
    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Wish {
        match poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await {
            Some(SIGHUP) => Wish::Reload,
            other => Wish::End(exit_of(other)),
        }
    }
}

fn exit_of(signal: Option<i32>) -> Exit {
    if signal == Some(SIGTERM) {
        Exit::Terminated
    } else {
        Exit::Interrupted
    }
}
