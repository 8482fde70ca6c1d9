//! The files of a store while it is open: nothing is acknowledged that the next start wouldn't find.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use dcs_wait::store::{SqliteStore, Store, StoreError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::child::{LACKS_DESCRIPTORS, Worker, say};
use super::samples::{accept, commit, opened, place, record, watch_id};

/// Why the store takes nothing.
async fn refused(store: &SqliteStore) -> String {
    let verified = store.verify().await;
    assert!(
        matches!(verified, Err(StoreError::NotNow { .. })),
        "{verified:?}"
    );
    let written = store.commit(&[accept(2)]).await;
    let Err(StoreError::NotNow {
        doing: "written",
        why,
    }) = written
    else {
        panic!("{written:?}");
    };
    // It can still be read.
    assert!(store.watch(watch_id(1)).await.unwrap().is_some());
    why
}

async fn goes_on(store: SqliteStore, path: &Path) {
    store.verify().await.unwrap();
    commit(&store, &[accept(3)]).await;
    store.close().await;
    let store = opened(path).await;
    assert!(store.watch(watch_id(2)).await.unwrap().is_none());
    record(&store, 3).await;
    store.close().await;
}

#[tokio::test]
async fn a_store_whose_files_are_moved_away_takes_nothing_until_they_are_back() {
    for suffix in ["", "-wal", "-shm"] {
        let (directory, path) = place();
        let store = opened(&path).await;
        commit(&store, &[accept(1)]).await;
        let file = directory.path().join(format!("store.db{suffix}"));
        let away = directory.path().join("away");
        fs::rename(&file, &away).unwrap();
        let why = refused(&store).await;
        assert!(
            why.contains(&format!("{} was removed", file.display())),
            "{why}"
        );
        assert!(why.contains("put it back, or restart the daemon"), "{why}");
        assert!(!file.exists(), "{suffix}");
        fs::rename(&away, &file).unwrap();
        goes_on(store, &path).await;
    }
}

#[tokio::test]
async fn a_store_whose_directory_is_moved_takes_nothing_until_it_is_back() {
    let (directory, _) = place();
    let (there, away) = (
        directory.path().join("there"),
        directory.path().join("away"),
    );
    fs::create_dir(&there).unwrap();
    let path = there.join("store.db");
    let store = opened(&path).await;
    commit(&store, &[accept(1)]).await;
    fs::rename(&there, &away).unwrap();
    let why = refused(&store).await;
    assert!(why.contains("was removed or moved away"), "{why}");
    fs::create_dir(&there).unwrap();
    refused(&store).await;
    fs::remove_dir(&there).unwrap();
    fs::rename(&away, &there).unwrap();
    goes_on(store, &path).await;
}

#[tokio::test]
async fn a_store_that_another_file_takes_the_place_of_takes_nothing() {
    for suffix in ["", "-wal"] {
        let (directory, path) = place();
        let store = opened(&path).await;
        commit(&store, &[accept(1)]).await;
        let file = directory.path().join(format!("store.db{suffix}"));
        let (backup, kept) = (
            directory.path().join("backup"),
            directory.path().join("kept"),
        );
        fs::copy(&file, &backup).unwrap();
        fs::hard_link(&file, &kept).unwrap();
        fs::rename(&backup, &file).unwrap();
        let why = refused(&store).await;
        assert!(why.contains("another file is in the place of"), "{why}");
        fs::rename(&kept, &file).unwrap();
        goes_on(store, &path).await;
    }
}

#[tokio::test]
async fn a_store_that_is_cut_takes_nothing() {
    for size in [0, 1, 4096] {
        let (_directory, path) = place();
        let store = opened(&path).await;
        commit(&store, &[accept(1)]).await;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(size).unwrap();
        let verified = store.verify().await.unwrap_err().to_string();
        assert!(
            verified.contains(&format!("was cut to {size} bytes")),
            "{verified}"
        );
        let written = store.commit(&[accept(2)]).await;
        assert!(
            matches!(written, Err(StoreError::NotNow { .. })),
            "{written:?}"
        );
        // Closing it would write the log into the file. As a test alone does, nothing is closed.
        std::mem::forget(store);
    }
}

#[tokio::test]
async fn a_store_whose_log_is_cut_acknowledges_nothing_that_is_written_behind_the_gap() {
    for size in [0, 1, 32, 4152] {
        let (directory, path) = place();
        let store = opened(&path).await;
        for n in 1..4 {
            commit(&store, &[accept(n)]).await;
        }
        let log = directory.path().join("store.db-wal");
        let file = fs::File::options().write(true).open(&log).unwrap();
        file.set_len(size).unwrap();
        for n in 4..6 {
            let written = store.commit(&[accept(n)]).await;
            let Err(StoreError::NotNow { why, .. }) = written else {
                panic!("cut to {size} bytes: {written:?}");
            };
            assert!(why.contains("store.db-wal was cut"), "{why}");
        }
        assert!(store.verify().await.is_err(), "cut to {size} bytes");
        let before = fs::read(&path).unwrap();
        store.close().await;
        assert!(fs::read(&path).unwrap() == before, "the gap is folded in");
    }
}

#[tokio::test]
async fn closing_a_store_keeps_what_was_acknowledged_before_its_log_was_removed() {
    let (directory, path) = place();
    let store = opened(&path).await;
    commit(&store, &[accept(1)]).await;
    fs::remove_file(directory.path().join("store.db-wal")).unwrap();
    refused(&store).await;
    store.close().await;
    let store = opened(&path).await;
    record(&store, 1).await;
    store.close().await;
}

#[tokio::test]
async fn a_log_that_a_crash_left_unsound_is_begun_anew() {
    let (directory, path) = place();
    opened(&path).await.close().await;
    let log = directory.path().join("store.db-wal");
    fs::write(&log, vec![0; 40_000]).unwrap();
    let store = opened(&path).await;
    store.verify().await.unwrap();
    commit(&store, &[accept(1)]).await;
    store.verify().await.unwrap();
    store.close().await;
    let store = opened(&path).await;
    record(&store, 1).await;
    store.close().await;
}

#[tokio::test]
async fn a_log_that_another_program_empties_by_a_checkpoint_is_as_good() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    for n in 1..4 {
        commit(&store, &[accept(n)]).await;
    }
    let other = SqliteConnectOptions::new().filename(&path);
    let mut other = other.connect().await.unwrap();
    let empty = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    empty.execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert_eq!(
        fs::metadata(path.with_extension("db-wal")).unwrap().len(),
        0
    );
    store.verify().await.unwrap();
    commit(&store, &[accept(4)]).await;
    store.verify().await.unwrap();
    store.close().await;
    let store = opened(&path).await;
    for n in 1..5 {
        record(&store, n).await;
    }
    store.close().await;
}

#[tokio::test]
async fn another_way_to_the_same_file_is_as_good() {
    let (directory, path) = place();
    let link = directory.path().join("link.db");
    let store = opened(&path).await;
    commit(&store, &[accept(1)]).await;
    let there = directory.path().join("there.db");
    fs::rename(&path, &there).unwrap();
    symlink(&there, &path).unwrap();
    store.verify().await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::rename(&there, &path).unwrap();
    symlink(&path, &link).unwrap();
    store.close().await;
    let store = opened(&link).await;
    record(&store, 1).await;
    fs::remove_file(&link).unwrap();
    // It goes by where the link led.
    commit(&store, &[accept(2)]).await;
    store.close().await;
}

/// Opens the store with ever more descriptors until there are enough.
pub(super) async fn lack_descriptors(path: &Path) {
    let in_use = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut is_open = false;
    for more in 0..40 {
        let limit = Rlimit {
            current: Some(in_use + more),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limit).unwrap();
        match SqliteStore::open(path).await {
            Ok(store) => {
                store.close().await;
                is_open = true;
            }
            Err(StoreError::NotNow {
                doing: "opened",
                why,
            }) => assert!(!why.is_empty()),
            Err(other) => say(format!("with {more} more: {other}")),
        }
    }
    say(if is_open { "opened" } else { "never opened" });
}

#[tokio::test]
async fn a_lack_of_descriptors_may_pass() {
    for is_new in [true, false] {
        let (_directory, path) = place();
        if !is_new {
            opened(&path).await.close().await;
        }
        let mut worker = Worker::start(LACKS_DESCRIPTORS, &path);
        let said: Vec<String> = std::iter::from_fn(|| worker.says()).collect();
        assert_eq!(said, ["opened"], "is new: {is_new}");
    }
}
