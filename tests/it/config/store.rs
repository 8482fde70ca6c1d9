//! `[store]`: a SQLite file or a PostgreSQL database, and what is wrong with either.

use std::path::PathBuf;
use std::time::Duration;

use dcs_wait::config::{PostgresConfig, StorePlace};
use insta::assert_snapshot;

use super::{errors, good};

#[track_caller]
fn place(text: &str) -> StorePlace {
    good(&format!("[store]\n{text}")).store.place
}

#[track_caller]
fn postgres(text: &str) -> PostgresConfig {
    match place(text) {
        StorePlace::Postgres(postgres) => postgres,
        other => panic!("{other:?}"),
    }
}

/// What is wrong with a `[store]` of these lines; the first of them is the file's line 4.
#[track_caller]
fn refused(lines: &str) -> String {
    errors(&format!("\n[store]\n{lines}"))
}

#[test]
fn a_store_is_the_usual_file_unless_it_is_said() {
    let usual = "/var/lib/dcs-wait/dcs-wait.db";
    assert_eq!(place(""), StorePlace::Sqlite(usual.into()));
    let file = place("path = \"a.db\"");
    assert_eq!(file, StorePlace::Sqlite("/etc/dcs-wait/a.db".into()));
}

#[test]
fn a_database_is_told_by_its_url_alone() {
    let postgres = postgres("url = \"postgres://me@db/x?sslmode=require\"\nretention = \"1h\"");
    assert_eq!(postgres.url, "postgres://me@db/x?sslmode=require");
    assert_eq!(postgres.password_file, None);
    assert_eq!(postgres.lease, Duration::from_secs(30));
    assert!(!postgres.instance.is_empty(), "the machine's name");
}

#[test]
fn all_that_can_be_said_of_a_database_is_read() {
    let text = r#"
        url = "postgresql://me@localhost/x?host=/run/postgresql"
        password_file = "password"
        instance = "dcs-1.example_a"
        lease = "3s"
        "#;
    assert_eq!(
        postgres(text),
        PostgresConfig {
            url: "postgresql://me@localhost/x?host=/run/postgresql".to_owned(),
            password_file: Some(PathBuf::from("/etc/dcs-wait/password")),
            instance: "dcs-1.example_a".to_owned(),
            lease: Duration::from_secs(3),
        }
    );
    let longest = postgres("url = \"postgres://me@db/x\"\nlease = \"10m\"");
    assert_eq!(longest.lease, Duration::from_secs(600));
}

#[test]
fn a_password_is_read_when_the_database_is_to_be_opened() {
    let missing = postgres("url = \"postgres://me@db/x\"\npassword_file = \"/nonexistent/p\"");
    let why = missing.plan().unwrap_err().to_string();
    assert!(why.contains("can't read /nonexistent/p"), "{why}");
    let none = PostgresConfig {
        password_file: None,
        ..missing
    };
    assert!(none.plan().unwrap().password.is_none());
}

#[test]
fn a_store_is_in_one_place() {
    let lines = "path = \"a.db\"\nurl = \"postgres://me@db/x\"";
    assert_snapshot!(refused(lines), @"dcs-wait.toml:5:7: store.url: a store is in a SQLite file or in PostgreSQL, and path is given as well; remove one of them");
}

#[test]
fn what_is_for_a_database_needs_one() {
    let lines = "password_file = \"p\"\ninstance = \"a\"\nlease = \"30s\"";
    assert_snapshot!(refused(lines), @"
    dcs-wait.toml:4:17: store.password_file: it is for PostgreSQL, and there is no url; give one, or remove it
    dcs-wait.toml:5:12: store.instance: it is for PostgreSQL, and there is no url; give one, or remove it
    dcs-wait.toml:6:9: store.lease: it is for PostgreSQL, and there is no url; give one, or remove it
    ");
}

#[test]
fn a_password_in_the_url_is_refused_and_not_shown() {
    for url in [
        "postgres://me:s3cret@db/x",
        "postgres://db/x?user=me&password=s3cret",
        "mysql://me:s3cret@db/x",
    ] {
        let errors = refused(&format!("url = {url:?}"));
        assert_eq!(
            errors,
            "dcs-wait.toml:4:7: store.url: it carries a password; remove that, write it into a file \
             (mode 0600), and name the file with password_file"
        );
    }
    let hidden = refused("url = \"postgres://me:s3cret@db:99999/x\"");
    assert!(!hidden.contains("s3cret"), "{hidden}");
    let elsewhere = refused("password = \"s3cret\"");
    assert_snapshot!(elsewhere, @"dcs-wait.toml:4:1: store.password: [store] has no such key; did you mean password_file?");
}

#[test]
fn what_is_no_url_of_postgresql_is_refused() {
    for url in [
        "db.example.com",
        "/var/lib/x.db",
        "mysql://db/x",
        "sqlite:x.db",
    ] {
        let errors = refused(&format!("url = {url:?}"));
        assert!(errors.contains("postgres://"), "{url}: {errors}");
    }
    let of_mode = refused("url = \"postgres://me@db/x?sslmode=on\"");
    assert_snapshot!(of_mode, @r#"dcs-wait.toml:4:7: store.url: it has sslmode="on", which there isn't; take one of disable, prefer, require, verify-ca, verify-full"#);
    let nobody = refused("url = \"postgres://db/x\"");
    assert_snapshot!(nobody, @"dcs-wait.toml:4:7: store.url: it names no user; write it as postgres://USER@HOST:PORT/DATABASE");
    assert_snapshot!(refused("url = 5"), @r#"dcs-wait.toml:4:7: store.url is 5 (a number); give a URL such as "postgres://dcs_wait@db.example.com/dcs_wait""#);
    let as_path = refused("path = \"postgres://me:s3cret@db/x\"");
    assert_snapshot!(as_path, @"dcs-wait.toml:4:8: store.path: it is the URL of a database, and no path; give it as url");
}

#[test]
fn a_lease_has_a_range() {
    for lease in ["0s", "2999ms", "601s", "1h"] {
        let lines = format!("url = \"postgres://me@db/x\"\nlease = {lease:?}");
        assert_eq!(
            refused(&lines),
            "dcs-wait.toml:5:9: store.lease: must be from 3s to 10m"
        );
    }
}

#[test]
fn an_instance_has_a_name_that_can_be_shown_anywhere() {
    let refused = |name: &str| {
        refused(&format!(
            "url = \"postgres://me@db/x\"\ninstance = {name:?}"
        ))
    };
    assert_snapshot!(refused("dcs 1"), @r#"dcs-wait.toml:5:12: store.instance is "dcs 1": it contains ' ' at position 4; letters, digits, '-', '_' and '.' of ASCII are allowed"#);
    assert_snapshot!(refused(""), @r#"dcs-wait.toml:5:12: store.instance is "": it is empty; letters, digits, '-', '_' and '.' of ASCII are allowed"#);
    let long = refused(&"a".repeat(65));
    assert!(
        long.contains("it has 65 characters, and at most 64 are allowed"),
        "{long}"
    );
    let longest = "a".repeat(64);
    let config = postgres(&format!(
        "url = \"postgres://me@db/x\"\ninstance = {longest:?}"
    ));
    assert_eq!(config.instance, longest);
}
