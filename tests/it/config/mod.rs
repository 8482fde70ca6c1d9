//! The daemon's configuration file, read by the library.

mod errors;
mod hook_errors;
mod shipped;
mod store;
mod unit;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use dcs_wait::config::{Config, ConfigErrors};

/// What every file has to have.
const PROJECT: &str = "[[project]]\nname = \"main\"\n";

/// The file `/etc/dcs-wait/dcs-wait.toml` with this text.
fn parse(text: &str) -> Result<Config, ConfigErrors> {
    let path = Path::new("/etc/dcs-wait/dcs-wait.toml");
    Config::parse(path, text, &BTreeMap::new())
}

/// The file with a project and this text, which is right.
#[track_caller]
fn good(text: &str) -> Config {
    match parse(&format!("{PROJECT}{text}")) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

/// What is wrong with a file that has a project in its first two lines, and then this text without
/// its indentation.
#[track_caller]
fn errors(text: &str) -> String {
    let lines: Vec<&str> = text.lines().skip(1).map(str::trim_start).collect();
    let text = format!("{PROJECT}{}", lines.join("\n"));
    let errors = parse(&text).expect_err("it is refused");
    errors
        .to_string()
        .replace("/etc/dcs-wait/dcs-wait.toml", "dcs-wait.toml")
}
