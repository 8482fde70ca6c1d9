//! Standard output and standard error. A closed one ends nothing: the exit code still tells.

use std::io::{self, Write};

use super::error::CliError;
use super::is_answer;
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::error_command;

/// Prints a line of results.
pub(super) fn print(line: &str) {
    write_line(io::stdout().lock(), line);
}

/// Tells of an error, in GitHub Actions so that it is shown at the step.
pub(super) fn complain(error: &CliError, environment: &dyn Environment) {
    if environment.var("GITHUB_ACTIONS").is_some() {
        warn(&error_command(&error.to_string()));
    } else {
        warn(&format!("error: {error}"));
    }
}

/// Prints a line that is no result.
pub(super) fn warn(line: &str) {
    write_line(io::stderr().lock(), line);
}

fn write_line(mut to: impl Write, line: &str) {
    // Where nobody reads, nobody misses it.
    drop(writeln!(to, "{line}").and_then(|()| to.flush()));
}

/// Prints what clap has to say: an answer on standard output, an error on standard error.
pub(super) fn usage(error: &clap::Error) -> Exit {
    drop(error.print());
    if is_answer(error.kind()) {
        Exit::Success
    } else {
        Exit::Usage
    }
}
