//! What daemons tell each other.

use std::time::Duration;

use dcs_wait::model::Outcome;
use dcs_wait::store::{Notice, PostgresStore, SharedStore, Wish};
use tokio::time::timeout;

use super::{accept_each, alive, close, die, owe, two};
use crate::postgres::Database;
use crate::store::samples::{accept, commit, end, watch_id};

/// The next notice, which comes soon.
async fn notice(store: &PostgresStore) -> Notice {
    timeout(Duration::from_secs(20), store.notice())
        .await
        .expect("a notice")
}

/// Waits for the first notice, and for those that the daemons' joining made.
async fn listening(stores: [&PostgresStore; 2]) {
    for store in stores {
        assert_eq!(notice(store).await, Notice::Missed);
    }
}

/// Nothing has been told.
async fn assert_silent(store: &PostgresStore) {
    let told = timeout(Duration::from_millis(300), store.notice()).await;
    assert!(told.is_err(), "{told:?}");
}

#[tokio::test]
async fn the_first_notice_is_that_some_may_be_missing() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    assert_eq!(notice(&store).await, Notice::Missed);
    assert_silent(&store).await;
    store.close().await;
}

#[tokio::test]
async fn others_hear_what_has_ended_and_whoever_ended_it_does_not() {
    let (_database, one, two) = two().await;
    listening([&one, &two]).await;
    accept_each(&one, 0..250).await;
    let ends: Vec<_> = (0..250).map(|n| end(n, Outcome::Failed, vec![])).collect();
    commit(&one, &ends).await;
    let mut heard = Vec::new();
    while heard.len() < 250 {
        match notice(&two).await {
            Notice::Ended(ids) => heard.extend(ids),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, (0..250).map(watch_id).collect::<Vec<_>>());
    assert_silent(&one).await;
    assert_silent(&two).await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn one_that_is_alone_tells_nobody() {
    let database = Database::new().await;
    let store = database.joined("one").await;
    alive(&store).await;
    let other = database.opened().await;
    assert_eq!(notice(&other).await, Notice::Missed);
    commit(&store, &[accept(1), end(1, Outcome::Failed, vec![])]).await;
    assert_silent(&other).await;
    other.close().await;
    store.close().await;
}

#[tokio::test]
async fn what_is_wanted_is_told_to_its_owner_alone() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..2).await;
    listening([&one, &two]).await;
    two.wish(watch_id(1), Wish::PollNow).await.unwrap();
    assert_eq!(notice(&one).await, Notice::Wished);
    assert_silent(&two).await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn whoever_acquires_what_something_is_wanted_of_hears_that() {
    let (database, one, two) = two().await;
    accept_each(&one, 1..3).await;
    two.wish(watch_id(1), Wish::CallOff).await.unwrap();
    assert_eq!(notice(&two).await, Notice::Missed);
    die(&database, "one", &two).await;
    assert_eq!(notice(&two).await, Notice::Changed);
    two.claim_watches(9).await.unwrap();
    assert_eq!(notice(&two).await, Notice::Wished);
    close([&one, &two]).await;
}

#[tokio::test]
async fn all_hear_who_comes_and_goes_and_what_nobody_holds() {
    let (database, one, two) = two().await;
    listening([&one, &two]).await;
    let third = database.joined("three").await;
    assert_eq!(notice(&one).await, Notice::Changed);
    third.leave().await.unwrap();
    assert_eq!(notice(&one).await, Notice::Changed);
    two.make_room(0);
    commit(&two, &[accept(1)]).await;
    assert_eq!(notice(&one).await, Notice::Changed);
    third.close().await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn deliveries_that_are_given_up_are_told() {
    let (_database, one, two) = two().await;
    owe(&one, 1).await;
    listening([&one, &two]).await;
    let held = one.held_deliveries(None, 9).await.unwrap();
    one.release_deliveries(&[(held[0].id, held[0].fence)])
        .await
        .unwrap();
    assert_eq!(notice(&two).await, Notice::Changed);
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_comes_while_nobody_waits_is_told_later() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..4).await;
    listening([&one, &two]).await;
    for n in 1..4 {
        commit(&one, &[end(n, Outcome::Failed, vec![])]).await;
    }
    // Waiting is given up often, and nothing is lost with that.
    let mut heard = Vec::new();
    while heard.len() < 3 {
        match timeout(Duration::from_micros(50), two.notice()).await {
            Ok(Notice::Ended(ids)) => heard.extend(ids),
            Ok(other) => panic!("{other:?}"),
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert_eq!(heard, [1, 2, 3].map(watch_id));
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_anew_and_some_may_be_missing() {
    let (database, one, two) = two().await;
    listening([&one, &two]).await;
    for _ in 0..2 {
        let all_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.change(all_others).await;
        assert_eq!(notice(&two).await, Notice::Missed);
    }
    close([&one, &two]).await;
}
