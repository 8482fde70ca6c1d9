//! Deliveries that are carried out anew.

use dcs_wait::model::DeliveryState;
use dcs_wait::store::{Change, Effect, PostgresStore, SharedStore, Wished};

use super::{close, deliver, deliveries, die, owe, two, under};
use crate::store::samples::{at, attempted, commit, delivery_id, kept, words};

async fn replay(store: &PostgresStore, n: u64) -> Vec<String> {
    let replay = Change::Replay {
        delivery_id: delivery_id(n),
        due: at(9000),
    };
    let effects: Vec<Effect> = commit(store, &[replay]).await;
    words(&effects)
}

async fn held(store: &PostgresStore) -> Vec<(u64, u32)> {
    deliveries(&store.held_deliveries(None, 9).await.unwrap())
}

#[tokio::test]
async fn whoever_replays_what_is_over_acquires_it() {
    let (_database, one, two) = two().await;
    deliver(&one, 1).await;
    assert_eq!(replay(&two, 1).await, ["done"]);
    assert_eq!(held(&two).await, [(1, 2)]);
    assert_eq!(held(&one).await, []);
    let late = attempted(1, 2, DeliveryState::Delivered);
    assert_eq!(
        words(&commit(&one, std::slice::from_ref(&late)).await),
        ["nothing"]
    );
    assert_eq!(words(&commit(&two, &[under(2, late)]).await), ["done"]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_this_daemon_holds_keeps_its_fence() {
    let (_database, one, two) = two().await;
    owe(&one, 1).await;
    commit(&one, &[attempted(1, 1, DeliveryState::Pending(at(99_000)))]).await;
    assert_eq!(replay(&one, 1).await, ["done"]);
    let (one_kept, _) = kept(&one, 1).await;
    assert_eq!(one_kept.state, DeliveryState::Pending(at(9000)));
    assert_eq!((one_kept.fence.number(), one_kept.tries), (1, 0));
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_another_holds_is_passed_to_it() {
    let (_database, one, two) = two().await;
    owe(&one, 1).await;
    commit(&one, &[attempted(1, 1, DeliveryState::Pending(at(99_000)))]).await;
    assert_eq!(replay(&two, 1).await, ["passed"]);
    assert_eq!(held(&one).await, [(1, 1)]);
    let wished = one.wishes().await.unwrap();
    let [Wished::Delivery(told)] = &wished[..] else {
        panic!("{wished:?}");
    };
    assert_eq!(*told, kept(&one, 1).await.0);
    assert_eq!(told.state, DeliveryState::Pending(at(9000)));
    assert_eq!(told.tries, 0);
    assert!(one.wishes().await.unwrap().is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_the_dead_held_is_acquired() {
    let (database, one, two) = two().await;
    owe(&one, 1).await;
    die(&database, "one", &two).await;
    assert_eq!(replay(&two, 1).await, ["done"]);
    assert_eq!(held(&two).await, [(1, 2)]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn two_that_replay_the_same_at_once_leave_it_with_one() {
    let (_database, one, two) = two().await;
    for n in 1..10 {
        deliver(&one, n).await;
        let (first, second) = tokio::join!(replay(&one, n), replay(&two, n));
        let mut both = [first, second].concat();
        both.sort();
        assert_eq!(both, ["done", "passed"]);
    }
    assert_eq!(held(&one).await.len() + held(&two).await.len(), 9);
    close([&one, &two]).await;
}
