//! Databases of earlier versions become ones of this version, with all that they have.

use std::path::Path;

use dcs_wait::model::{JobStatus, Outcome};
use dcs_wait::store::{Change, Counts, Store, WatchFilter};

use super::opening::change;
use super::samples::{
    accept, commit, durations, end_of, opened, page, place, record, watch, watch_id, words,
};

/// Makes a database of version 1, empty.
async fn of_version_1(path: &Path) {
    let made = concat!(
        include_str!("../../../src/store/sqlite/migrations/0001_initial.sql"),
        "PRAGMA application_id = 0x64637377; PRAGMA user_version = 1;",
    );
    change(path, made).await;
}

/// Adds watches to a database of version 1 that have ended in the order of their numbers, and whose
/// jobs ran for as many seconds as their number says.
macro_rules! add_watches {
    ($first:literal, $last:literal, $job_type:literal) => {
        concat!(
            "WITH RECURSIVE number(n) AS \
             (SELECT ",
            $first,
            " UNION ALL SELECT n + 1 FROM number WHERE n < ",
            $last,
            ") \
             INSERT INTO watch SELECT unhex(printf('%016x0707070707070707', n)), 'main', 'job-' || n, \
             'ci chat', 1790000000000 + n, 1790000060000 + n, 3, 'SUCCESS', ",
            $job_type,
            ", 1790000000000, 1790000000000 + n * 1000, NULL, 'succeeded', 1790000500000 + n, \
             NULL, NULL, NULL, NULL FROM number;"
        )
    };
}

#[tokio::test]
async fn a_store_of_version_1_comes_up_with_everything_that_it_had() {
    let (_directory, path) = place();
    of_version_1(&path).await;
    change(&path, add_watches!(1, 3, "'swap'")).await;
    change(
        &path,
        "UPDATE watch SET outcome = NULL, ended_at = NULL, job_end = NULL, \
         job_status = 'RUNNING' WHERE job_id = 'job-3';",
    )
    .await;

    let store = opened(&path).await;
    let ended = record(&store, 1).await;
    assert_eq!(ended.watch, watch(1));
    assert_eq!(ended.end.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(ended.progress.polls, 3);
    let active = record(&store, 3).await;
    assert_eq!(active.end, None);
    assert_eq!(active.progress.job.unwrap().status, JobStatus::Running);
    let counts = Counts {
        active: 1,
        ended: 2,
        ..Counts::default()
    };
    assert_eq!(store.counts().await.unwrap(), counts);

    assert_eq!(words(&commit(&store, &[accept(3)]).await), ["joined"]);
    let effects = commit(&store, &[end_of(3, "swap", 7)]).await;
    assert_eq!(words(&effects), ["done"]);
    assert_eq!(durations(&store).await, ["main swap [1.0, 2.0, 7.0]"]);
    store.close().await;

    let again = opened(&path).await;
    assert_eq!(durations(&again).await, ["main swap [1.0, 2.0, 7.0]"]);
    again.close().await;
}

#[tokio::test]
async fn what_ended_last_before_version_2_is_known_at_once() {
    let (_directory, path) = place();
    of_version_1(&path).await;
    change(&path, add_watches!(1, 100, "'swap'")).await;
    change(&path, add_watches!(101, 103, "'resize'")).await;
    // By when they ended, not by when they were accepted.
    change(
        &path,
        "UPDATE watch SET ended_at = 1 WHERE job_id = 'job-100'; \
         UPDATE watch SET ended_at = ended_at + 1000 WHERE job_id = 'job-7'; \
         UPDATE watch SET job_status = 'FAIL', outcome = 'failed' WHERE job_id = 'job-102'; \
         UPDATE watch SET project = 'annex' WHERE job_id = 'job-103';",
    )
    .await;
    let store = opened(&path).await;
    let swaps: Vec<f64> = (37..=99).chain([7]).map(f64::from).collect();
    let expected = [
        "annex resize [103.0]",
        "main resize [101.0, 102.0]",
        &format!("main swap {swaps:?}"),
    ];
    assert_eq!(durations(&store).await, expected);
    store.close().await;
}

#[tokio::test]
async fn what_makes_no_sense_in_version_1_is_not_learned() {
    for nonsense in [
        "UPDATE watch SET job_end = job_begin - 1",
        "UPDATE watch SET job_end = job_begin + 196000001",
        "UPDATE watch SET job_end = 9223372036854775807, job_begin = -9223372036854775808",
        "UPDATE watch SET job_end = NULL",
        "UPDATE watch SET job_begin = NULL",
        "UPDATE watch SET job_type = NULL",
        "UPDATE watch SET job_type = ''",
        "UPDATE watch SET job_type = printf('%.101c', 'x')",
        "UPDATE watch SET job_type = '界界界界界界界界界界界界界界界界界界界界界界界界界界界界界界界界界界'",
        "UPDATE watch SET job_status = 'RUNNING', outcome = 'timed_out'",
        "UPDATE watch SET job_status = NULL, outcome = 'not_found'",
        "UPDATE watch SET outcome = NULL, ended_at = NULL",
    ] {
        let (_directory, path) = place();
        of_version_1(&path).await;
        change(&path, add_watches!(3, 3, "'swap'")).await;
        change(&path, nonsense).await;
        let store = opened(&path).await;
        assert!(durations(&store).await.is_empty(), "{nonsense}");
        store.close().await;
    }
}

#[tokio::test]
async fn no_more_types_are_taken_over_than_an_engine_keeps() {
    let (_directory, path) = place();
    of_version_1(&path).await;
    change(&path, add_watches!(1, 300, "printf('type-%03d', n)")).await;
    let store = opened(&path).await;
    let kept = durations(&store).await;
    assert_eq!(kept.len(), 200);
    assert_eq!(kept[199], "main type-200 [200.0]");
    store.close().await;
}

#[tokio::test]
async fn in_a_store_of_version_2_what_an_order_joins_stays_so() {
    let (_directory, path) = place();
    of_version_1(&path).await;
    let version_2 = concat!(
        include_str!("../../../src/store/sqlite/migrations/0002_durations.sql"),
        "PRAGMA user_version = 2;",
    );
    change(&path, version_2).await;
    change(&path, add_watches!(1, 4, "'swap'")).await;
    change(
        &path,
        "UPDATE watch SET outcome = 'failed' WHERE job_id = 'job-2'; \
         UPDATE watch SET outcome = 'cancelled' WHERE job_id = 'job-3'; \
         UPDATE watch SET outcome = NULL, ended_at = NULL WHERE job_id = 'job-4';",
    )
    .await;

    let store = opened(&path).await;
    let again: Vec<Change> = (1..=4)
        .map(|n| {
            let mut again = watch(n + 10);
            again.job_id = watch(n).job_id;
            Change::Accept(again)
        })
        .collect();
    let effects = commit(&store, &again).await;
    assert_eq!(words(&effects), ["joined", "joined", "accepted", "joined"]);
    for (outcome, ids) in [
        (Outcome::Succeeded, vec![watch_id(1)]),
        (Outcome::Failed, vec![watch_id(2)]),
        (Outcome::Cancelled, vec![watch_id(3)]),
    ] {
        let filter = WatchFilter {
            outcome: Some(outcome),
            ..WatchFilter::default()
        };
        let found = store.watches(&filter, page(None, 10)).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| one.watch.id).collect();
        assert_eq!(found, ids, "{outcome:?}");
    }
    store.close().await;
}
