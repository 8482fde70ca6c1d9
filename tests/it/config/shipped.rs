//! The file that is shipped: complete, and true to the defaults.

use std::collections::BTreeMap;
use std::path::Path;

use dcs_wait::config::{Config, StorePlace};

use super::{PROJECT, good, parse};

const SHIPPED: &str = include_str!("../../../config/dcs-wait.toml");

/// The keys of examples that have a default.
const WITH_DEFAULT: [&str; 5] = ["on", "default", "concurrency", "file_name", "timeout"];

/// The file with all examples taken for true, save for the lines that this refuses.
fn with_examples(keep: impl Fn(&str) -> bool) -> String {
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if example.starts_with(char::is_alphabetic) || example.starts_with('[') => {
            example
        }
        _ => line,
    });
    let lines: Vec<&str> = lines.filter(|line| keep(line)).collect();
    lines.join("\n")
}

/// The key in a line, where it has one.
fn key(line: &str) -> &str {
    line.split_once(" = ").map_or("", |(key, _)| key)
}

/// Whether the line is one of those that a store in PostgreSQL has.
fn is_for_postgres(line: &str) -> bool {
    line.starts_with("url = \"postgres:")
        || ["password_file", "instance", "lease"].contains(&key(line))
}

#[track_caller]
fn parse_with_credentials(text: &str) -> Config {
    let environment = BTreeMap::from([(
        "CREDENTIALS_DIRECTORY".to_owned(),
        "/run/credentials/dcs-wait.service".to_owned(),
    )]);
    let path = Path::new("/etc/dcs-wait/dcs-wait.toml");
    match Config::parse(path, text, &environment) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn the_shipped_file_says_what_holds_without_it() {
    assert_eq!(parse(SHIPPED).unwrap(), good(""));
    assert!(SHIPPED.contains(PROJECT.lines().next().unwrap()));
}

#[test]
fn every_example_can_be_taken_as_it_is() {
    // A project has either kind of credential, a store either kind of place, and a file hook either
    // kind of file.
    for (one, other) in [("append", "auth_token_file"), ("directory", "ak_file")] {
        let is_left = |line: &str| {
            let key = key(line);
            let is_elsewhere = match other {
                "ak_file" => is_for_postgres(line),
                _ => key == "path",
            };
            let of_other = match other {
                "ak_file" => ["ak_file", "sk_file", "security_token_file"].contains(&key),
                other => key == other,
            };
            let of_one = key == one || (one == "directory" && key == "file_name");
            !of_one && !of_other && !is_elsewhere
        };
        let config = parse_with_credentials(&with_examples(is_left));
        assert_eq!(config.hooks.len(), 4);
        assert_eq!(config.watches.len(), 1);
        assert!(config.http.listen.is_some());
        let is_shared = matches!(config.store.place, StorePlace::Postgres(_));
        assert_eq!(is_shared, other == "auth_token_file");
        assert!(config.projects[0].region.is_some());
    }
}

#[test]
fn the_defaults_that_the_examples_show_are_those_that_hold() {
    let is_example = |line: &str| ["append", "auth_token_file", "path"].contains(&key(line));
    // The time-out of a watch is an example; the rest comes before it.
    let all = with_examples(|line| !is_example(line));
    let (all, _) = all.split_once("[[watch]]").unwrap();
    let mut in_hooks = false;
    let lines: Vec<&str> = all
        .lines()
        .filter(|line| {
            in_hooks |= *line == "[[hook]]";
            !(in_hooks && WITH_DEFAULT.contains(&key(line)) || key(line) == "lease")
        })
        .collect();
    assert_eq!(lines.len() + 16, all.lines().count());
    assert_eq!(
        parse_with_credentials(&lines.join("\n")),
        parse_with_credentials(all)
    );
}

#[test]
fn whatever_is_wrong_with_a_line_is_told_with_a_place_in_the_file() {
    let text = with_examples(|_| true);
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        for instead in ["", "x = 1", "[x", "[[poll]]", "= 1", "name = [1, {a = 2}]"] {
            let mut spoilt = lines.clone();
            spoilt[index] = instead;
            // With both kinds of credentials and files, none of these is right.
            let errors = parse(&spoilt.join("\n")).unwrap_err();
            for error in errors.errors() {
                // What is missing altogether is nowhere.
                let is_placed = error
                    .place
                    .is_some_and(|place| (1..=lines.len() + 1).contains(&place.line));
                assert!(
                    is_placed || error.key.as_deref() == Some("project"),
                    "{errors}"
                );
            }
        }
    }
}
