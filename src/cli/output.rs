//! What the commands print: results on standard output, all else on standard error. A closed stream
//! doesn't end a command: its exit code is still of use. A stalled one doesn't block it, see
//! [`crate::output`].

use std::future::pending;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use clap::error::{ContextKind, ContextValue};

use super::error::CliError;
use super::signals::Interrupts;
use crate::environment::Environment;
use crate::model::Exit;
use crate::output::{stderr, stdout};
use crate::report::{error_command, sanitize_message};
use crate::sanitize::sanitize_line;

/// For how long a reader may read nothing before waiting lines are discarded at the end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a slow reader may take at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// The error of a command whose results are not read.
pub(super) const NOT_TAKEN: &str =
    "standard output was not read, so results are lost; read it, or redirect it to a file";

/// Prints a line of results once the queue has capacity. A closed stream is ignored; any other failure
/// is reported on standard error.
pub(super) async fn print(line: &str) {
    stdout().wait_for_capacity().await;
    print_now(line);
}

/// Prints a line of results without waiting for capacity. For results that are in memory in any case.
pub(super) fn print_now(line: &str) {
    stdout().result(format!("{}\n", sanitize_line(line)));
}

/// Prints lines of results.
pub(super) async fn print_all(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    for line in lines {
        print(line.as_ref()).await;
    }
}

/// Prints a line of results, and returns whether the stream is still open.
pub(super) async fn print_while_read(line: &str) -> bool {
    print(line).await;
    stdout().results_written().await;
    !stdout().are_results_closed()
}

/// Tells of an error, in GitHub Actions so that it is shown at the step.
pub(super) fn complain(error: &CliError, environment: &dyn Environment) {
    let message = sanitize_message(&error.to_string());
    if environment.flag("GITHUB_ACTIONS") {
        write_error(&error_command(&message));
    } else {
        warn(&format!("error: {message}"));
    }
}

/// Prints a line that is no result.
pub(super) fn warn(line: &str) {
    write_error(&sanitize_line(line));
}

fn write_error(line: &str) {
    stderr().log(format!("{line}\n"));
}

/// Prints several lines that are no result.
pub(super) fn warn_lines(lines: &str) {
    lines.split('\n').for_each(warn);
}

/// Sanitizes the arguments that an error quotes: they may come from another program.
fn sanitized(mut error: clap::Error) -> clap::Error {
    let quoted: Vec<(ContextKind, String)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, sanitize_message(text))),
            _ => None,
        })
        .collect();
    for (kind, text) in quoted {
        error.insert(kind, ContextValue::String(text));
    }
    error
}

/// How many columns the terminal at standard output has.
pub(super) fn columns() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(80, |(columns, _)| columns.0.into())
}

/// Prints what clap has to say: an answer on standard output, an error on standard error.
pub(super) fn usage(error: clap::Error, environment: &dyn Environment) -> Exit {
    let error = sanitized(error);
    let is_terminal = if error.use_stderr() {
        io::stderr().is_terminal()
    } else {
        io::stdout().is_terminal()
    };
    let is_dumb = environment.var("TERM").is_none_or(|term| term == "dumb");
    let is_colored = is_terminal && !is_dumb && environment.var("NO_COLOR").is_none();
    let text = error.render().to_string();
    // Colors are for what needs no sanitizing.
    let is_clean = text.lines().all(|line| sanitize_line(line) == line);
    if error.use_stderr() && !is_clean {
        warn_lines(text.trim_end());
        return Exit::Usage;
    }
    let text = if is_colored {
        error.render().ansi().to_string()
    } else {
        text
    };
    if error.use_stderr() {
        stderr().log(text);
        Exit::Usage
    } else {
        stdout().result(text);
        Exit::Success
    }
}

/// What ended the wait for a reader of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// They are all written, or the stream is closed.
    All,
    /// The deadline came first.
    Late,
    /// A signal came first.
    Interrupted(Exit),
}

/// Waits until all results are written, but no longer than until the deadline or a signal.
pub(super) async fn results_taken(deadline: Option<Instant>, interrupts: &mut Interrupts) -> Taken {
    let late = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stdout().results_written() => Taken::All,
        exit = interrupts.next() => Taken::Interrupted(exit),
        () = late => {
            stdout().give_up_results();
            Taken::Late
        }
    }
}

/// Waits for a reader of the results that reads, and says whether it has taken them all.
pub(super) async fn flush_results() -> bool {
    stdout().flush(IDLE_TIMEOUT, FLUSH_TIMEOUT).await
}

/// Waits for readers that read, and gives up on those that don't.
pub(super) async fn flush() {
    tokio::join!(
        stdout().flush(IDLE_TIMEOUT, FLUSH_TIMEOUT),
        stderr().flush(IDLE_TIMEOUT, FLUSH_TIMEOUT)
    );
}
