//! `dcs-wait history`: how long jobs took, by their type.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::bars::bars;
use super::content::Entry;
use super::file::HistoryFile;
use super::{NoAnswer, answer, late};
use crate::cli::args::{Form, HistoryArgs};
use crate::cli::control::Daemon;
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::table::table;
use crate::daemon::http::shapes::{JobTypeShape, JobTypesShape};
use crate::environment::Environment;
use crate::model::Exit;
use crate::report::{duration, json, sanitize_message};
use crate::sanitize::{WORD, sanitize};

pub(in crate::cli) async fn run(
    args: HistoryArgs,
    environment: &dyn Environment,
) -> Result<Exit, CliError> {
    let control = &args.control;
    let asks_daemon = args.daemon
        || control.socket.is_some()
        || control.url.is_some()
        || control.token_file.is_some();
    let (types, nothing) = if asks_daemon {
        of_daemon(&Daemon::of(control, environment)?).await?
    } else {
        own(environment).await?
    };
    if types.is_empty() {
        output::warn(&sanitize_message(&nothing));
    }
    match args.form.form {
        Form::Json => output::print_all(types.iter().map(json)).await,
        Form::Text => {
            let columns = io::stdout().is_terminal().then(output::columns);
            output::print_all(lines(&types, columns.unwrap_or(usize::MAX))).await;
        }
    }
    Ok(Exit::Success)
}

/// The daemon's types, and what is to be said where there are none.
async fn of_daemon(daemon: &Daemon) -> Result<(Vec<JobTypeShape>, String), CliError> {
    let answer: JobTypesShape = daemon.get("v1/job-types", &[]).await?;
    let nothing = format!(
        "the daemon at {} doesn't know yet how long jobs take; it learns that from every watched job that ends",
        daemon.place()
    );
    Ok((answer.job_types, nothing))
}

/// This user's own types, and what is to be said where there are none.
async fn own(environment: &dyn Environment) -> Result<(Vec<JobTypeShape>, String), CliError> {
    let Some(file) = HistoryFile::of(environment) else {
        let nothing = "there is no place for a history; set HOME, or XDG_STATE_HOME to a folder";
        return Ok((Vec::new(), nothing.to_owned()));
    };
    let path = file.path();
    let content = match answer(move || file.read()).await {
        Ok(Ok(content)) => content,
        Ok(Err(error)) => {
            let why = format!("{error}; remove it, and a new one will be begun");
            return Err(CliError::usage(why));
        }
        Err(NoAnswer::Late) => return Err(CliError::usage(late(&path))),
        Err(NoAnswer::Panicked) => return Err(CliError::internal("reading the history failed")),
    };
    let nothing = format!(
        "nothing is known yet of how long jobs take; dcs-wait JOB_ID notes it in {} for every job that it sees end",
        path.display()
    );
    Ok((content.sorted().iter().filter_map(shape).collect(), nothing))
}

fn shape(entry: &Entry) -> Option<JobTypeShape> {
    JobTypeShape::new(entry.project.as_str(), &entry.job_type, &entry.durations())
}

/// A table for each project, below its name where there are several.
fn lines(types: &[JobTypeShape], columns: usize) -> Vec<String> {
    let projects: Vec<&[JobTypeShape]> = types
        .chunk_by(|one, next| one.project == next.project)
        .collect();
    let mut lines = Vec::new();
    for types in &projects {
        if let ([_, _, ..], [first, ..]) = (projects.as_slice(), types) {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("project {}", sanitize(&first.project, WORD)));
        }
        lines.extend(of_project(types, columns));
    }
    lines
}

/// The bars are left out where the terminal is too narrow for them.
fn of_project(types: &[JobTypeShape], columns: usize) -> Vec<String> {
    let shown = |millis: u64| duration(Duration::from_millis(millis));
    let shortest = |one: &JobTypeShape| one.durations_ms.iter().min().map(|&one| shown(one));
    let widths = types.iter().filter_map(shortest).map(|text| text.len());
    let width = widths.max().unwrap_or(0);
    let durations = |one: &JobTypeShape| {
        let (bars, shortest) = (bars(&one.durations_ms), shortest(one).unwrap_or_default());
        let longest = one.durations_ms.iter().max().map(|&one| shown(one));
        let longest = longest.filter(|longest| *longest != shortest);
        let longest = longest.unwrap_or_default();
        format!("{shortest:>width$} {bars} {longest}")
            .trim_end()
            .to_owned()
    };
    let row = |one: &JobTypeShape| {
        [
            format!("{:.WORD$}", one.job_type),
            one.count.to_string(),
            shown(one.median_ms),
            shown(one.p90_ms),
            durations(one),
        ]
    };
    let rows: Vec<[String; 5]> = types.iter().map(row).collect();
    let lines = table(["TYPE", "JOBS", "MEDIAN", "P90", "DURATIONS"], &rows);
    if lines.iter().all(|line| line.chars().count() <= columns) {
        return lines;
    }
    let rows: Vec<[String; 4]> = rows
        .into_iter()
        .map(|[job_type, jobs, median, p90, _]| [job_type, jobs, median, p90])
        .collect();
    table(["TYPE", "JOBS", "MEDIAN", "P90"], &rows)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn one(project: &str, job_type: &str, durations_ms: &[u64]) -> JobTypeShape {
        let mut sorted = durations_ms.to_vec();
        sorted.sort_unstable();
        JobTypeShape {
            project: project.to_owned(),
            job_type: job_type.into(),
            count: sorted.len() as u32,
            median_ms: sorted[(sorted.len() - 1) / 2],
            p90_ms: sorted[sorted.len() * 9 / 10],
            durations_ms: durations_ms.to_vec(),
        }
    }

    fn two() -> [JobTypeShape; 2] {
        let swaps = [2400, 2869, 3011, 2900, 2950, 3300, 4100, 1800, 2700];
        [
            one("main", "masterStandbySwapJob", &swaps),
            one("main", "extendDCSInstance", &[1_230_000]),
        ]
    }

    #[test]
    fn a_type_is_a_line_with_its_durations_between_the_shortest_and_the_longest() {
        assert_snapshot!(lines(&two(), 80).join("\n"), @"
        TYPE                  JOBS  MEDIAN  P90     DURATIONS
        masterStandbySwapJob  9     2.9s    4.1s      1.8s ▄   ▄▄██▄  ▄ 4.1s
        extendDCSInstance     1     20m30s  20m30s  20m30s █
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_no_bars() {
        assert_snapshot!(lines(&two(), 50).join("\n"), @"
        TYPE                  JOBS  MEDIAN  P90
        masterStandbySwapJob  9     2.9s    4.1s
        extendDCSInstance     1     20m30s  20m30s
        ");
    }

    #[test]
    fn several_projects_are_told_apart() {
        let types = [
            one("a", "backup", &[1000]),
            one("b\u{1b}[2J", "x\u{7}y", &[0, 0]),
        ];
        assert_snapshot!(lines(&types, 80).join("\n"), @"
        project a
        TYPE    JOBS  MEDIAN  P90  DURATIONS
        backup  1     1s      1s   1s █

        project b�[2J
        TYPE  JOBS  MEDIAN  P90  DURATIONS
        x�y   2     0s      0s   0s █
        ");
    }
}
