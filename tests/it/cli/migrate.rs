//! `dcs-wait store migrate`: between SQLite files, and what is refused.

use std::path::Path;

use dcs_wait::store::SharedStore;
use tempfile::TempDir;

use super::harness::{Invocation, dcs_wait};
use crate::postgres::Database;
use crate::store::copying::{Everything, everything, fill};
use crate::store::samples::opened;

/// A directory with a store in `from.db`.
fn house() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("from.db");
    wait(async {
        let store = opened(&path).await;
        fill(&store).await;
        store.close().await;
    });
    directory
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn held(path: &Path) -> Everything {
    wait(async {
        let store = opened(path).await;
        let held = everything(&store).await;
        store.close().await;
        held
    })
}

fn url(directory: &TempDir, name: &str) -> String {
    format!("sqlite:{}", directory.path().join(name).display())
}

fn migrate(from: &str, to: &str) -> Invocation {
    dcs_wait(["store", "migrate", "--from", from, "--to", to])
}

#[test]
fn everything_goes_into_another_file_and_stays_in_the_first() {
    let house = house();
    let (from, to) = (url(&house, "from.db"), url(&house, "to.db"));
    let ended = migrate(&from, &to).run();
    let ended = ended.exits_with(0).says_nothing();
    assert!(
        ended
            .stdout
            .starts_with("copied 13 watches, 15 deliveries in "),
        "{ended:#?}"
    );
    assert_eq!(ended.stdout.lines().count(), 1);
    let there = held(&house.path().join("to.db"));
    assert_eq!(there, held(&house.path().join("from.db")));
    // Once more changes nothing.
    migrate(&from, &to)
        .run()
        .exits_with(0)
        .prints_line("copied 13 ");
    assert_eq!(held(&house.path().join("to.db")), there);
}

#[test]
fn a_store_that_a_daemon_uses_is_refused_on_either_side() {
    let house = house();
    for in_use in ["from.db", "to.db"] {
        let path = house.path().join(in_use);
        let store = wait(opened(&path));
        migrate(&url(&house, "from.db"), &url(&house, "to.db"))
            .run()
            .exits_with(2)
            .prints_nothing()
            .complains(format!("--{}: ", in_use.trim_end_matches(".db")))
            .says("is in use by another daemon");
        wait(store.close());
    }
}

#[test]
fn a_database_that_a_daemon_uses_is_refused_and_one_that_it_left_is_not() {
    let house = house();
    let database = wait(Database::new());
    let from = url(&house, "from.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(database.joined("dcs-7"));
    migrate(&from, &database.url())
        .run()
        .exits_with(2)
        .prints_nothing()
        .complains("--to: the daemon dcs-7 uses the database; stop it first");
    runtime.block_on(async {
        store.leave().await.unwrap();
        store.close().await;
    });
    migrate(&from, &database.url())
        .run()
        .exits_with(0)
        .prints_line("copied 13 ");
    migrate(&database.url(), &url(&house, "back.db"))
        .run()
        .exits_with(0)
        .prints_line("copied 13 watches, 15 deliveries in ");
    let [from, back] = ["from.db", "back.db"].map(|name| held(&house.path().join(name)));
    assert_eq!(back, from);
}

#[test]
fn a_database_that_cannot_be_reached_may_be_later() {
    let house = house();
    migrate(&url(&house, "from.db"), "postgres://me@127.0.0.1:1/x")
        .run()
        .exits_with(75)
        .complains("--to: ");
}

#[test]
fn a_store_that_holds_something_else_is_refused() {
    let house = house();
    let other = house.path().join("to.db");
    wait(async {
        let store = opened(&other).await;
        let accept = crate::store::samples::accept(77);
        crate::store::samples::commit(&store, &[accept]).await;
        store.close().await;
    });
    let before = held(&other);
    migrate(&url(&house, "from.db"), &url(&house, "to.db"))
        .run()
        .exits_with(2)
        .complains("holds something else: the watch ")
        .says("for job-77");
    assert_eq!(held(&other), before);
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let house = house();
    migrate(&url(&house, "none.db"), &url(&house, "to.db"))
        .run()
        .exits_with(2)
        .complains("--from: there is no file ");
    for name in ["none.db", "to.db"] {
        assert!(!house.path().join(name).exists(), "{name}");
    }
}

#[test]
fn what_names_no_store_is_refused_and_not_shown() {
    for (from, why) in [
        ("/var/lib/x.db", "--from: it names no store"),
        ("mysql://me:s3cret@db/x", "--from: it names no store"),
        ("sqlite:", "--from: it names no file"),
        (
            "postgres://me:s3cret@db/x",
            "--from: it carries a password; remove that, write it into a file (mode 0600), and name \
             the file with --from-password-file",
        ),
        ("sqlite:to.db", "are the same store"),
    ] {
        migrate(from, "sqlite:to.db")
            .run()
            .exits_with(2)
            .complains(why)
            .keeps(&["s3cret"]);
    }
    migrate("sqlite:a.db", "sqlite:to.db")
        .args(["--to-password-file", "p"])
        .run()
        .exits_with(2)
        .complains("--to-password-file: a SQLite file has no password");
}

#[test]
fn a_password_that_others_may_read_is_refused() {
    let house = house();
    migrate(&url(&house, "from.db"), "postgres://me@127.0.0.1:1/x")
        .args(["--to-password-file", "p"])
        .file_with_mode("p", "s3cret\n", 0o644)
        .run()
        .exits_with(2)
        .complains("--to-password-file: ")
        .says("chmod 600")
        .keeps(&["s3cret"]);
}
