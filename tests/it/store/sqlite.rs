//! What can be seen of SQLite only.

use dcs_wait::model::Outcome;
use dcs_wait::store::{Store, StoreError, WatchFilter};

use super::opening::change;
use super::samples::{
    accept, attempted, commit, delivery, delivery_id, durations, end, end_of, opened, page, place,
    record, watch_id, words,
};

/// Opens a store with an ended watch that somebody has changed by hand, and says what it answers
/// when that is read.
async fn answer_after(sql: &'static str) -> String {
    let (_directory, path) = place();
    let store = opened(&path).await;
    let owed = vec![delivery(1, 1, "ci")];
    commit(&store, &[accept(1), end(1, Outcome::Failed, owed)]).await;
    commit(
        &store,
        &[attempted(1, 1, dcs_wait::model::DeliveryState::Dead)],
    )
    .await;
    store.close().await;
    change(&path, sql).await;

    let store = opened(&path).await;
    let watch = store.watch(watch_id(1)).await.err();
    let delivery = store.delivery(delivery_id(1)).await.err();
    let error = watch.or(delivery).expect("it makes no sense");
    assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
    store.close().await;
    error.to_string()
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let watch = format!("watch {}", watch_id(1));
    let delivery = format!("delivery {}", delivery_id(1));
    let cases = [
        (
            "UPDATE watch SET outcome = 'won'",
            &watch,
            "no outcome \"won\"",
        ),
        ("UPDATE watch SET ended_at = NULL", &watch, "not when"),
        ("UPDATE watch SET polls = -1", &watch, "out of range"),
        ("UPDATE watch SET hooks = 'a b/c'", &watch, "'/'"),
        (
            "UPDATE watch SET project = CAST(x'ff' AS TEXT)",
            &watch,
            "utf-8",
        ),
        (
            "UPDATE answers SET answer = CAST(x'ff' AS TEXT)",
            &watch,
            "utf-8",
        ),
        ("UPDATE watch SET job_id = ''", &watch, "empty"),
        (
            "UPDATE watch SET fault_message = '', fault_status = 70000",
            &watch,
            "out of range",
        ),
        (
            "UPDATE answers SET count = 4294967296",
            &watch,
            "out of range",
        ),
        (
            "UPDATE delivery SET state = 'lost'",
            &delivery,
            "no state \"lost\"",
        ),
        (
            "UPDATE delivery SET state = 'pending'",
            &delivery,
            "due at no time",
        ),
        (
            "UPDATE delivery SET watch_id = x'00'",
            &delivery,
            "16 bytes",
        ),
        ("UPDATE attempt SET took = -5", &delivery, "out of range"),
    ];
    for (sql, row, why) in cases {
        let sql = Box::leak(format!("PRAGMA foreign_keys = OFF; {sql}").into_boxed_str());
        let answer = answer_after(sql).await;
        assert!(answer.contains(row.as_str()), "{sql}: {answer}");
        assert!(answer.contains(why), "{sql}: {answer}");
    }
}

#[tokio::test]
async fn durations_that_make_no_sense_are_left_out() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    commit(&store, &[accept(1), end_of(1, "swap", 3)]).await;
    store.close().await;
    let added = "INSERT INTO duration (project, job_type, began, took) VALUES \
         ('main', 'swap', 0, -1), ('main', '', 0, 5), ('ma in', 'swap', 0, 5), \
         ('', 'swap', 0, 5), ('main', 'swap', 0, 196000001), \
         ('main', 'swap', 0, 9223372036854775807), ('main', CAST(x'ff' AS TEXT), 0, 5), \
         ('main', 'swap', -9223372036854775808, 4000)";
    change(&path, added).await;
    let store = opened(&path).await;
    assert_eq!(durations(&store).await, ["main swap [3.0, 4.0]"]);
    store.close().await;
}

#[tokio::test]
async fn the_last_durations_are_kept_whoever_adds_one() {
    let (_directory, path) = place();
    opened(&path).await.close().await;
    let added = "WITH RECURSIVE number(n) AS \
         (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000) \
         INSERT INTO duration (project, job_type, began, took) \
         SELECT 'main', 'swap', n, n FROM number; \
         INSERT INTO duration (project, job_type, began, took) VALUES ('main', 'resize', 1, 1)";
    change(&path, added).await;
    let store = opened(&path).await;
    let kept = store.durations().await.unwrap();
    let swaps: Vec<_> = kept[1].2.iter().map(|one| one.as_millis()).collect();
    assert_eq!(swaps, (937..=1000).collect::<Vec<_>>());
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_and_the_next_succeeds() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    commit(&store, &[accept(1), accept(2)]).await;
    // A delivery under an ID that is taken.
    let ends = [
        end(1, Outcome::Failed, vec![delivery(1, 1, "ci")]),
        end(2, Outcome::Failed, vec![delivery(1, 2, "ci")]),
    ];
    let refused = store.commit(&ends).await;
    assert!(
        matches!(refused, Err(StoreError::NotNow { .. })),
        "{refused:?}"
    );
    assert!(record(&store, 1).await.end.is_none());
    assert!(store.pending(None, 9).await.unwrap().is_empty());
    assert_eq!(words(&commit(&store, &ends[..1]).await), ["done"]);
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_leaves_the_store_usable() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    let many: Vec<_> = (100..200).map(accept).collect();
    for _ in 0..20 {
        let commit = store.commit(&many);
        tokio::select! {
            biased;
            done = commit => drop(done.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    commit(&store, &[accept(1)]).await;
    let all = WatchFilter::default();
    let kept = store.watches(&all, page(None, 1000)).await.unwrap().len();
    assert!(kept == 1 || kept == 101, "{kept}");
    store.close().await;
}

#[tokio::test]
async fn readers_go_on_while_a_commit_is_under_way() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    let many: Vec<_> = (0..500).map(accept).collect();
    let read = async {
        for _ in 0..20 {
            let active = store.counts().await.unwrap().active;
            assert!(active == 0 || active == 500, "{active}");
        }
    };
    let (stored, ()) = tokio::join!(store.commit(&many), read);
    assert_eq!(stored.unwrap().len(), 500);
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_says_so_and_another_may_open_it() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    commit(&store, &[accept(1)]).await;
    store.close().await;
    let unwritten = store.commit(&[accept(2)]).await.unwrap_err();
    assert_eq!(
        unwritten.to_string(),
        "the store can't be written: it is closed"
    );
    let unread = store.counts().await.unwrap_err();
    assert_eq!(unread.to_string(), "the store can't be read: it is closed");
    let next = opened(&path).await;
    assert_eq!(next.counts().await.unwrap().active, 1);
    next.close().await;
}
