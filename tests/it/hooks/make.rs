//! What can never be delivered is refused when the hook is made.

use std::path::PathBuf;
use std::time::Duration;

use dcs_wait::hooks::{ExecSpec, FileSpec, HookKind, WebhookSpec};

use super::harness::{private, refusal};

fn webhook(url: &str) -> WebhookSpec {
    WebhookSpec {
        url: url.parse().unwrap(),
        secret_files: Vec::new(),
        headers: Vec::new(),
        header_files: Vec::new(),
        ca_file: None,
        timeout: Duration::from_secs(15),
    }
}

#[test]
fn a_webhook_that_cannot_work_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &str| private(folder.path(), "file", content);
    let url = "http://127.0.0.1/";
    let missing = || PathBuf::from("/nowhere/secret");
    let cases = [
        (webhook("ftp://127.0.0.1/"), "only http: and https:"),
        (
            webhook("http://me:s3cret@127.0.0.1/"),
            "authorization header",
        ),
        (
            WebhookSpec {
                secret_files: vec![missing(); 3],
                ..webhook(url)
            },
            "it has 3 secrets",
        ),
        (
            WebhookSpec {
                secret_files: vec![missing()],
                ..webhook(url)
            },
            "can't read /nowhere/secret",
        ),
        (
            WebhookSpec {
                secret_files: vec![file("s3cret")],
                ..webhook(url)
            },
            "openssl rand -base64 32",
        ),
        (
            WebhookSpec {
                headers: vec![("Webhook-Id".parse().unwrap(), "1".parse().unwrap())],
                ..webhook(url)
            },
            "webhook-id can't be chosen",
        ),
        (
            WebhookSpec {
                header_files: vec![("authorization".parse().unwrap(), missing())],
                ..webhook(url)
            },
            "can't read /nowhere/secret",
        ),
        (
            WebhookSpec {
                ca_file: Some(missing()),
                ..webhook("https://127.0.0.1/")
            },
            "/nowhere/secret",
        ),
    ];
    for (spec, why) in cases {
        let message = refusal(HookKind::Webhook(spec));
        assert!(message.starts_with("hook notify: "), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let replace = |name: &str| FileSpec::Replace {
        directory: folder.path().to_owned(),
        name: name.to_owned(),
    };
    for (spec, why) in [
        (replace("../{job_id}"), "another directory"),
        (replace("{jobid}"), "{job_id}, {watch_id}"),
        (replace(""), "names no file"),
        (
            FileSpec::Replace {
                directory: "/nowhere".into(),
                name: "{job_id}".to_owned(),
            },
            "can't write into /nowhere",
        ),
        (
            FileSpec::Append {
                path: "/nowhere/log".into(),
            },
            "can't write into /nowhere",
        ),
        (
            FileSpec::Append {
                path: private(folder.path(), "file", "").join("log"),
            },
            "can't write into",
        ),
    ] {
        let message = refusal(HookKind::File(spec));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plain = private(folder.path(), "plain", "").display().to_string();
    for (program, why) in [
        ("dcs-wait-has-no-such-program", "no folder of PATH"),
        ("/nowhere/program", "no such file"),
        (&plain, "chmod +x"),
        ("", "names no program"),
    ] {
        let message = refusal(HookKind::Exec(ExecSpec {
            argv: vec![program.to_owned()],
            timeout: Duration::from_secs(60),
        }));
        assert!(message.contains(why), "{message}");
    }
}
