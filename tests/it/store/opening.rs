//! What a store is opened on, and what it refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use dcs_wait::store::{SqliteStore, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::child::{OPENS, Worker, say};
use super::samples::{accept, commit, opened, place, record, refusal};

/// The user `nobody`, for whom permissions count.
const NOBODY: u32 = 65534;

/// Opens the store, says so, and keeps it until it is killed; or says why not.
pub(super) async fn open(path: &Path) {
    match SqliteStore::open(path).await {
        Ok(_store) => {
            say("opened");
            std::future::pending().await
        }
        Err(error) => say(error),
    }
}

/// Changes a database as somebody with another program does.
pub(super) async fn change(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn with_one_watch(path: &Path) {
    let store = opened(path).await;
    commit(&store, &[accept(1)]).await;
    store.close().await;
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let (_directory, path) = place();
    with_one_watch(&path).await;
    let store = opened(&path).await;
    assert_eq!(record(&store, 1).await.watch, super::samples::watch(1));
    assert_eq!(store.counts().await.unwrap().active, 1);
    store.close().await;
}

#[tokio::test]
async fn its_files_are_its_users_alone() {
    let (directory, path) = place();
    let store = opened(&path).await;
    commit(&store, &[accept(1)]).await;
    let files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;
}

#[tokio::test]
async fn the_mode_of_a_file_that_is_there_stays() {
    let (_directory, path) = place();
    with_one_watch(&path).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    with_one_watch(&path).await;
    assert_eq!(mode(&path), 0o640);
}

#[tokio::test]
async fn only_a_missing_file_becomes_a_store() {
    for size in [0, 1, 15, 100, 511, 512, 4096] {
        let (directory, path) = place();
        fs::write(&path, vec![0; size]).unwrap();
        fs::write(directory.path().join("store.db-wal"), "changes").unwrap();
        let why = refusal(&path).await;
        assert!(why.contains("is broken"), "{size}: {why}");
        assert!(why.contains("restore a backup"), "{size}: {why}");
        assert_eq!(fs::read(&path).unwrap(), vec![0; size], "{why}");
        let log = fs::read(directory.path().join("store.db-wal")).unwrap();
        assert_eq!(log, b"changes", "{size}: {why}");
    }
}

#[tokio::test]
async fn a_database_without_tables_is_refused() {
    let (_directory, path) = place();
    change(&path, "VACUUM").await;
    assert!(fs::metadata(&path).unwrap().len() >= 512);
    let why = refusal(&path).await;
    assert!(why.contains("the database is empty"), "{why}");
}

#[tokio::test]
async fn a_log_without_its_database_is_refused_and_kept() {
    for suffix in ["-wal", "-journal"] {
        let (directory, path) = place();
        let log = directory.path().join(format!("store.db{suffix}"));
        fs::write(&log, "changes").unwrap();
        let why = refusal(&path).await;
        assert!(why.contains(log.to_str().unwrap()), "{why}");
        assert!(why.contains("restore a backup of both"), "{why}");
        assert_eq!(fs::read(&log).unwrap(), b"changes");
        assert!(!path.exists());
        fs::remove_file(&log).unwrap();
        with_one_watch(&path).await;
    }
}

#[tokio::test]
async fn a_link_to_a_file_that_is_not_there_is_refused() {
    let (directory, path) = place();
    symlink(directory.path().join("unmounted/store.db"), &path).unwrap();
    let why = refusal(&path).await;
    assert!(why.contains("symbolic link"), "{why}");
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[tokio::test]
async fn what_a_start_left_that_was_cut_short_is_no_store_yet() {
    let (directory, path) = place();
    for rest in ["store.db.new", "store.db.new-journal"] {
        fs::write(directory.path().join(rest), "half").unwrap();
    }
    with_one_watch(&path).await;
    let mut files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["store.db", "store.db.lock"]);
}

#[tokio::test]
async fn a_newer_version_is_refused_and_both_versions_are_named() {
    let (_directory, path) = place();
    with_one_watch(&path).await;
    change(&path, "PRAGMA user_version = 7").await;
    let before = fs::read(&path).unwrap();
    let why = refusal(&path).await;
    assert!(why.contains("has version 7"), "{why}");
    assert!(why.contains("versions up to 5"), "{why}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_stays_as_it_is() {
    for sql in [
        "CREATE TABLE browser_history (url TEXT)",
        "PRAGMA application_id = 42",
        "CREATE TABLE watch (id); PRAGMA user_version = 1",
    ] {
        let (_directory, path) = place();
        change(&path, sql).await;
        let before = fs::read(&path).unwrap();
        let why = refusal(&path).await;
        assert!(why.contains("another program"), "{sql}: {why}");
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
    }
}

#[tokio::test]
async fn a_broken_file_is_refused_and_stays_as_it_is() {
    let (_directory, path) = place();
    with_one_watch(&path).await;
    let sound = fs::read(&path).unwrap();

    let mut torn = sound.clone();
    torn.truncate(sound.len() - 5000);
    // The pages after the first, which has the header.
    let mut overwritten = sound.clone();
    overwritten[4096..].fill(0x55);
    let mut header = sound.clone();
    header[..16].fill(0);
    let text = b"this was never a database\n".repeat(100);
    for broken in [torn, overwritten, header, text] {
        fs::write(&path, &broken).unwrap();
        let why = refusal(&path).await;
        assert!(why.contains("is broken"), "{why}");
        assert!(why.contains("restore a backup"), "{why}");
        assert!(fs::read(&path).unwrap() == broken, "it was changed: {why}");
    }
    fs::write(&path, &sound).unwrap();
    with_one_watch(&path).await;
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_told_who_has_the_store() {
    let (directory, path) = place();
    let mut first = Worker::start(OPENS, &path);
    assert_eq!(first.says().as_deref(), Some("opened"));
    let link = directory.path().join("link.db");
    symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let why = refusal(name).await;
        let holder = format!("in use by process {}", first.id());
        assert!(why.contains(&holder), "{why}");
    }
    first.kill();
    with_one_watch(&path).await;
}

#[tokio::test]
async fn a_second_daemon_is_refused_under_every_name_of_the_file() {
    let (directory, path) = place();
    let mut first = Worker::start(OPENS, &path);
    assert_eq!(first.says().as_deref(), Some("opened"));
    let hard_link = directory.path().join("hard-link.db");
    fs::hard_link(&path, &hard_link).unwrap();
    let refused = async |path: &Path| {
        let why = refusal(path).await;
        assert!(why.contains("in use by another process"), "{why}");
        assert!(why.contains("stop that first"), "{why}");
    };
    refused(&hard_link).await;
    fs::remove_file(directory.path().join("store.db.lock")).unwrap();
    refused(&path).await;
    let moved = directory.path().join("moved.db");
    fs::rename(&path, &moved).unwrap();
    refused(&moved).await;
    fs::rename(&moved, &path).unwrap();
    first.kill();
    with_one_watch(&path).await;
}

#[tokio::test]
async fn a_second_name_within_a_process_is_refused_and_leaves_the_first_its_locks() {
    let (directory, path) = place();
    let store = opened(&path).await;
    let hard_link = directory.path().join("hard-link.db");
    fs::hard_link(&path, &hard_link).unwrap();
    let why = refusal(&hard_link).await;
    assert!(why.contains("in use by this process"), "{why}");
    commit(&store, &[accept(1)]).await;
    store.close().await;
    with_one_watch(&hard_link).await;
}

#[tokio::test]
async fn a_store_is_held_within_a_process_too() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    assert!(refusal(&path).await.contains("in use"));
    commit(&store, &[accept(1)]).await;
    store.close().await;
    with_one_watch(&path).await;
}

#[tokio::test]
async fn a_place_that_cannot_be_is_refused() {
    let (directory, path) = place();
    let why = refusal(&directory.path().join("none").join("store.db")).await;
    assert!(why.contains("none can't be entered"), "{why}");
    assert!(why.contains("create it"), "{why}");

    fs::write(&path, "").unwrap();
    let why = refusal(&path.join("store.db")).await;
    assert!(why.contains("store.db"), "{why}");

    let why = refusal(directory.path()).await;
    assert!(why.contains("can't be written"), "{why}");
    assert!(refusal(Path::new("/")).await.contains("/"));
    assert!(refusal(Path::new("")).await.contains("no name"));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    let (directory, path) = place();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Nothing is forbidden to root.
    let is_root = rustix::process::geteuid().is_root();
    let mut worker = Worker::start_as(OPENS, &path, is_root.then_some(NOBODY));
    let why = worker.says().unwrap();
    assert!(why.contains("Permission denied"), "{why}");
    assert!(why.contains("must be writable"), "{why}");
    assert!(why.contains(path.to_str().unwrap()), "{why}");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_refused() {
    let (directory, path) = place();
    with_one_watch(&path).await;
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::remove_file(directory.path().join("store.db.lock")).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let mut worker = Worker::start_as(OPENS, &path, is_root.then_some(NOBODY));
    let why = worker.says().unwrap();
    assert!(why.contains("can't be written"), "{why}");
    assert!(why.contains(path.to_str().unwrap()), "{why}");
}
