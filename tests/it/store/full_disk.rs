//! A disk that is full for a while.
//!
//! A limit on the size of files stands in for it: the system refuses to write more, for this process
//! alone, whatever the file system.

use std::path::Path;

use dcs_wait::model::Outcome;
use dcs_wait::store::{Store, StoreError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::child::{FILLS_THE_DISK, Worker, say};
use super::samples::{accept, delivery, end, opened, place, record, watch_id, words};

fn limit_files_to(bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        ..getrlimit(Resource::Fsize)
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

/// Runs in a process of its own, which the limit is for.
pub(super) async fn fill(path: &Path) {
    let store = opened(path).await;
    store.commit(&[accept(1)]).await.unwrap();
    limit_files_to(Some(4096));

    let outcome = end(1, Outcome::Failed, vec![delivery(1, 1, "ci")]);
    for change in [accept(2), outcome.clone(), accept(2)] {
        let refused = store.commit(&[change]).await;
        let Err(StoreError::NotNow { doing, why }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(doing, "written");
        assert!(!why.is_empty());
    }
    let probe = store.commit(&[]).await;
    assert!(matches!(probe, Err(StoreError::NotNow { .. })), "{probe:?}");
    say("it is full");

    // What is there can still be read, and nothing of what was refused is.
    assert!(record(&store, 1).await.end.is_none());
    assert!(store.watch(watch_id(2)).await.unwrap().is_none());
    assert_eq!(store.counts().await.unwrap().active, 1);
    say("it is read");

    limit_files_to(None);
    let effects = store.commit(&[outcome, accept(2)]).await.unwrap();
    assert_eq!(words(&effects), ["done", "accepted"]);
    store.commit(&[]).await.unwrap();
    say("it is written again");
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_is_an_error_until_there_is_room_again() {
    let (_directory, path) = place();
    let mut worker = Worker::start(FILLS_THE_DISK, &path);
    let said: Vec<String> = std::iter::from_fn(|| worker.says()).collect();
    let expected = ["it is full", "it is read", "it is written again"];
    assert_eq!(said, expected);

    let store = opened(&path).await;
    assert!(record(&store, 1).await.end.is_some());
    assert!(record(&store, 2).await.end.is_none());
    let pending = store.pending(None, 10).await.unwrap();
    assert_eq!(pending, [delivery(1, 1, "ci")]);
    store.close().await;
}
