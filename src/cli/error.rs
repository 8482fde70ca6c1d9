//! What ends a command before it has a result.

use crate::model::Exit;

/// An error for people: what, why, what to do; and the exit code that it calls for.
#[derive(Debug, thiserror::Error)]
#[error("{late}{message}", late = if *exit == Exit::TimedOut { "timed out: " } else { "" })]
pub(super) struct CliError {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl CliError {
    pub(super) fn new(exit: Exit, message: impl ToString) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }

    /// The user's to mend.
    pub(super) fn usage(message: impl ToString) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// This program's to mend.
    pub(super) fn internal(message: impl ToString) -> Self {
        Self::new(Exit::Internal, message)
    }
}
