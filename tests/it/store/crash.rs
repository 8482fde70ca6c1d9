//! Killed in the middle of a commit, a store has all that it said to be stored.

use std::path::Path;

use dcs_wait::model::{DeliveryState, Outcome};
use dcs_wait::store::{Change, Store};

use super::child::{COMMITS_FOR_EVER, Worker, say};
use super::samples::{
    accept, attempted, delivery, delivery_id, end, note, opened, place, watch_id,
};

const ROUNDS: usize = 25;

/// So many watches a commit.
const GROUP: u64 = 7;

/// Stores groups of watches, one after the other, from the first that isn't there on: accepted, then
/// ended, then delivered. Says each number when its last commit is durable.
pub(super) async fn commit_for_ever(path: &Path) {
    let store = opened(path).await;
    let mut first = 0;
    while store.watch(watch_id(first)).await.unwrap().is_some() {
        first += GROUP;
    }
    loop {
        let group = first..first + GROUP;
        let accepts: Vec<Change> = group.clone().map(accept).collect();
        store.commit(&accepts).await.unwrap();
        say(format_args!("accepted {first}"));
        let ends: Vec<Change> = group
            .clone()
            .flat_map(|n| {
                let owed = vec![delivery(2 * n, n, "ci"), delivery(2 * n + 1, n, "chat")];
                [note(n, 1), end(n, Outcome::Succeeded, owed)]
            })
            .collect();
        store.commit(&ends).await.unwrap();
        say(format_args!("ended {first}"));
        let arrived = DeliveryState::Delivered;
        let attempts: Vec<Change> = group.map(|n| attempted(2 * n, 1, arrived)).collect();
        store.commit(&attempts).await.unwrap();
        say(format_args!("delivered {first}"));
        first += GROUP;
    }
}

/// How far a group has come; `None` where it isn't there. All of it has come equally far.
async fn progress(store: &dyn Store, first: u64) -> Option<&'static str> {
    let mut steps = Vec::new();
    for n in first..first + GROUP {
        let Some((record, history)) = store.watch(watch_id(n)).await.unwrap() else {
            steps.push(None);
            continue;
        };
        let mut owed = Vec::new();
        for id in [2 * n, 2 * n + 1] {
            owed.extend(store.delivery(delivery_id(id)).await.unwrap());
        }
        steps.push(Some(match record.end {
            None => {
                assert_eq!((owed.len(), history.len()), (0, 0), "{n}");
                "accepted"
            }
            Some(_) => {
                assert_eq!((owed.len(), history.len()), (2, 2), "{n}");
                let (delivery, attempts) = &owed[0];
                let arrived = delivery.state == DeliveryState::Delivered;
                assert_eq!(arrived, !attempts.is_empty(), "{n}");
                if arrived { "delivered" } else { "ended" }
            }
        }));
    }
    let same = steps.iter().all(|step| *step == steps[0]);
    assert!(same, "a part of the group at {first} is missing: {steps:?}");
    steps[0]
}

#[tokio::test]
async fn a_store_that_is_killed_loses_nothing_that_it_said_was_stored() {
    let (_directory, path) = place();
    let mut random = fastrand::Rng::with_seed(7);
    let mut groups = 0;
    for round in 0..ROUNDS {
        let mut worker = Worker::start(COMMITS_FOR_EVER, &path);
        let mut said = Vec::new();
        for _ in 0..random.usize(1..12) {
            said.extend(worker.says());
        }
        // Not always at the moment when it has just said something.
        for _ in 0..random.usize(0..200_000) {
            std::hint::spin_loop();
        }
        said.extend(worker.kill());

        let store = opened(&path).await;
        for line in &said {
            let (step, first) = line.rsplit_once(' ').unwrap();
            let first: u64 = first.parse().unwrap();
            groups = groups.max(first / GROUP + 1);
            let kept = progress(&store, first).await;
            let is_kept = match step {
                "accepted" => kept.is_some(),
                "ended" => matches!(kept, Some("ended" | "delivered")),
                _ => kept == Some("delivered"),
            };
            assert!(is_kept, "round {round}: {line} was said, {kept:?} is kept");
        }
        store.close().await;
    }
    assert!(groups > ROUNDS as u64 / 4, "only {groups} groups");
    let store = opened(&path).await;
    for group in 0..groups {
        assert!(progress(&store, group * GROUP).await.is_some());
    }
    store.close().await;
}
