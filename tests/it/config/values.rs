//! What is read, and what it becomes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dcs_wait::config::{Config, LogLevel, LogTarget};
use dcs_wait::hooks::{DEFAULT_ON, FileSpec, HookKind};
use dcs_wait::model::Outcome;
use dcs_wait::poll::{DelayPerRequest, ScheduleSpec};

use super::{PROJECT, good, parse};

#[test]
fn a_file_with_a_project_alone_has_all_defaults() {
    let config = good("");
    assert_eq!(config.projects.len(), 1);
    assert_eq!(config.poll.timeout, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(config.poll.mending_grace, Duration::from_secs(900));
    assert_eq!(config.limits.max_rps, 10.0);
    assert_eq!(config.limits.max_in_flight, 64);
    assert_eq!(config.http.socket, Path::new("/run/dcs-wait/control.sock"));
    assert_eq!(config.daemon.log, LogTarget::Auto);
    assert_eq!(config.daemon.log_level, LogLevel::Info);
    assert!(config.hooks.is_empty() && config.watches.is_empty());
}

#[test]
fn hooks_of_all_kinds_are_read() {
    let config = good(
        r#"
        [[hook]]
        name = "ci"
        type = "webhook"
        url = "https://ci.example.com/hook?job=1"
        secrets = ["new", "/run/old"]
        headers = { X-Team = "data" }
        header_files = { Authorization = "token" }
        timeout = "20s"

        [[hook]]
        name = "results"
        type = "file"
        directory = "/srv/results"

        [[hook]]
        name = "log"
        type = "file"
        append = "log.jsonl"

        [[hook]]
        name = "notify"
        type = "exec"
        argv = ["bin/notify", "--quiet"]
        default = false
        concurrency = 2

        [[hook]]
        name = "end"
        type = "exit"
        on = ["failed", "failed"]
        codes = { failed = 9 }
        "#,
    );
    let kinds: Vec<&HookKind> = config.hooks.iter().map(|hook| &hook.kind).collect();
    let [
        HookKind::Webhook(webhook),
        HookKind::File(file),
        HookKind::File(log),
        HookKind::Exec(exec),
        HookKind::Exit(exit),
    ] = kinds.as_slice()
    else {
        panic!("{kinds:?}");
    };
    assert_eq!(
        webhook.secret_files,
        [PathBuf::from("/etc/dcs-wait/new"), "/run/old".into()]
    );
    assert_eq!(webhook.headers[0].0, "x-team");
    assert_eq!(webhook.header_files[0].1, Path::new("/etc/dcs-wait/token"));
    assert_eq!(webhook.timeout, Duration::from_secs(20));
    let name = "{job_id}.json".to_owned();
    let directory = "/srv/results".into();
    assert_eq!(*file, FileSpec::Replace { directory, name });
    let path = "/etc/dcs-wait/log.jsonl".into();
    assert_eq!(*log, FileSpec::Append { path });
    assert_eq!(exec.argv, ["/etc/dcs-wait/bin/notify", "--quiet"]);
    assert_eq!(exit.codes, [(Outcome::Failed, 9)]);

    assert_eq!(config.hooks[0].on, DEFAULT_ON);
    let by_default: Vec<bool> = config.hooks.iter().map(|hook| hook.by_default).collect();
    assert_eq!(by_default, [true, true, true, false, false]);
    assert_eq!(config.hooks[3].concurrency, 2);
    assert_eq!(config.hooks[4].on, [Outcome::Failed]);
}

#[test]
fn numbers_are_read_in_all_their_spellings() {
    let config = good("[http]\nmax_connections = 1_000\n[limits]\nmax_rps = 1_0.5e0\n");
    assert_eq!(config.http.max_connections, 1000);
    assert_eq!(config.limits.max_rps, 10.5);
    let config = good("[http]\nmax_connections = 0x10\n[limits]\nmax_rps = +10\n");
    assert_eq!(config.http.max_connections, 16);
    assert_eq!(config.limits.max_rps, 10.0);
}

#[test]
fn a_file_from_another_system_is_read() {
    let text = format!("\u{feff}{PROJECT}[poll]\njitter = 0\n").replace('\n', "\r\n");
    assert!(parse(&text).is_ok());
}

#[test]
fn a_limit_can_be_off_where_it_is_one() {
    let text = "[poll]\ntimeout = \"none\"\n[[watch]]\njob_id = \"a\"\ntimeout = \"none\"\n";
    let config = good(text);
    assert_eq!(config.poll.timeout, None);
    assert_eq!(config.watches[0].timeout, Some(None));
}

#[test]
fn a_watch_of_the_only_project_is_of_that_project() {
    let config = good("[[watch]]\njob_id = \"a\"\nhooks = []\n");
    let watch = &config.watches[0];
    assert_eq!(watch.project.as_ref().unwrap().as_str(), "main");
    assert_eq!(watch.hooks, Some(Vec::new()));
    assert_eq!(watch.timeout, None);
}

#[test]
fn a_credential_of_systemd_begins_a_path() {
    let environment = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), "/run/x".to_owned())]);
    let text = format!("{PROJECT}auth_token_file = \"${{CREDENTIALS_DIRECTORY}}/token\"\n");
    let config = Config::parse(Path::new("c.toml"), &text, &environment).unwrap();
    let file = config.projects[0].credential.auth_token_file.as_deref();
    assert_eq!(file, Some(Path::new("/run/x/token")));
}

/// The schedule of a file whose `[poll]` has these lines.
#[track_caller]
fn schedule(lines: &str) -> ScheduleSpec {
    good(&format!("[poll]\n{lines}\n")).poll.schedule
}

fn learned(delay: Duration) -> ScheduleSpec {
    ScheduleSpec::Learned(DelayPerRequest::try_from(delay).unwrap())
}

#[test]
fn jobs_are_asked_for_by_the_learned_schedule_unless_the_file_says_otherwise() {
    let usual = learned(Duration::from_millis(500));
    assert_eq!(good("").poll.schedule, usual);
    assert_eq!(schedule(r#"schedule = "learned""#), usual);
    assert_eq!(
        schedule(r#"schedule = "exponential""#),
        ScheduleSpec::Exponential
    );
    for (text, delay) in [
        ("10ms", DelayPerRequest::MIN),
        ("2s", Duration::from_secs(2)),
        ("1h", DelayPerRequest::MAX),
    ] {
        let line = format!("delay_per_request = {text:?}");
        assert_eq!(schedule(&line), learned(delay));
    }
}

#[test]
fn a_file_that_says_only_how_intervals_grow_keeps_the_exponential_schedule() {
    for line in [
        r#"initial_interval = "2s""#,
        r#"max_interval = "1m""#,
        "multiplier = 2",
        "jitter = 0",
    ] {
        assert_eq!(schedule(line), ScheduleSpec::Exponential, "{line}");
        let named = format!("schedule = \"learned\"\n{line}");
        assert_eq!(schedule(&named), learned(Duration::from_millis(500)));
    }
    let poll = good("[poll]\nschedule = \"learned\"\ninitial_interval = \"2s\"\n").poll;
    assert_ne!(poll.backoff, good("").poll.backoff, "that after errors");
}

#[test]
fn a_file_that_names_its_schedule_may_say_what_the_other_needs() {
    let both = "delay_per_request = \"2s\"\ninitial_interval = \"2s\"\n";
    let named = |name| schedule(&format!("schedule = {name:?}\n{both}"));
    assert_eq!(named("learned"), learned(Duration::from_secs(2)));
    assert_eq!(named("exponential"), ScheduleSpec::Exponential);
}
