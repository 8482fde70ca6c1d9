//! Standard output and standard error. A closed one ends nothing: the exit code still tells.

use std::io::{self, ErrorKind, Write};

use clap::error::{ContextKind, ContextValue};

use super::error::CliError;
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::{error_command, sanitize_message};
use crate::sanitize::sanitize_line;

/// Prints a line of results. Where nobody reads, nobody misses it; any other failure is told.
pub(super) fn print(line: &str) {
    print_while_read(line);
}

/// Prints a line of results, and says whether somebody may read on.
pub(super) fn print_while_read(line: &str) -> bool {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", sanitize_line(line)).and_then(|()| stdout.flush()) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            warn(&format!("can't write to standard output: {error}"));
            true
        }
    }
}

/// Tells of an error, in GitHub Actions so that it is shown at the step.
pub(super) fn complain(error: &CliError, environment: &dyn Environment) {
    let message = sanitize_message(&error.to_string());
    if environment.flag("GITHUB_ACTIONS") {
        warn(&error_command(&message));
    } else {
        warn(&format!("error: {message}"));
    }
}

/// Prints a line that is no result.
pub(super) fn warn(line: &str) {
    // There is nowhere left to tell of a failure.
    drop(writeln!(io::stderr().lock(), "{}", sanitize_line(line)));
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
pub(super) fn usage(error: clap::Error) -> Exit {
    let error = sanitized(error);
    let text = error.render().to_string();
    // Colors are for what needs no sanitizing.
    if error.use_stderr() && text.lines().any(|line| sanitize_line(line) != line) {
        warn_lines(text.trim_end());
    } else {
        drop(error.print());
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Success
    }
}
