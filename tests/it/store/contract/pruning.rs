//! Forgetting what is old.

use dcs_wait::model::{DeliveryState, Outcome};
use dcs_wait::store::{Change, Counts, PRUNED_AT_ONCE, Store};

use super::each_form;
use crate::store::samples::{
    accept, at, attempted, commit, delivery, delivery_id, end, note, watch, watch_id, words,
};

each_form! {
    what_ended_before_is_forgotten_with_all_that_belongs_to_it
    a_watch_that_goes_on_or_still_owes_is_not_forgotten
    the_job_of_a_forgotten_watch_is_waited_for_anew
    much_is_forgotten_in_steps
}

async fn what_ended_before_is_forgotten_with_all_that_belongs_to_it(store: &dyn Store) {
    for n in [1, 2] {
        let owed = vec![delivery(n, n, "ci")];
        commit(store, &[accept(n), note(n, 1)]).await;
        commit(store, &[end(n, Outcome::Failed, owed)]).await;
        commit(store, &[attempted(n, 1, DeliveryState::Delivered)]).await;
    }
    // The first ended at 1001, the second at 1002.
    let effects = commit(store, &[Change::Prune(at(1002))]).await;
    assert_eq!(words(&effects), ["pruned 1"]);
    assert!(store.watch(watch_id(1)).await.unwrap().is_none());
    assert!(store.delivery(delivery_id(1)).await.unwrap().is_none());
    assert!(store.watch(watch_id(2)).await.unwrap().is_some());
    assert!(store.delivery(delivery_id(2)).await.unwrap().is_some());
    let counts = Counts {
        ended: 1,
        ..Counts::default()
    };
    assert_eq!(store.counts().await.unwrap(), counts);
}

async fn a_watch_that_goes_on_or_still_owes_is_not_forgotten(store: &dyn Store) {
    for n in [1, 2, 3] {
        let owed = vec![delivery(n, n, "ci"), delivery(n + 10, n, "chat")];
        commit(store, &[accept(n), end(n, Outcome::Failed, owed)]).await;
        commit(store, &[attempted(n, 1, DeliveryState::Delivered)]).await;
    }
    let changes = [
        accept(4),
        attempted(12, 1, DeliveryState::Dead),
        attempted(13, 1, DeliveryState::Delivered),
        Change::Prune(at(1_000_000)),
    ];
    let effects = commit(store, &changes).await;
    assert_eq!(words(&effects), ["accepted", "done", "done", "pruned 1"]);
    for (n, kept) in [(1, true), (2, true), (3, false), (4, true)] {
        let found = store.watch(watch_id(n)).await.unwrap();
        assert_eq!(found.is_some(), kept, "{n}");
    }
    commit(store, &[attempted(12, 2, DeliveryState::Delivered)]).await;
    let effects = commit(store, &[Change::Prune(at(1_000_000))]).await;
    assert_eq!(words(&effects), ["pruned 1"]);
}

async fn the_job_of_a_forgotten_watch_is_waited_for_anew(store: &dyn Store) {
    commit(store, &[accept(1), end(1, Outcome::Succeeded, vec![])]).await;
    let mut again = watch(2);
    again.job_id = watch(1).job_id;
    let changes = [Change::Prune(at(5000)), Change::Accept(again)];
    let effects = commit(store, &changes).await;
    assert_eq!(words(&effects), ["pruned 1", "accepted"]);
}

async fn much_is_forgotten_in_steps(store: &dyn Store) {
    let all = PRUNED_AT_ONCE as u64 + 5;
    let accepts: Vec<Change> = (0..all).map(accept).collect();
    let ends: Vec<Change> = (0..all)
        .map(|n| end(n, Outcome::TimedOut, vec![]))
        .collect();
    commit(store, &accepts).await;
    commit(store, &ends).await;
    let prune = [Change::Prune(at(1_000_000))];
    let first = format!("pruned {PRUNED_AT_ONCE}");
    assert_eq!(words(&commit(store, &prune).await), [first]);
    assert_eq!(words(&commit(store, &prune).await), ["pruned 5"]);
    assert_eq!(words(&commit(store, &prune).await), ["pruned 0"]);
    assert_eq!(store.counts().await.unwrap(), Counts::default());
}
