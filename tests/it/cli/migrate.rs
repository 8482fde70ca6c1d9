//! `dcs-wait store migrate`: between SQLite files, and what is refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use dcs_wait::store::{SharedStore, Store};
use sqlx::Connection;
use tempfile::TempDir;

use super::harness::{Ended, Invocation, Running, dcs_wait};
use crate::postgres::{Database, change};
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
    let again = migrate(&from, &to).run().exits_with(0).says_nothing();
    let expected = "; 13 watches, 15 deliveries were there already\n";
    assert!(
        again
            .stdout
            .starts_with("copied 0 watches, 0 deliveries in ")
    );
    assert!(again.stdout.ends_with(expected), "{again:#?}");
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
            .says("is in use by process ");
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
        .complains("--to: the store holds something else than a part of this copy: the watch ")
        .says("for job-77; copy into an empty store: another database, or another file");
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
fn one_store_by_two_names_is_refused() {
    let house = house();
    std::os::unix::fs::symlink("from.db", house.path().join("same.db")).unwrap();
    let database = wait(Database::new());
    let from = database.url();
    let to = from.replace("127.0.0.1", "localhost");
    assert_ne!(from, to);
    migrate(&url(&house, "from.db"), &from).run().exits_with(0);
    for (from, to) in [(from, to), (url(&house, "from.db"), url(&house, "same.db"))] {
        migrate(&from, &to)
            .run()
            .exits_with(2)
            .complains("--from and --to are the same store; name two");
    }
    // It can be copied all the same.
    migrate(&database.url(), &url(&house, "back.db"))
        .run()
        .exits_with(0);
}

#[test]
fn what_has_no_store_in_it_is_not_copied() {
    let house = house();
    fs::write(house.path().join("empty.db"), "").unwrap();
    let database = wait(Database::new());
    for from in [url(&house, "empty.db"), database.url()] {
        migrate(&from, &url(&house, "to.db"))
            .run()
            .exits_with(2)
            .complains("--from: there is no store in the ");
    }
    assert!(!house.path().join("to.db").exists());
}

#[test]
fn a_store_that_is_not_whole_is_finished_by_the_same_command_alone() {
    let house = house();
    let database = wait(Database::new());
    let mark = async || {
        let store = database.opened().await;
        store.mark_unfinished(true).await.unwrap();
        store.close().await;
    };
    wait(mark());
    migrate(&database.url(), &url(&house, "to.db"))
        .run()
        .exits_with(2)
        .complains("--from: a copy into it was begun, and isn't finished; finish that first");
    migrate(&url(&house, "from.db"), &database.url())
        .run()
        .exits_with(0);
    migrate(&database.url(), &url(&house, "to.db"))
        .run()
        .exits_with(0);
}

#[test]
fn what_is_wrong_with_a_database_is_told_in_words_of_the_command() {
    let house = house();
    let database = wait(Database::new());
    let none = database.url().replace(database.name(), "no_such");
    migrate(&url(&house, "from.db"), &none)
        .run()
        .exits_with(2)
        .complains("--to: the database no_such at ")
        .says("check its name in --to, or create it: createdb");
}

#[test]
fn a_broken_file_that_is_to_be_copied_is_not_to_be_moved_away() {
    let house = house();
    fs::write(house.path().join("broken.db"), "x".repeat(5000)).unwrap();
    migrate(&url(&house, "broken.db"), &url(&house, "to.db"))
        .run()
        .exits_with(2)
        .complains("--from: the store ")
        .says(" is broken: ")
        .says("; restore a backup\n");
}

/// A copy into a database that takes watches and no deliveries, once the watches are there.
fn held_up(work: impl FnOnce(Running) -> Ended) -> Ended {
    let house = house();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Database::new());
    let (store, holding) = runtime.block_on(async {
        let store = database.opened().await;
        let mut holding = database.connected().await;
        change(&mut holding, "BEGIN; LOCK TABLE delivery IN EXCLUSIVE MODE").await;
        (store, holding)
    });
    let running = migrate(&url(&house, "from.db"), &database.url()).start();
    runtime.block_on(async {
        let mut counts = store.counts().await.unwrap();
        while counts.active + counts.ended < 13 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            counts = store.counts().await.unwrap();
        }
        // The last of them come some moments before their histories.
        tokio::time::sleep(Duration::from_millis(500)).await;
    });
    let ended = work(running);
    assert!(runtime.block_on(store.is_unfinished()).unwrap());
    runtime.block_on(async {
        holding.close().await.unwrap();
        store.close().await;
    });
    migrate(&url(&house, "from.db"), &database.url())
        .run()
        .exits_with(0)
        .prints_line("copied 0 watches, 15 deliveries in ");
    ended
}

#[test]
fn a_copy_that_is_interrupted_says_how_far_it_came() {
    held_up(|running| {
        running.signal("INT");
        running.ended()
    })
    .exits_with(130)
    .complains("interrupted; 13 of 13 watches are copied; the same command goes on");
}

#[test]
fn a_copy_that_cannot_go_on_says_how_far_it_came() {
    held_up(Running::ended)
        .exits_with(75)
        .complains("--to: the store can't be written: canceling statement due to lock timeout")
        .says("; 13 of 13 watches are copied; the same command goes on");
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
