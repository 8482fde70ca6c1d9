//! `dcs-wait check`: what is wrong with a configuration, without starting anything.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::args::{CheckArgs, Form};
use super::daemon::config_file;
use super::error::CliError;
use super::output;
use crate::clean::escape_json;
use crate::config::{Config, ConfigError, ConfigErrors, ProjectConfig};
use crate::environment::{Environment, ProcessEnvironment};
use crate::hooks::{self, Tools};
use crate::http::Connector;
use crate::model::Exit;
use crate::secret::read_secret_file;

pub(super) async fn run(
    args: CheckArgs,
    environment: Arc<dyn Environment>,
) -> Result<Exit, CliError> {
    let path = config_file(args.config, environment.as_ref());
    let checked = check(&path, environment.as_ref());
    match (&checked, args.form) {
        (Ok(config), Form::Text) => output::print(&summary(&path, config)),
        (Err(errors), Form::Text) => {
            for line in errors.lines() {
                output::complain(&CliError::usage(line), environment.as_ref());
            }
        }
        (_, Form::Json) => output::print(&escape_json(&as_json(&path, &checked).to_string())),
    }
    Ok(if checked.is_ok() {
        Exit::Success
    } else {
        Exit::Usage
    })
}

/// The configuration, with all that it names there to be used.
fn check(path: &Path, environment: &dyn Environment) -> Result<Config, ConfigErrors> {
    let config = Config::load(path, environment)?;
    let mut faults: Vec<String> = config.projects.iter().flat_map(of_project).collect();
    if let Some(token) = &config.http.token_file
        && let Err(why) = read_secret_file(token)
    {
        faults.push(format!("http.token_file: {why}"));
    }
    let tools = Tools {
        // No hook gets to ask for the end.
        exits: unbounded_channel().0,
        variables: ProcessEnvironment::inherited(),
    };
    let made = config.hooks.iter().map(|spec| hooks::make(spec, &tools));
    faults.extend(made.filter_map(|made| made.err().map(|why| why.to_string())));
    if faults.is_empty() {
        return Ok(config);
    }
    let errors = faults.into_iter().map(ConfigError::without_place);
    Err(ConfigErrors::new(path, errors.collect()))
}

/// What is wrong with the files that a project names.
fn of_project(project: &ProjectConfig) -> Vec<String> {
    let given = &project.credential;
    let secrets = [
        &given.ak_file,
        &given.sk_file,
        &given.security_token_file,
        &given.auth_token_file,
    ];
    let secrets = secrets.into_iter().flatten();
    let mut faults: Vec<String> = secrets
        .filter_map(|file| read_secret_file(file).err())
        .map(|why| why.to_string())
        .collect();
    let connector = Connector {
        ca_file: project.ca_file.clone(),
    };
    if project.ca_file.is_some()
        && let Err(why) = connector.check()
    {
        faults.push(why.to_string());
    }
    let of = |why| format!("project {}: {why}", project.name);
    faults.into_iter().map(of).collect()
}

fn summary(path: &Path, config: &Config) -> String {
    format!(
        "{}: ok: {}, {}, {}",
        path.display(),
        counted(config.projects.len(), "project", "projects"),
        counted(config.hooks.len(), "hook", "hooks"),
        counted(config.watches.len(), "watch", "watches"),
    )
}

fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn as_json(path: &Path, checked: &Result<Config, ConfigErrors>) -> Value {
    let errors = match checked {
        Ok(_) => &[],
        Err(errors) => errors.errors(),
    };
    let error = |error: &ConfigError| {
        json!({
            "line": error.place.map(|place| place.line),
            "column": error.place.map(|place| place.column),
            "key": error.key,
            "message": error.message,
        })
    };
    let count = |number: fn(&Config) -> usize| checked.as_ref().ok().map(number);
    json!({
        "file": path.display().to_string(),
        "ok": checked.is_ok(),
        "projects": count(|config| config.projects.len()),
        "hooks": count(|config| config.hooks.len()),
        "watches": count(|config| config.watches.len()),
        "errors": errors.iter().map(error).collect::<Vec<_>>(),
    })
}
