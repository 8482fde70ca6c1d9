//! Taking what nobody holds.

use std::collections::HashSet;

use dcs_wait::model::{DeliveryState, Fence};
use dcs_wait::store::{PostgresStore, SharedStore};
use sqlx::Row;

use super::{accept_each, close, deliver, deliveries, die, owe, two, under, watches};
use crate::postgres::Database;
use crate::store::samples::{commit, delivery_id, kept, note, record, words};

#[tokio::test]
async fn orphans_of_the_dead_are_claimed_the_oldest_first_and_their_fences_rise() {
    let (database, one, two) = two().await;
    accept_each(&two, 0..5).await;
    accept_each(&one, 5..7).await;
    assert!(one.claim_watches(9).await.unwrap().is_empty());
    die(&database, "two", &one).await;
    let first = one.claim_watches(2).await.unwrap();
    assert_eq!(watches(&first), [(0, 2), (1, 2)]);
    assert_eq!(first[0], record(&one, 0).await);
    let rest = one.claim_watches(9).await.unwrap();
    assert_eq!(watches(&rest), [(2, 2), (3, 2), (4, 2)]);
    assert!(one.claim_watches(9).await.unwrap().is_empty());
    let held = one.held_watches(None, 9).await.unwrap();
    assert_eq!(
        watches(&held),
        [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 1), (6, 1)]
    );
    let after = one.held_watches(Some(held[4].watch.id), 1).await.unwrap();
    assert_eq!(watches(&after), [(5, 1)]);
    assert!(two.held_watches(None, 9).await.unwrap().is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn orphans_of_several_are_claimed_together() {
    let (database, one, two) = two().await;
    let third = database.joined("three").await;
    accept_each(&third, 0..2).await;
    accept_each(&two, 2..4).await;
    third.make_room(0);
    accept_each(&third, 4..5).await;
    super::expire(&database, "three").await;
    die(&database, "two", &one).await;
    let claimed = one.claim_watches(3).await.unwrap();
    assert_eq!(watches(&claimed), [(0, 2), (1, 2), (2, 2)]);
    let claimed = one.claim_watches(3).await.unwrap();
    assert_eq!(watches(&claimed), [(3, 2), (4, 2)]);
    third.close().await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn pending_deliveries_are_claimed_likewise() {
    let (database, one, two) = two().await;
    owe(&two, 1).await;
    owe(&two, 2).await;
    deliver(&two, 3).await;
    die(&database, "two", &one).await;
    let first = one.claim_deliveries(1).await.unwrap();
    assert_eq!(deliveries(&first), [(1, 2)]);
    assert_eq!(first[0], kept(&one, 1).await.0);
    let rest = one.claim_deliveries(9).await.unwrap();
    assert_eq!(deliveries(&rest), [(2, 2)]);
    let held = one.held_deliveries(None, 9).await.unwrap();
    assert_eq!(deliveries(&held), [(1, 2), (2, 2)]);
    let after = one.held_deliveries(Some(delivery_id(1)), 9).await.unwrap();
    assert_eq!(deliveries(&after), [(2, 2)]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn the_dead_and_those_who_never_joined_claim_nothing() {
    let (database, one, two) = two().await;
    let never = database.opened().await;
    accept_each(&two, 0..3).await;
    owe(&two, 9).await;
    die(&database, "two", &one).await;
    for store in [&two, &never] {
        assert!(store.claim_watches(9).await.unwrap().is_empty());
        assert!(store.claim_deliveries(9).await.unwrap().is_empty());
    }
    never.close().await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_was_stored_by_nobody_is_claimed() {
    let database = Database::new().await;
    let tool = database.opened().await;
    accept_each(&tool, 0..3).await;
    owe(&tool, 9).await;
    tool.close().await;
    let store = database.joined("one").await;
    assert_eq!(store.claim_watches(9).await.unwrap().len(), 3);
    assert_eq!(store.claim_deliveries(9).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn what_is_released_is_claimed_by_another() {
    let (_database, one, two) = two().await;
    accept_each(&two, 0..2).await;
    let progress = dcs_wait::model::Progress {
        polls: 8,
        job: None,
    };
    let release = dcs_wait::store::Change::Release {
        watch_id: crate::store::samples::watch_id(1),
        fence: Fence::FIRST,
        progress: progress.clone(),
        answers: vec![],
    };
    let stale = under(7, release.clone());
    assert_eq!(
        words(&commit(&two, &[stale, release.clone()]).await),
        ["nothing", "done"]
    );
    assert_eq!(words(&commit(&two, &[release]).await), ["nothing"]);
    let claimed = one.claim_watches(9).await.unwrap();
    assert_eq!(watches(&claimed), [(1, 2)]);
    assert_eq!(claimed[0].progress, progress);
    close([&one, &two]).await;
}

#[tokio::test]
async fn deliveries_that_are_given_up_are_claimed_by_another() {
    let (_database, one, two) = two().await;
    for n in 1..4 {
        owe(&two, n).await;
    }
    let held = [
        (delivery_id(1), Fence::FIRST),
        (delivery_id(2), Fence::new(5)),
        (delivery_id(8), Fence::FIRST),
    ];
    two.release_deliveries(&held).await.unwrap();
    one.release_deliveries(&[(delivery_id(3), Fence::FIRST)])
        .await
        .unwrap();
    let claimed = one.claim_deliveries(9).await.unwrap();
    assert_eq!(deliveries(&claimed), [(1, 2)]);
    assert_eq!(
        claimed[0].state,
        DeliveryState::Pending(super::super::samples::at(1))
    );
    close([&one, &two]).await;
}

#[tokio::test]
async fn no_two_ever_claim_the_same() {
    const ALL: u64 = 600;
    let (database, one, two) = two().await;
    let gone = database.joined("gone").await;
    accept_each(&gone, 0..ALL).await;
    die(&database, "gone", &one).await;
    let claim = async |store: &PostgresStore| {
        let mut claimed = Vec::new();
        // Where all that is left is about to be another's, there is nothing to claim for a moment.
        let mut in_vain = 0;
        while in_vain < 3 {
            let batch = store.claim_watches(37).await.unwrap();
            in_vain = if batch.is_empty() { in_vain + 1 } else { 0 };
            claimed.extend(batch);
        }
        claimed
    };
    let third = database.joined("three").await;
    let (a, b, c) = tokio::join!(claim(&one), claim(&two), claim(&third));
    let all: Vec<(u64, u32)> = [a, b, c].iter().flat_map(|some| watches(some)).collect();
    assert!(all.iter().all(|(_, fence)| *fence == 2));
    let distinct: HashSet<u64> = all.iter().map(|(n, _)| *n).collect();
    assert_eq!((all.len(), distinct.len()), (ALL as usize, ALL as usize));
    gone.close().await;
    third.close().await;
    close([&one, &two]).await;
}

#[tokio::test]
async fn very_many_are_claimed_in_batches() {
    let (database, one, two) = two().await;
    for thousand in 0..10 {
        accept_each(&two, thousand * 1000..(thousand + 1) * 1000).await;
    }
    die(&database, "two", &one).await;
    let mut claimed = 0;
    while claimed < 10_000 {
        let batch = one.claim_watches(500).await.unwrap();
        assert_eq!(batch.len(), 500);
        claimed += batch.len();
    }
    assert!(one.claim_watches(500).await.unwrap().is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_claim_waits_for_nobody() {
    let (database, one, two) = two().await;
    accept_each(&two, 0..3).await;
    die(&database, "two", &one).await;
    let mut other = database.connected().await;
    sqlx::raw_sql("BEGIN; SELECT FROM watch WHERE job_id = 'job-0' FOR UPDATE")
        .execute(&mut other)
        .await
        .unwrap();
    let claimed = one.claim_watches(9).await.unwrap();
    assert_eq!(watches(&claimed), [(1, 2), (2, 2)]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn whoever_writes_is_not_declared_dead_before_it_has_written() {
    let (database, one, two) = two().await;
    let id: i64 = sqlx::query("SELECT id FROM instance WHERE name = 'two'")
        .fetch_one(&mut database.connected().await)
        .await
        .unwrap()
        .get(0);
    let mut writer = database.connected().await;
    let begin = format!("BEGIN; SELECT FROM instance WHERE id = {id} FOR KEY SHARE");
    crate::postgres::change(&mut writer, &begin).await;
    super::expire(&database, "two").await;
    assert_eq!(super::alive(&one).await.instances, 2);
    crate::postgres::change(&mut writer, "COMMIT").await;
    assert_eq!(super::alive(&one).await.instances, 1);
    commit(&two, &[note(1, 1)]).await;
    close([&one, &two]).await;
}
