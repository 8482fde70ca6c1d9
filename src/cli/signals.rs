//! SIGINT and SIGTERM, heard from the start on; and SIGHUP, which a daemon hears.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook_tokio::Signals;
use tokio::task::yield_now;

use super::error::CliError;
use crate::children;
use crate::model::Exit;

/// Keeps the limit of a file's size from killing the process: a write beyond it is an error then,
/// as on a full disk. Programs that are started get the default back.
pub(super) fn survive_file_size_limit() -> Result<(), CliError> {
    flag::register(SIGXFSZ, Arc::default())
        .map(drop)
        .map_err(|error| CliError::internal(format!("can't handle SIGXFSZ: {error}")))
}

/// Reaps the processes that the system leaves to this one, where it does. Never returns then.
pub(super) async fn reap_orphans() {
    if !children::inherits_orphans() {
        return;
    }
    let mut ends = match Signals::new([SIGCHLD]) {
        Ok(ends) => ends,
        Err(error) => {
            tracing::warn!(%error, "processes that others leave behind are not reaped");
            return;
        }
    };
    loop {
        if let Err(error) = children::reap_orphans() {
            tracing::debug!(%error, "processes that others left behind can't be reaped");
        }
        poll_fn(|context| Pin::new(&mut ends).poll_next(context)).await;
    }
}

/// The signals that ask the process to end.
pub(super) struct Interrupts {
    signals: Signals,
    came: bool,
}

impl Interrupts {
    /// Hears signals from now on.
    pub(super) fn install() -> Result<Self, CliError> {
        Signals::new([SIGINT, SIGTERM])
            .map(|signals| Self {
                signals,
                came: false,
            })
            .map_err(|error| CliError::internal(format!("can't listen for signals: {error}")))
    }

    /// Waits for the next signal, and says how the process is to end after it.
    pub(super) async fn next(&mut self) -> Exit {
        let signal = poll_fn(|context| Pin::new(&mut self.signals).poll_next(context)).await;
        self.came = true;
        exit_of(signal)
    }

    /// Whether [`Interrupts::next`] has returned a signal.
    pub(super) fn have_come(&self) -> bool {
        self.came
    }

    /// The signal that came before now.
    pub(super) async fn came_before(&mut self) -> Option<Exit> {
        tokio::select! {
            biased;
            exit = self.next() => Some(exit),
            () = yield_now() => None,
        }
    }

    /// Hears SIGHUP as well from now on. Without that, it ends the process.
    pub(super) fn with_reloads(self) -> Result<Wishes, CliError> {
        match self.signals.handle().add_signal(SIGHUP) {
            Ok(()) => Ok(Wishes(self.signals)),
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
