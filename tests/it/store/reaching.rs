//! What a PostgreSQL store is opened on, and what it says where that can't be.

use std::sync::Arc;
use std::time::Duration;

use dcs_wait::store::{PostgresPlan, PostgresStore, SharedStore, Store, StoreError};
use rcgen::CertifiedKey;
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::samples::{accept, commit, record, watch};
use crate::postgres::{Database, Server};

/// Why the store can't be opened, and whether waiting might help.
async fn refusal(plan: PostgresPlan) -> (String, bool) {
    match PostgresStore::open(plan).await {
        Ok(_) => panic!("it can be opened"),
        Err(error) => (
            error.to_string(),
            matches!(error, StoreError::NotNow { .. }),
        ),
    }
}

/// Why waiting doesn't help.
async fn refused(plan: PostgresPlan) -> String {
    let (why, may_pass) = refusal(plan).await;
    assert!(!may_pass, "{why}");
    why
}

fn at(url: String, password: Option<&str>) -> PostgresPlan {
    PostgresPlan {
        url,
        password: password.map(SecretString::from),
        instance: "one".to_owned(),
        lease: Duration::from_secs(30),
    }
}

/// A database of a role that has a password, and the URL of that role.
async fn guarded() -> (Database, String) {
    let database = Database::new().await;
    // Tests that run at the same time share the role.
    database
        .change(
            "SELECT pg_advisory_lock(7); \
             DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'guarded') THEN \
             CREATE ROLE guarded LOGIN PASSWORD 'open sesame'; END IF; END $$",
        )
        .await;
    let url = format!(
        "postgres://guarded@{}/{}",
        database.server(),
        database.name()
    );
    (database, url)
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let database = Database::new().await;
    for n in 1..3 {
        let store = database.joined("one").await;
        commit(&store, &[accept(n)]).await;
        store.close().await;
    }
    let store = database.opened().await;
    assert_eq!(record(&store, 1).await.watch, watch(1));
    assert_eq!(store.counts().await.unwrap().active, 2);
    store.close().await;
}

#[tokio::test]
async fn many_that_open_an_empty_database_at_once_all_succeed() {
    let database = Database::new().await;
    let open = || PostgresStore::open(database.plan("one"));
    let all = tokio::join!(open(), open(), open(), open());
    let all = [all.0, all.1, all.2, all.3];
    for (n, store) in (0..).zip(all) {
        let store = store.unwrap();
        store.join().await.unwrap();
        commit(&store, &[accept(n)]).await;
        store.close().await;
    }
    let store = database.opened().await;
    assert_eq!(store.counts().await.unwrap().active, 4);
    store.close().await;
}

#[tokio::test]
async fn the_right_password_opens_and_a_wrong_one_is_told_without_showing_it() {
    let (database, url) = guarded().await;
    let name = database.name();
    database
        .change(&format!(
            "GRANT CREATE ON SCHEMA public TO guarded; ALTER DATABASE {name} OWNER TO guarded"
        ))
        .await;
    let store = PostgresStore::open(at(url.clone(), Some("open sesame"))).await;
    store.unwrap().close().await;
    for password in [Some("hush hush"), None] {
        let why = refused(at(url.clone(), password)).await;
        assert!(
            why.contains(
                "it asks the user guarded for a password: name a file with it with password_file"
            ),
            "{why}"
        );
        assert!(!why.contains("hush"), "{why}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_create_tables_is_told_so() {
    let (database, url) = guarded().await;
    database
        .change("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let why = refused(at(url.clone(), Some("open sesame"))).await;
    assert!(why.contains("permission denied"), "{why}");
    assert!(
        why.contains("GRANT CREATE ON SCHEMA public TO guarded;"),
        "{why}"
    );
    let own = format!("ALTER DATABASE {} OWNER TO guarded", database.name());
    assert!(why.contains(&own), "{why}");
}

#[tokio::test]
async fn a_user_whose_tables_belong_to_another_is_told_so() {
    let (database, url) = guarded().await;
    database.opened().await.close().await;
    let may_read = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guarded";
    for grant in ["SELECT 1", may_read] {
        database.change(grant).await;
        let why = refused(at(url.clone(), Some("open sesame"))).await;
        assert!(why.contains("belong to another user"), "{grant}: {why}");
        assert!(
            why.contains("ALTER TABLE meta OWNER TO guarded"),
            "{grant}: {why}"
        );
        assert!(!why.contains("CREATE"), "{grant}: {why}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let database = Database::new().await;
    let server = database.server();
    let why = refused(at(format!("postgres://postgres@{server}/nowhere"), None)).await;
    assert!(why.contains("\"nowhere\" does not exist"), "{why}");
    assert!(why.contains("createdb --owner=postgres nowhere"), "{why}");

    let why = refused(at(
        format!("postgres://nobody_here@{server}/postgres"),
        None,
    ))
    .await;
    assert!(why.contains("nobody_here"), "{why}");
    assert!(why.contains("pg_hba.conf"), "{why}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_may_be_there_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let socket = "postgres://me@localhost/x?host=/nonexistent".to_owned();
    for (url, place) in [
        (format!("postgres://me@{address}/x"), address.to_string()),
        (socket, "/nonexistent/.s.PGSQL.5432".to_owned()),
    ] {
        let (why, may_pass) = refusal(at(url, None)).await;
        assert!(may_pass, "{why}");
        assert!(why.contains(&place), "{why}");
        assert!(!why.contains("os error"), "{why}");
    }
}

#[tokio::test]
async fn a_database_that_goes_away_is_said_to_be_out_of_reach_whatever_was_wanted() {
    let server = Server::private();
    let database = Database::on(Arc::clone(&server)).await;
    let store = database.joined("one").await;
    server.crash();
    for _ in 0..2 {
        let unread = store.counts().await.unwrap_err().to_string();
        let unwritten = store.commit(&[accept(1)]).await.unwrap_err().to_string();
        for why in [unread, unwritten] {
            assert!(why.starts_with("the store can't be reached: "), "{why}");
        }
    }
}

#[tokio::test]
async fn encryption_that_is_asked_for_and_refused_is_told() {
    let database = Database::new().await;
    for mode in ["require", "verify-full"] {
        let why = refused(at(format!("{}?sslmode={mode}", database.url()), None)).await;
        assert!(why.contains("no encrypted connection"), "{why}");
        assert!(
            why.contains("the server doesn't encrypt; set ssl = on"),
            "{why}"
        );
        assert!(why.contains("sslmode=disable"), "{why}");
        assert!(!why.contains("certificate"), "{why}");
    }
    let roots = format!("{}?sslrootcert=/nonexistent.pem", database.url());
    let why = refused(at(roots, None)).await;
    assert!(why.contains("/nonexistent.pem"), "{why}");
}

#[tokio::test]
async fn a_server_is_made_sure_of_as_the_url_says() {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let server = Server::private_with_tls(&signing_key.serialize_pem(), &cert.pem());
    let database = Database::on(server).await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, cert.pem()).unwrap();
    let at = |host: &str, parameters: &str| {
        let server = database.server().replace("127.0.0.1", host);
        let url = format!(
            "postgres://postgres@{server}/{}?{parameters}",
            database.name()
        );
        at(url, None)
    };
    let roots = format!("sslrootcert={}", roots.display());

    let verified = format!("sslmode=verify-full&{roots}");
    for parameters in ["sslmode=require", "", &verified] {
        let store = PostgresStore::open(at("127.0.0.1", parameters))
            .await
            .unwrap();
        store.counts().await.unwrap();
        let encrypted: bool = sqlx::query_scalar(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'dcs-wait'",
        )
        .fetch_one(&mut database.connected().await)
        .await
        .unwrap();
        assert!(encrypted, "{parameters}");
        store.close().await;
    }
    let unknown = refused(at("127.0.0.1", "sslmode=verify-full")).await;
    assert!(unknown.contains("no encrypted connection"), "{unknown}");
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let misnamed = refused(at("localhost", &verified)).await;
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    let of_authority = format!("sslmode=verify-ca&{roots}");
    let store = PostgresStore::open(at("localhost", &of_authority)).await;
    store.unwrap().close().await;
}

#[tokio::test]
async fn a_url_that_is_wrong_is_refused_before_anything_is_reached() {
    let why = refused(at("postgres://me:hush@localhost/x".to_owned(), None)).await;
    assert!(
        why.starts_with("the store's URL has a password in it"),
        "{why}"
    );
    assert!(!why.contains("hush"), "{why}");
}

#[tokio::test]
async fn a_newer_version_is_refused_and_both_versions_are_named() {
    let database = Database::new().await;
    database.opened().await.close().await;
    database.change("UPDATE meta SET version = 7").await;
    let why = refused(database.plan("one")).await;
    assert!(why.contains("has version 7"), "{why}");
    assert!(why.contains("versions up to 2"), "{why}");
}

#[tokio::test]
async fn tables_of_another_program_are_refused_and_stay_as_they_are() {
    for sql in [
        "CREATE TABLE watch (id INTEGER)",
        "CREATE TABLE meta (key TEXT)",
        "CREATE TABLE meta (program TEXT, version TEXT)",
        "CREATE TABLE meta (program TEXT, version TEXT); INSERT INTO meta VALUES ('other', '1')",
    ] {
        let database = Database::new().await;
        database.change(sql).await;
        let why = refused(database.plan("one")).await;
        assert!(why.contains("another program's"), "{sql}: {why}");
        let mut connection = database.connected().await;
        let tables: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND relkind = 'r'",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(tables, 1, "{sql}");
    }
}

#[tokio::test]
async fn tables_that_are_half_there_are_refused() {
    let database = Database::new().await;
    database.opened().await.close().await;
    database.change("DROP TABLE attempt").await;
    let why = refused(database.plan("one")).await;
    assert!(why.contains("not all of a store's"), "{why}");
}

#[tokio::test]
async fn other_tables_of_the_database_are_nobodys_business() {
    let database = Database::new().await;
    database
        .change("CREATE TABLE browser_history (url TEXT)")
        .await;
    database.opened().await.close().await;
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let database = Database::new().await;
    let name = format!("{}_ascii", database.name());
    let sql = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0");
    database.change(&sql).await;
    let url = format!("postgres://postgres@{}/{name}", database.server());
    let why = refused(at(url, None)).await;
    assert!(why.contains("SQL_ASCII"), "{why}");
    assert!(why.contains("--encoding=UTF8"), "{why}");
    database.change(&format!("DROP DATABASE {name}")).await;
}
