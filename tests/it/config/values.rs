//! What is read, and what it becomes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dcs_wait::config::{LogLevel, LogTarget};
use dcs_wait::hooks::{DEFAULT_ON, FileSpec, HookKind};
use dcs_wait::model::Outcome;

use super::good;

#[test]
fn a_file_with_a_project_alone_has_all_defaults() {
    let config = good("");
    assert_eq!(config.projects.len(), 1);
    assert_eq!(config.poll.timeout, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(config.poll.mending_grace, Duration::from_secs(900));
    assert_eq!(config.max_rps, 10.0);
    assert_eq!(
        config.store.path,
        Path::new("/var/lib/dcs-wait/dcs-wait.db")
    );
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
    assert!(config.hooks[0].by_default && !config.hooks[3].by_default);
    assert_eq!(config.hooks[3].concurrency, 2);
    assert_eq!(config.hooks[4].on, [Outcome::Failed]);
}
