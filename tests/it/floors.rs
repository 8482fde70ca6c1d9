//! The floors hold: a folder of `src/` imports only from those above it.
//!
//! The sources are read as text. Comments and strings are dropped, and every path that begins with
//! `crate` or `super` is followed to the floor that it names, in `use` lines and anywhere else.

mod paths;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use paths::{Found, paths_of};
use tokens::Tokens;

/// The floors from top to bottom. Those of one line are peers, and may not import each other.
const FLOORS: [&[&str]; 16] = [
    &["sanitize"],
    &["decode", "model", "system_error"],
    &[
        "children",
        "clock",
        "environment",
        "forms",
        "output",
        "secret",
    ],
    &["http"],
    &["auth"],
    &["api"],
    &["connect"],
    &["poll"],
    &["store"],
    &["hooks"],
    &["engine"],
    &["report"],
    &["config"],
    &["sim"],
    &["daemon"],
    &["cli"],
];

/// What the order alone would permit, each from the first to the second.
const FORBIDDEN: [(&str, &str); 6] = [
    ("report", "engine"),
    ("daemon", "sim"),
    ("sim", "auth"),
    ("sim", "api"),
    ("sim", "poll"),
    ("sim", "engine"),
];

/// The floor that may use the `backoff` crate, in one file.
const BACKOFF_FLOOR: &str = "poll";

/// How deep a floor lies; the top one is 0.
fn depth(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|peers| peers.contains(&floor))
}

/// Why `from` may not import from `to`, where it may not.
fn objection(from: &str, to: &str) -> Option<String> {
    if from == to {
        return None;
    }
    let (Some(from_depth), Some(to_depth)) = (depth(from), depth(to)) else {
        return Some(format!("`{from}` or `{to}` is no floor"));
    };
    if to_depth >= from_depth {
        Some(format!("`{to}` isn't above `{from}`"))
    } else if FORBIDDEN.contains(&(from, to)) {
        Some(format!("`{from}` never imports `{to}`"))
    } else {
        None
    }
}

/// The module that a file holds: `poll/verdict.rs` is `poll::verdict`, `poll/mod.rs` is `poll`.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let mut module: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if ["mod", "lib"]
        .map(String::from)
        .contains(&module[module.len() - 1])
    {
        module.pop();
    }
    module
}

/// What is wrong with the imports of a file, a line each.
fn violations(file: &str, source: &str) -> Vec<String> {
    let tokens = Tokens::of(source);
    let module = module_of(Path::new(file));
    let paths = paths_of(&tokens, &module);
    let judge = |path: &Found| match file {
        "main.rs" => objection_to_main(path),
        "lib.rs" => None,
        _ => objection_to_path(&module[0], path),
    };
    paths
        .iter()
        .filter_map(|path| {
            let why = judge(path)?;
            Some(format!("src/{file}:{}: {path}: {why}", path.line))
        })
        .collect()
}

fn objection_to_path(floor: &str, path: &Found) -> Option<String> {
    if names_backoff(path) && floor != BACKOFF_FLOOR {
        return Some(format!("only `{BACKOFF_FLOOR}` uses the backoff crate"));
    }
    match path.absolute()?.first() {
        Some(to) => objection(floor, to),
        None => Some("it imports the whole crate; name the floor".to_owned()),
    }
}

fn objection_to_main(path: &Found) -> Option<String> {
    let library = ["dcs_wait", "std"].contains(&path.segments[0].as_str());
    (path.is_use && !library).then(|| "`main.rs` imports only the library".to_owned())
}

fn names_backoff(path: &Found) -> bool {
    path.segments[0] == "backoff"
}

fn uses_backoff(file: &str, source: &str) -> bool {
    let paths = paths_of(&Tokens::of(source), &module_of(Path::new(file)));
    paths.iter().any(names_backoff)
}

/// The modules that a file declares, in its order.
fn modules_declared(source: &str) -> Vec<String> {
    modules_before(&[";", "{"], source)
}

/// The modules whose names one of these follows: `;` where they have files of their own.
fn modules_before(ends: &[&str], source: &str) -> Vec<String> {
    Tokens::of(source)
        .windows(3)
        .filter(|words| words[0].is_word("mod") && ends.contains(&words[2].text.as_str()))
        .map(|words| words[1].text.clone())
        .collect()
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source, by its path below `src/`.
fn sources() -> Vec<(String, String)> {
    sources_below(&source_root())
}

fn sources_below(root: &Path) -> Vec<(String, String)> {
    let root = root.to_owned();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                found.push((name.to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_imports_only_from_those_above_it() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(file, source)| violations(file, source))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// A file that no other declares is never compiled, and its tests are never run.
#[test]
fn every_file_belongs_to_the_program_or_to_its_tests() {
    for root in ["src", "tests/it"] {
        let files = sources_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root));
        let mut declared: Vec<Vec<String>> = vec![vec![], vec!["main".to_owned()]];
        for (file, source) in &files {
            let mut parent = module_of(Path::new(file));
            parent.retain(|part| part != "main");
            for child in modules_before(&[";"], source) {
                declared.push([parent.clone(), vec![child]].concat());
            }
        }
        let orphans: Vec<&String> = files
            .iter()
            .map(|(file, _)| file)
            .filter(|file| !declared.contains(&module_of(Path::new(file))))
            .collect();
        assert!(orphans.is_empty(), "{root}: {orphans:?}");
    }
}

#[test]
fn exactly_one_file_uses_the_backoff_crate() {
    let files: Vec<String> = sources()
        .into_iter()
        .filter(|(file, source)| uses_backoff(file, source))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn the_library_declares_its_modules_in_the_order_of_the_floors() {
    let library = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    assert_eq!(modules_declared(&library), FLOORS.concat());

    let binary = fs::read_to_string(source_root().join("main.rs")).unwrap();
    assert!(
        modules_declared(&binary).is_empty(),
        "they belong into the library"
    );
}

#[test]
fn an_import_from_below_is_caught_in_every_spelling() {
    for source in [
        "use crate::cli::Command;",
        "use crate::{model::Job, cli};",
        "use crate::{model::{self, Job}, cli::{Command as C, *}};",
        "use {std::fmt, crate::cli::Command};",
        "pub(crate) use ::std::fmt; use super::super::cli;",
        "use super::{Schedule, super::cli::Command};",
        "fn f() { crate::cli::run(); }",
        "fn f(x: &'static crate::cli::Command) {}",
        "fn f() -> Vec<crate::cli::Command> { g('\"'); h(\"\\\"\") }",
        "mod tests { use super::super::super::cli; }",
        "mod tests { mod deep { fn f() {} } } use super::super::cli;",
        "macro_rules! m { () => { $crate::cli::run() } }",
        "macro_rules! m { () => { use $crate::{cli}; } }",
        "const A: &str = r#\"\"\"#; use crate::cli;",
        "use crate::r#cli::Command;",
        "/* /* */ */ use crate::cli;",
    ] {
        let found = violations("poll/verdict.rs", source);
        assert!(!found.is_empty(), "{source}");
        let why = "`cli` isn't above `poll`";
        assert!(found.iter().all(|line| line.ends_with(why)), "{found:?}");
    }
}

#[test]
fn what_is_permitted_passes() {
    for source in [
        "use crate::model::{Job, JobStatus}; use crate::poll::Schedule;",
        "use crate::{model, clock::Clock, poll::{self, Schedule}};",
        "use super::{Schedule, verdict}; use super::super::model; use self::inner::Thing;",
        "mod tests { use super::*; use super::super::*; }",
        "mod tests { fn f() { if true {} } } use super::Schedule;",
        "// use crate::cli;\n//! [`crate::cli`]\n/* crate::cli /* crate::cli */ crate::cli */",
        "const A: &str = \"crate::cli\"; const B: &[u8] = br##\"\"# crate::cli\"##;",
        "fn f<'a>(x: &'a str) -> char { '\\u{1b}' } const C: u8 = b'\"';",
        "pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::poll) fn h() {}",
        "use backoff::ExponentialBackoff;",
        "fn f<'a>(x: &'a str) -> impl Iterator<Item = u8> + use<'a> { x.bytes() }",
        "use other::cli; fn f() { other::crate_name::cli(); }",
    ] {
        let found = violations("poll/verdict.rs", source);
        assert!(found.is_empty(), "{source}: {found:?}");
    }
}

#[test]
fn a_violation_names_file_line_and_import() {
    let source = "//! Text.\n\nuse std::fmt;\nuse crate::{\n    model,\n    engine::Watcher,\n};\n";
    assert_eq!(
        violations("report/bars.rs", source),
        ["src/report/bars.rs:6: crate::engine::Watcher: `report` never imports `engine`"]
    );
}

#[test]
fn the_pairs_that_the_order_alone_would_permit_are_refused() {
    for (from, to) in FORBIDDEN {
        assert!(
            depth(to) < depth(from),
            "{from} and {to}: the order says so"
        );
        assert!(objection(from, to).is_some(), "{from} and {to}");
    }
}

#[test]
fn peers_import_only_from_above() {
    assert!(objection("clock", "secret").is_some());
    assert!(objection("secret", "environment").is_some());
    assert!(objection("environment", "model").is_none());
}

#[test]
fn nothing_but_the_commands_imports_the_simulator() {
    for floor in FLOORS.concat() {
        let permitted = ["sim", "cli"].contains(&floor);
        assert_eq!(objection(floor, "sim").is_none(), permitted, "{floor}");
    }
}

#[test]
fn a_folder_without_a_floor_and_the_whole_crate_are_refused() {
    assert_eq!(
        violations("poll/mod.rs", "use crate::cellar::Wine;").len(),
        1
    );
    assert_eq!(
        violations("cellar/mod.rs", "use crate::model::Job;").len(),
        1
    );
    assert_eq!(violations("poll/mod.rs", "use crate::*;").len(), 1);
    assert_eq!(violations("clock.rs", "use super::*;").len(), 1);
}

#[test]
fn backoff_is_seen_wherever_a_path_begins_with_it() {
    for source in [
        "use backoff::ExponentialBackoff;",
        "use backoff as b;",
        "use {std::fmt, backoff::backoff::Backoff};",
        "fn f() { ::backoff::ExponentialBackoff::default(); }",
    ] {
        assert!(uses_backoff("poll/schedule.rs", source), "{source}");
        assert_eq!(violations("engine/mod.rs", source).len(), 1, "{source}");
    }
    for source in [
        "fn f(backoff: Duration) -> Duration { backoff.min(MAX) }",
        "use super::backoff::Schedule; // backoff::ExponentialBackoff",
    ] {
        assert!(!uses_backoff("poll/schedule.rs", source), "{source}");
    }
}

#[test]
fn the_binary_imports_only_the_library() {
    assert!(violations("main.rs", "use std::process::ExitCode; use dcs_wait::cli;").is_empty());
    assert_eq!(
        violations("main.rs", "use tokio::runtime::Runtime;").len(),
        1
    );
    assert_eq!(
        violations("main.rs", "mod cli; use crate::cli::run;").len(),
        1
    );
}

#[test]
fn modules_are_declared_in_the_order_that_is_read() {
    let source = "//! mod cli\npub mod model;\npub mod clock;\n";
    assert_eq!(modules_declared(source), ["model", "clock"]);
}
