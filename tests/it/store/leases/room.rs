//! How many new watches a daemon takes.

use dcs_wait::model::Watch;
use dcs_wait::store::{Change, Effect, PostgresStore, SharedStore, Store};

use super::{close, two, watches};
use crate::store::samples::{accept, commit, watch};

/// For each of these watches, whether it was taken.
async fn taken(store: &PostgresStore, numbers: std::ops::Range<u64>) -> Vec<bool> {
    let batch: Vec<Watch> = numbers.map(watch).collect();
    let effects = commit(store, &[Change::AcceptAll(batch)]).await;
    let Effect::Each(each) = &effects[0] else {
        panic!("{effects:?}");
    };
    held(each)
}

fn held(effects: &[Effect]) -> Vec<bool> {
    let held = |effect: &Effect| matches!(effect, Effect::Accepted { held: true, .. });
    effects.iter().map(held).collect()
}

#[tokio::test]
async fn watches_beyond_the_room_are_orphans() {
    let (_database, one, two) = two().await;
    one.make_room(3);
    assert_eq!(taken(&one, 0..2).await, [true, true]);
    assert_eq!(taken(&one, 2..5).await, [true, false, false]);
    assert_eq!(taken(&one, 5..6).await, [false]);
    let claimed = two.claim_watches(9).await.unwrap();
    assert_eq!(watches(&claimed), [(3, 2), (4, 2), (5, 2)]);
    one.make_room(1);
    let effects = commit(&one, &[accept(6), accept(7)]).await;
    assert_eq!(held(&effects), [true, false]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_is_joined_takes_no_room() {
    let (_database, one, two) = two().await;
    one.make_room(3);
    taken(&one, 0..2).await;
    let mut again = watch(10);
    again.job_id = watch(0).job_id;
    commit(&one, &[Change::Accept(again)]).await;
    assert_eq!(taken(&one, 2..4).await, [true, false]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_commit_that_fails_takes_no_room() {
    let (_database, one, two) = two().await;
    one.make_room(1);
    commit(&two, &[accept(9)]).await;
    // An ID that is taken, for another job.
    let mut taken_id = watch(9);
    taken_id.job_id = "another".parse().unwrap();
    let refused = [accept(2), Change::Accept(taken_id)];
    assert!(one.commit(&refused).await.is_err());
    assert_eq!(taken(&one, 3..5).await, [true, false]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn there_is_room_without_end_before_it_is_made() {
    let (_database, one, two) = two().await;
    assert!(!taken(&one, 0..500).await.contains(&false));
    close([&one, &two]).await;
}
