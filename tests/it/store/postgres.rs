//! What can be seen of PostgreSQL only.

use std::time::Duration;

use dcs_wait::model::{DeliveryState, Outcome};
use dcs_wait::store::{
    Held, Notice, PostgresPlan, PostgresStore, Renewal, SharedStore, Store, StoreError, WatchFilter,
};
use tokio::time::timeout;

use super::samples::{
    accept, attempted, commit, delivery, delivery_id, durations, end, end_of, page, record,
    watch_id, words,
};
use crate::postgres::{Database, Proxy, Server};

/// Stores an ended watch that somebody then changes by hand, and says what is answered when that is
/// read.
async fn answer_after(sql: &str) -> String {
    let database = Database::new().await;
    let store = database.joined("one").await;
    let owed = vec![delivery(1, 1, "ci")];
    commit(&store, &[accept(1), end(1, Outcome::Failed, owed)]).await;
    commit(&store, &[attempted(1, 1, DeliveryState::Dead)]).await;
    database.change(sql).await;
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
    for (sql, row, why) in [
        (
            "UPDATE watch SET outcome = 'won'",
            &watch,
            "no outcome \"won\"",
        ),
        ("UPDATE watch SET ended_at = NULL", &watch, "not when"),
        ("UPDATE watch SET polls = -1", &watch, "out of range"),
        (
            "UPDATE watch SET fence = 4294967296",
            &watch,
            "out of range",
        ),
        ("UPDATE watch SET hooks = 'a b/c'", &watch, "'/'"),
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
        ("UPDATE attempt SET took = -5", &delivery, "out of range"),
    ] {
        let answer = answer_after(sql).await;
        assert!(answer.contains(row.as_str()), "{sql}: {answer}");
        assert!(answer.contains(why), "{sql}: {answer}");
    }
}

#[tokio::test]
async fn durations_that_make_no_sense_are_left_out() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    commit(&store, &[accept(1), end_of(1, "swap", 3)]).await;
    let added = "INSERT INTO duration (project, job_type, began, took) VALUES \
         ('main', 'swap', 0, -1), ('main', '', 0, 5), ('ma in', 'swap', 0, 5), \
         ('', 'swap', 0, 5), ('main', 'swap', 0, 196000001), \
         ('main', 'swap', 0, 9223372036854775807), \
         ('main', 'swap', -9223372036854775808, 4000)";
    database.change(added).await;
    assert_eq!(durations(&store).await, ["main swap [3.0, 4.0]"]);
    store.close().await;
}

#[tokio::test]
async fn the_last_durations_are_kept_whoever_adds_one() {
    let database = Database::new().await;
    let store = database.opened().await;
    let added = "INSERT INTO duration (project, job_type, began, took) \
         SELECT 'main', 'swap', n, n FROM generate_series(1, 1000) AS n; \
         INSERT INTO duration (project, job_type, began, took) VALUES ('main', 'resize', 1, 1)";
    database.change(added).await;
    let kept = store.durations().await.unwrap();
    let swaps: Vec<_> = kept[1].2.iter().map(|one| one.as_millis()).collect();
    assert_eq!(swaps, (937..=1000).collect::<Vec<_>>());
    store.close().await;
}

#[tokio::test]
async fn counts_are_true_whoever_changes_rows() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    for n in 1..4 {
        let owed = vec![delivery(n, n, "ci")];
        commit(
            &store,
            &[accept(n), accept(n + 10), end(n, Outcome::Failed, owed)],
        )
        .await;
    }
    database
        .change(
            "DELETE FROM watch WHERE job_id = 'job-1'; \
             UPDATE delivery SET state = 'dead' WHERE hook = 'ci' AND created_at % 2 = 0; \
             DELETE FROM watch WHERE outcome IS NULL AND job_id = 'job-11'; \
             UPDATE watch SET outcome = NULL, ended_at = NULL WHERE job_id = 'job-3'",
        )
        .await;
    let counts = store.counts().await.unwrap();
    let all = (counts.active, counts.ended, counts.pending, counts.dead);
    assert_eq!(all, (3, 1, 1, 1));
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_and_the_next_succeeds() {
    let database = Database::new().await;
    let store = database.joined("one").await;
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
    let database = Database::new().await;
    let store = database.joined("one").await;
    let many: Vec<_> = (100..200).map(accept).collect();
    for n in 0..20 {
        let given_up = timeout(Duration::from_micros(n * 200), store.commit(&many)).await;
        drop(given_up);
    }
    commit(&store, &[accept(1)]).await;
    let all = WatchFilter::default();
    let kept = store.watches(&all, page(None, 1000)).await.unwrap().len();
    assert!(kept == 1 || kept == 101, "{kept}");
    store.close().await;
}

#[tokio::test]
async fn a_commit_writes_something_even_without_changes() {
    let database = Database::new().await;
    let store = database.opened().await;
    assert!(store.commit(&[]).await.unwrap().is_empty());
    let read_only = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    );
    database.change(&read_only).await;
    store.close().await;
    let refused = PostgresStore::open(database.plan("one")).await.err();
    let refused = refused.expect("it can't be written").to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    store.close().await;
    let unwritten = store.commit(&[accept(2)]).await.unwrap_err();
    assert_eq!(
        unwritten.to_string(),
        "the store can't be written: it is closed"
    );
    let unread = store.counts().await.unwrap_err();
    assert_eq!(unread.to_string(), "the store can't be read: it is closed");
}

#[tokio::test]
async fn what_cannot_be_had_within_its_time_is_given_up() {
    let database = Database::new().await;
    let proxy = Proxy::to(database.server()).await;
    let store = through(&proxy, &database).await;
    commit(&store, &[accept(1)]).await;
    alive(&store).await;
    proxy.swallow(true);
    let (written, renewed, read) = tokio::join!(
        store.commit(&[]),
        store.renew(Held::default()),
        store.counts()
    );
    for error in [written.err(), renewed.err(), read.err()] {
        let error = error.expect("nobody answers").to_string();
        assert!(error.contains("hasn't answered within 7 s"), "{error}");
    }
    proxy.swallow(false);
    alive(&store).await;
    commit(&store, &[accept(2)]).await;
    assert_eq!(store.counts().await.unwrap().active, 2);
    store.close().await;
}

/// A store that reaches its database by that way.
async fn through(proxy: &Proxy, database: &Database) -> PostgresStore {
    let plan = PostgresPlan {
        url: format!(
            "postgres://postgres@{}/{}",
            proxy.address(),
            database.name()
        ),
        ..database.plan("one")
    };
    let store = PostgresStore::open(plan).await.unwrap();
    store.join().await.unwrap();
    store
}

async fn alive(store: &PostgresStore) {
    let renewal = store.renew(Held::default()).await.unwrap();
    assert!(matches!(renewal, Renewal::Renewed(_)), "{renewal:?}");
}

#[tokio::test]
async fn a_listener_notices_that_nobody_speaks_any_more() {
    let database = Database::new().await;
    let proxy = Proxy::to(database.server()).await;
    let store = through(&proxy, &database).await;
    assert_eq!(store.notice().await, Notice::Missed);
    proxy.swallow(true);
    proxy.swallow(false);
    // What went through while it swallowed is nothing: the connection is as good as before.
    let other = database.joined("two").await;
    assert_eq!(store.notice().await, Notice::Changed);
    proxy.swallow(true);
    other.leave().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    proxy.swallow(false);
    let next = timeout(Duration::from_secs(30), store.notice()).await;
    assert_eq!(next.expect("a new connection"), Notice::Missed);
    other.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_server_that_crashes_is_used_again_once_it_is_there() {
    let server = Server::private();
    let database = Database::on(std::sync::Arc::clone(&server)).await;
    let store = database.joined("one").await;
    commit(&store, &[accept(1)]).await;
    assert_eq!(store.notice().await, Notice::Missed);
    for n in 2..4 {
        server.crash();
        let refused = store.commit(&[accept(n)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotNow { .. }), "{refused}");
        server.start();
        // A connection that was used a moment ago isn't asked whether it is still there.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(words(&commit(&store, &[accept(n)]).await), ["accepted"]);
        alive(&store).await;
        assert_eq!(store.counts().await.unwrap().active, n);
        let next = timeout(Duration::from_secs(20), store.notice()).await;
        assert_eq!(next.expect("a new connection"), Notice::Missed);
    }
    store.close().await;
}

#[tokio::test]
async fn a_lease_is_renewed_while_a_large_commit_is_under_way() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    commit(&store, &[accept(1)]).await;
    // Somebody has the watch locked that is to be noted.
    let mut other = database.connected().await;
    crate::postgres::change(&mut other, "BEGIN; SELECT FROM watch FOR UPDATE").await;
    let ending = [end(1, Outcome::Failed, vec![delivery(1, 1, "ci")])];
    let renewing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for _ in 0..3 {
            let renewed = timeout(Duration::from_secs(2), alive(&store)).await;
            renewed.expect("it waits for nobody");
        }
        crate::postgres::change(&mut other, "COMMIT").await;
    };
    let (ended, ()) = tokio::join!(store.commit(&ending), renewing);
    assert_eq!(words(&ended.unwrap()), ["done"]);
    store.close().await;
}

#[tokio::test]
async fn a_row_that_stays_locked_is_given_up_and_nothing_else_is_held_up() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    commit(&store, &[accept(1), accept(2)]).await;
    let mut other = database.connected().await;
    let lock = "BEGIN; SELECT FROM watch WHERE job_id = 'job-1' FOR UPDATE";
    crate::postgres::change(&mut other, lock).await;
    let refused = store.commit(&[end(1, Outcome::Failed, vec![])]).await;
    assert!(
        matches!(refused, Err(StoreError::NotNow { .. })),
        "{refused:?}"
    );
    let ended = commit(&store, &[end(2, Outcome::Failed, vec![])]).await;
    assert_eq!(words(&ended), ["done"]);
    store.close().await;
}
