//! The jobs to wait for, from the arguments and from standard input.

use std::borrow::Cow;

use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::error::CliError;
use crate::decode::{bytes_without_bom, json};
use crate::model::JobId;

/// The most that is read from standard input, in bytes.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// The commands. After an option or a job, the parser takes their names for job IDs.
const COMMANDS: [&str; 9] = [
    "daemon",
    "check",
    "watch",
    "delivery",
    "history",
    "credentials",
    "simulate",
    "demo",
    "help",
];

/// What standard input should hold.
const EXPECTED: &str = "give job IDs, one a line, or JSON with job_id members";

/// The jobs that `arguments` name, each once, in their order. `-` stands for standard input.
pub(super) async fn read(arguments: &[String]) -> Result<Vec<JobId>, CliError> {
    let mut jobs = Vec::new();
    let mut has_read_input = false;
    for argument in arguments {
        if argument == "-" {
            if !std::mem::replace(&mut has_read_input, true) {
                jobs.extend(of_input(&read_input().await?)?);
            }
        } else if COMMANDS.contains(&argument.as_str()) {
            return Err(CliError::usage(format!(
                "{argument:?} is a command, not a job, and has to come first: dcs-wait {argument} [OPTIONS]"
            )));
        } else {
            jobs.push(parse(argument, "")?);
        }
    }
    if jobs.is_empty() {
        return Err(CliError::usage(
            "no job to wait for; give a job ID, as the operation that started the job answered it (see --help)",
        ));
    }
    let mut seen = std::collections::HashSet::new();
    jobs.retain(|job| seen.insert(job.clone()));
    Ok(jobs)
}

async fn read_input() -> Result<Vec<u8>, CliError> {
    let mut input = Vec::new();
    tokio::io::stdin()
        .take(MAX_INPUT + 1)
        .read_to_end(&mut input)
        .await
        .map_err(|error| CliError::usage(format!("can't read standard input: {error}")))?;
    if input.len() as u64 > MAX_INPUT {
        return Err(CliError::usage(
            "standard input has more than 16 MiB; give the job IDs alone, one a line",
        ));
    }
    Ok(input)
}

/// How a text begins, in quotes: what ends up in a pipe by mistake is mostly an error's message.
fn beginning(input: &str) -> String {
    match input.trim() {
        "" => "nothing".to_owned(),
        text => format!("{:?}", text.chars().take(200).collect::<String>()),
    }
}

/// The jobs that an input names: JSON with `job_id` members, or an ID a line.
fn of_input(input: &[u8]) -> Result<Vec<JobId>, CliError> {
    // Some shells begin what they pipe with a byte order mark.
    let input = bytes_without_bom(input);
    let text = String::from_utf8_lossy(input);
    let jobs = match text.trim_start().chars().next() {
        Some('{' | '[') => of_json(&text, input)?,
        _ if matches!(text, Cow::Owned(_)) => {
            return Err(CliError::usage(format!(
                "standard input is no UTF-8 text; {EXPECTED}"
            )));
        }
        _ => of_lines(&text)?,
    };
    if jobs.is_empty() {
        return Err(CliError::usage(format!(
            "standard input names no job; it says {}; {EXPECTED}",
            beginning(&text)
        )));
    }
    Ok(jobs)
}

fn of_lines(input: &str) -> Result<Vec<JobId>, CliError> {
    input
        .lines()
        .enumerate()
        .map(|(index, line)| (index, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            parse(
                unquoted(line),
                &format!(" in line {} of standard input", index + 1),
            )
        })
        .collect()
}

/// One JSON value or several, one after the other.
fn of_json(text: &str, input: &[u8]) -> Result<Vec<JobId>, CliError> {
    let values = match values(text) {
        Ok(values) if std::str::from_utf8(input).is_ok() => values,
        first => {
            let repaired = json::repaired_values(input);
            let values = repaired.map_or(first, |json| values(&json));
            values.map_err(|error| {
                CliError::usage(format!(
                    "standard input begins like JSON and isn't ({error}); it says {}; {EXPECTED}",
                    beginning(text)
                ))
            })?
        }
    };
    let mut found = Vec::new();
    for value in &values {
        collect(value, &mut found)?;
    }
    found
        .iter()
        .map(|id| parse(id, " in a job_id of standard input"))
        .collect()
}

fn values(text: &str) -> serde_json::Result<Vec<Value>> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect()
}

fn collect(value: &Value, found: &mut Vec<String>) -> Result<(), CliError> {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(id) if name == "job_id" => found.push(id.clone()),
                    // An operation that began no job: to pass it over would be to vouch for it.
                    Value::Null | Value::Bool(_) | Value::Number(_) if name == "job_id" => {
                        return Err(CliError::usage(format!(
                            "a job_id of standard input is {member}, and no text: an operation that began no job has none to wait for; give only those of jobs"
                        )));
                    }
                    other => collect(other, found)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, found)),
        _ => Ok(()),
    }
}

fn parse(text: &str, place: &str) -> Result<JobId, CliError> {
    text.parse().map_err(|why| {
        let shown: String = text.chars().take(80).collect();
        CliError::usage(format!(
            "{shown:?}{place} is no job ID: {why}; give the job_id that the operation answered"
        ))
    })
}

/// As `jq .job_id` prints an ID.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(input: &str) -> Vec<String> {
        let jobs = of_input(input.as_bytes()).unwrap();
        jobs.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ids_are_read_line_by_line() {
        assert_eq!(ids("a1\n\n  b2 \r\n\"c3\"\n"), ["a1", "b2", "c3"]);
    }

    #[test]
    fn ids_are_found_anywhere_in_json() {
        assert_eq!(ids(r#"{"job_id":"a1"}"#), ["a1"]);
        assert_eq!(
            ids(r#"[{"job_id":"a1","x":{"job_id":"b2"}},{"jobs":[{"job_id":"c3"}]}]"#),
            ["a1", "b2", "c3"]
        );
        assert_eq!(
            ids("{\"job_id\":\"a1\"}\n{\"job_id\":\"b2\"}\n"),
            ["a1", "b2"]
        );
    }

    #[test]
    fn input_that_names_no_job_is_an_error_that_says_what_is_expected() {
        for input in ["", "\n\n", "{}", r#"{"error_code":"DCS.4000"}"#, "[1, 2]"] {
            let message = of_input(input.as_bytes()).unwrap_err().to_string();
            assert!(message.contains("one a line"), "{input}: {message}");
        }
    }

    #[test]
    fn broken_input_is_an_error_that_says_where() {
        let message = of_input(b"a1\nb/2\n").unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
        let message = of_input(b"{\"job_id\":").unwrap_err().to_string();
        assert!(message.contains("line 1"), "{message}");
        let message = of_input(br#"{"job_id":"../x"}"#).unwrap_err().to_string();
        assert!(message.contains("\"../x\""), "{message}");
    }

    #[tokio::test]
    async fn a_job_that_is_named_twice_is_waited_for_once() {
        let arguments = ["b", "a", "b"].map(str::to_owned);
        let jobs = read(&arguments).await.unwrap();
        assert_eq!(jobs, ["b", "a"].map(|id| id.parse().unwrap()));
    }
}
