//! `dcs-wait check`: what is wrong with a configuration, without starting anything.

mod online;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::args::{CheckArgs, Form};
use super::daemon::config_file;
use super::error::CliError;
use super::output;
use crate::config::{Config, ConfigError, ConfigErrors, PostgresConfig, ProjectConfig, StorePlace};
use crate::environment::{Environment, ProcessEnvironment};
use crate::hooks::{self, Tools};
use crate::http::Connector;
use crate::model::Exit;
use crate::sanitize::{escape_json, sanitize_message};
use crate::secret::read_secret_file;
use online::{Asked, Opening};

pub(super) async fn run(
    args: CheckArgs,
    environment: Arc<dyn Environment>,
) -> Result<Exit, CliError> {
    let path = config_file(args.config, environment.as_ref());
    let checked = check(&path, environment.as_ref());
    let (asked, store) = match &checked {
        Ok(config) if args.online => (
            Some(online::ask(config, &environment).await),
            online::open(&config.store.place).await,
        ),
        _ => (None, None),
    };
    let store = store.as_ref();
    match args.form {
        Form::Text => {
            print_text(&path, &checked, asked.as_deref(), environment.as_ref()).await;
            print_store(store, environment.as_ref()).await;
        }
        Form::Json => {
            let json = as_json(&path, &checked, asked.as_deref(), store);
            output::print(&escape_json(&json.to_string())).await;
        }
    }
    Ok(exit(&checked, asked.as_deref(), store))
}

/// A refused credential counts for more than anything else that a project lacks. That waiting may
/// help is only said where nothing else is wrong.
fn exit(
    checked: &Result<Config, ConfigErrors>,
    asked: Option<&[Asked]>,
    store: Option<&Opening>,
) -> Exit {
    let projects = asked.unwrap_or_default();
    let mut failures = projects
        .iter()
        .filter_map(|asked| asked.result.as_ref().err());
    match (checked, failures.clone().next()) {
        (Ok(_), None) => match store {
            Some(Err(error)) => error.exit,
            _ => Exit::Success,
        },
        _ if failures.any(|error| error.exit == Exit::Denied) => Exit::Denied,
        _ => Exit::Usage,
    }
}

async fn print_text(
    path: &Path,
    checked: &Result<Config, ConfigErrors>,
    asked: Option<&[Asked]>,
    environment: &dyn Environment,
) {
    match checked {
        Ok(config) => output::print(&summary(path, config)).await,
        Err(errors) => {
            for line in errors.lines() {
                output::complain(&CliError::usage(line), environment);
            }
        }
    }
    for Asked { project, result } in asked.unwrap_or_default() {
        match result {
            Ok(()) => {
                output::print(&format!("project {project}: ok: the credential works")).await;
            }
            Err(error) => {
                let message = format!("project {project}: {}", error.message);
                output::complain(&CliError::usage(message), environment);
            }
        }
    }
}

async fn print_store(store: Option<&Opening>, environment: &dyn Environment) {
    match store {
        None => {}
        Some(Ok(())) => output::print("store: ok: the database can be used").await,
        Some(Err(error)) => {
            let message = format!("store: {}", error.message);
            output::complain(&CliError::usage(message), environment);
        }
    }
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
    if let StorePlace::Postgres(postgres) = &config.store.place {
        faults.extend(of_store(postgres));
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

/// What is wrong with the files that a database needs.
fn of_store(postgres: &PostgresConfig) -> Option<String> {
    let plan = match postgres.plan() {
        Ok(plan) => plan,
        Err(why) => return Some(format!("store.password_file: {why}")),
    };
    let connector = Connector {
        ca_file: Some(plan.roots()?),
    };
    let why = connector.check().err()?;
    Some(format!("store.url: sslrootcert: {why}"))
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

fn as_json(
    path: &Path,
    checked: &Result<Config, ConfigErrors>,
    asked: Option<&[Asked]>,
    store: Option<&Opening>,
) -> Value {
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
    let project = |asked: &Asked| {
        let error = asked.result.as_ref().err();
        json!({
            "project": asked.project.as_str(),
            "ok": error.is_none(),
            "error": error.map(|error| sanitize_message(&error.message)),
        })
    };
    let count = |number: fn(&Config) -> usize| checked.as_ref().ok().map(number);
    json!({
        "file": path.display().to_string(),
        "ok": exit(checked, asked, store) == Exit::Success,
        "projects": count(|config| config.projects.len()),
        "hooks": count(|config| config.hooks.len()),
        "watches": count(|config| config.watches.len()),
        "errors": errors.iter().map(error).collect::<Vec<_>>(),
        "online": asked.map(|asked| asked.iter().map(project).collect::<Vec<_>>()),
        "store": store.map(|opening| {
            let error = opening.as_ref().err();
            json!({
                "ok": error.is_none(),
                "error": error.map(|error| sanitize_message(&error.message)),
            })
        }),
    })
}
