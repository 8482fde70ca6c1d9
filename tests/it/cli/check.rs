//! `dcs-wait check`: a configuration is judged without anything being started.

use serde_json::{Value, json};

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};
use dcs_wait::store::Store;

use super::harness::{Invocation, Service, dcs_wait};
use crate::postgres::Database;

const PROJECT: &str = "[[project]]\nname = \"main\"\nregion = \"cn-north-4\"\n";

/// The command with a file `c.toml` in its home: a project, and this text.
fn check(text: &str) -> Invocation {
    dcs_wait(["check", "--config", "c.toml"]).file("c.toml", &format!("{PROJECT}{text}"))
}

#[test]
fn a_file_that_is_right_is_summed_up() {
    let text = r#"
        [[project]]
        name = "other"
        ak_file = "keys/ak"
        sk_file = "keys/sk"

        [http]
        listen = "127.0.0.1:8080"
        token_file = "keys/token"

        [[hook]]
        name = "notify"
        type = "exec"
        argv = ["/bin/sh", "-c", "true"]

        [[hook]]
        name = "results"
        type = "file"
        append = "results.jsonl"
        "#;
    let checked = || {
        check(text)
            .file("keys/ak", "AK")
            .file("keys/sk", "s3cret\n")
            .file("keys/token", "s3cret\n")
    };
    let ended = checked().run();
    assert!(!ended.home.path().join("results.jsonl").exists());
    ended
        .exits_with(0)
        .prints(&["c.toml: ok: 2 projects, 2 hooks, 0 watches"])
        .says_nothing();

    let ended = checked().arg("--output=json").run().exits_with(0);
    assert_eq!(
        ended.results(),
        [json!({
            "file": "c.toml", "ok": true, "projects": 2, "hooks": 2, "watches": 0, "errors": [],
            "online": null, "store": null,
        })]
    );
}

#[test]
fn every_error_has_its_line_in_the_file() {
    let text = "[poll]\ntimeout = 5\njiter = 0.1\n";
    check(text)
        .run()
        .exits_with(2)
        .prints_nothing()
        .says("error: c.toml:5:11: poll.timeout is 5 (a number)")
        .says("error: c.toml:6:1: poll.jiter: [poll] has no such key; did you mean jitter?")
        .says_times("error: ", 2);

    let ended = check(text).arg("--output=json").run().exits_with(2);
    let [result] = &ended.results()[..] else {
        panic!("{ended:#?}");
    };
    assert_eq!(
        (&result["ok"], &result["projects"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(result["errors"][0]["line"], 5);
    assert_eq!(result["errors"][0]["column"], 11);
    assert_eq!(result["errors"][0]["key"], "poll.timeout");
    assert_eq!(result["errors"].as_array().unwrap().len(), 2);
    ended.says_nothing();
}

#[test]
fn a_secret_that_others_may_read_is_told_with_all_else_that_is_missing() {
    let text = r#"
        ak_file = "ak"
        sk_file = "sk"
        ca_file = "c.toml"

        [store]
        url = "postgres://me@db.example.com/x"
        password_file = "password"

        [http]
        token_file = "token"

        [[hook]]
        name = "ci"
        type = "webhook"
        url = "https://ci.example.com"
        secrets = ["secret"]

        [[hook]]
        name = "results"
        type = "file"
        directory = "."
        file_name = "{job}.json"

        [[hook]]
        name = "notify"
        type = "exec"
        argv = ["/no/such/program"]
        "#;
    check(text)
        .file_with_mode("sk", "s3cret\n", 0o644)
        .file("ak", "AK")
        .file("secret", "s3cret\n")
        .run()
        .exits_with(2)
        .prints_nothing()
        .says("project main: ")
        .says("holds a secret and is open to other users")
        .says("chmod 600")
        .says("it holds no certificate")
        .says("store.password_file: can't read")
        .says("http.token_file: can't read")
        .says("hook ci: ")
        .says("hook results: ")
        .says("{job_id}")
        .says("hook notify: ")
        .says_times("error: ", 7)
        .keeps(&["s3cret"]);
}

#[test]
fn certificates_to_trust_a_database_by_are_read() {
    for (file, why) in [
        ("/nonexistent.pem", "/nonexistent.pem"),
        ("c.toml", "no certificate"),
    ] {
        check(&format!(
            "[store]\nurl = \"postgres://me@db/x?sslrootcert={file}\"\n"
        ))
        .run()
        .exits_with(2)
        .complains("store.url: sslrootcert: ")
        .says(why);
    }
}

#[test]
fn the_file_is_found_by_option_or_variable_or_in_its_usual_place() {
    let at = |path: &str| dcs_wait(["check"]).file(path, PROJECT);
    at("a.toml")
        .env("DCS_WAIT_CONFIG", "a.toml")
        .run()
        .exits_with(0)
        .prints(&["a.toml: ok: 1 project, 0 hooks, 0 watches"]);
    at("a.toml")
        .env("DCS_WAIT_CONFIG", "b.toml")
        .args(["--config", "a.toml"])
        .run()
        .exits_with(0);
    at("a.toml")
        .args(["--config", "b.toml"])
        .run()
        .exits_with(2)
        .complains("b.toml: can't be read");
}

#[test]
fn what_is_no_text_is_refused() {
    dcs_wait(["check", "--config", "."])
        .run()
        .exits_with(2)
        .complains("can't be read");
    dcs_wait(["check", "--config", "/dev/null"])
        .run()
        .exits_with(2)
        .complains("there is no project");
}

#[test]
fn a_credential_of_systemd_may_be_named() {
    let text =
        "ak_file = \"${CREDENTIALS_DIRECTORY}/ak\"\nsk_file = \"${CREDENTIALS_DIRECTORY}/sk\"\n";
    let checked = || {
        check(text)
            .file("creds/ak", "AK")
            .file("creds/sk", "s3cret")
    };
    checked()
        .env("CREDENTIALS_DIRECTORY", "creds")
        .run()
        .exits_with(0);
    checked()
        .run()
        .exits_with(2)
        .says("CREDENTIALS_DIRECTORY isn't set");
}

/// The command, which asks the service for two projects: `good`, and one with this secret key.
fn check_online(service: &Service, secret: &str) -> Invocation {
    let project = |name: &str, sk_file: &str| {
        format!(
            "[[project]]\nname = \"{name}\"\nendpoint = \"{}\"\nproject_id = \"{PROJECT_ID}\"\n\
             ak_file = \"ak\"\nsk_file = \"{sk_file}\"\n",
            service.url(),
        )
    };
    let text = project("good", "sk") + &project("other", "sk2") + &project("third", "sk2");
    dcs_wait(["check", "--config", "c.toml", "--online"])
        .file("c.toml", &text)
        .file("ak", ACCESS_KEY)
        .file("sk", SECRET_KEY)
        .file("sk2", secret)
}

#[test]
fn a_service_that_takes_the_credentials_is_told_project_by_project() {
    let service = Service::default();
    check_online(&service, SECRET_KEY)
        .run()
        .exits_with(0)
        .prints(&[
            "c.toml: ok: 3 projects, 0 hooks, 0 watches",
            "project good: ok: the credential works",
            "project other: ok: the credential works",
            "project third: ok: the credential works",
        ])
        .says_nothing();
    assert_eq!(service.requests().len(), 3);
}

#[test]
fn a_credential_that_is_refused_is_tried_once_and_ends_with_its_code() {
    let service = Service::default();
    check_online(&service, "s3cret")
        .run()
        .exits_with(4)
        .says("error: project other: ")
        .says("HTTP 401")
        .says("error: project third: not asked for")
        .prints_line("project good: ok")
        .keeps(&["s3cret", SECRET_KEY]);
    assert_eq!(service.requests().len(), 2);

    let ended = check_online(&service, "s3cret").arg("--output=json").run();
    let [result] = &ended.results()[..] else {
        panic!("{ended:#?}");
    };
    assert_eq!(
        (&result["ok"], &result["errors"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(result["online"][0]["ok"], true);
    assert_eq!(result["online"][1]["project"], "other");
    assert!(result["online"][1]["error"].is_string());
}

#[test]
fn a_database_is_opened_online_and_only_then() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Database::new());
    let service = Service::default();
    let store = |url: &str| format!("[store]\nurl = \"{url}\"\n");
    let check = |url: &str| {
        let project = format!(
            "[[project]]\nname = \"good\"\nendpoint = \"{}\"\nproject_id = \"{PROJECT_ID}\"\n\
             ak_file = \"ak\"\nsk_file = \"sk\"\n",
            service.url(),
        );
        dcs_wait(["check", "--config", "c.toml"])
            .file("c.toml", &(project + &store(url)))
            .file("ak", ACCESS_KEY)
            .file("sk", SECRET_KEY)
    };
    let nowhere = "postgres://me@127.0.0.1:1/x";
    check(nowhere).run().exits_with(0).says_nothing();
    check(&database.url())
        .arg("--online")
        .run()
        .exits_with(0)
        .prints_line("store: ok: the database can be used");
    runtime.block_on(async {
        let store = database.opened().await;
        store.mark_unfinished(true).await.unwrap();
        store.close().await;
    });
    check(&database.url())
        .arg("--online")
        .run()
        .exits_with(2)
        .says("error: store: a copy into the store was begun, and isn't finished: ");
    check(nowhere)
        .arg("--online")
        .run()
        .exits_with(75)
        .says("error: store: the store can't be opened: 127.0.0.1:1: ");
    check(nowhere)
        .arg("--online")
        .file("sk", "s3cret")
        .run()
        .exits_with(4);
    check(&format!("{}_nowhere", database.url()))
        .arg("--online")
        .run()
        .exits_with(2)
        .says("does not exist");
    let ended = check(nowhere).args(["--online", "--output=json"]).run();
    let ended = ended.exits_with(75);
    assert_eq!(ended.results()[0]["store"]["ok"], false);
}

#[test]
fn a_service_that_cannot_be_reached_is_told() {
    check("endpoint = \"http://127.0.0.1:1\"\nproject_id = \"p\"\nak_file = \"ak\"\nsk_file = \"ak\"\n")
        .arg("--online")
        .file("ak", "AK")
        .run()
        .exits_with(2)
        .says("error: project main: can't connect");
}

#[test]
fn a_credential_that_one_endpoint_refuses_is_tried_at_another() {
    let refusing = Service::new(dcs_wait::sim::SimOptions {
        secret_key: "another-secret".into(),
        ..Default::default()
    });
    let good = Service::default();
    let project = |name: &str, service: &Service| {
        format!(
            "[[project]]\nname = \"{name}\"\nendpoint = \"{}\"\nproject_id = \"{PROJECT_ID}\"\n\
             ak_file = \"ak\"\nsk_file = \"sk\"\n",
            service.url(),
        )
    };
    let text = project("refused", &refusing) + &project("good", &good) + &project("too", &refusing);
    dcs_wait(["check", "--config", "c.toml", "--online"])
        .file("c.toml", &text)
        .file("ak", ACCESS_KEY)
        .file("sk", SECRET_KEY)
        .run()
        .exits_with(4)
        .prints_line("project good: ok")
        .says("error: project refused: ")
        .says("error: project too: not asked for");
    assert_eq!(refusing.requests().len(), 1);
    assert_eq!(good.requests().len(), 1);
}
