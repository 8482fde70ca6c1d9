//! What is owed, and attempts to carry it out.

use dcs_wait::model::{DeliveryState, Outcome};
use dcs_wait::store::{Change, Store};

use super::each_form;
use crate::store::samples::{
    accept, at, attempted, commit, delivery, delivery_id, end, kept, watch_id, words,
};

each_form! {
    the_outcome_comes_with_its_deliveries
    more_may_be_owed_once_a_watch_has_ended
    a_hook_has_one_delivery_a_watch
    nothing_is_owed_for_a_watch_that_goes_on
    attempts_are_counted
    an_attempt_is_kept_once
    an_attempt_for_an_unknown_delivery_changes_nothing
    a_replay_makes_a_delivery_pending_and_its_tries_start_over
    a_replay_of_an_unknown_delivery_changes_nothing
    a_delivery_may_be_made_and_attempted_in_one_commit
    an_unknown_delivery_is_not_found
}

async fn the_outcome_comes_with_its_deliveries(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    let owed = vec![delivery(1, 1, "ci"), delivery(2, 1, "chat")];
    commit(store, &[end(1, Outcome::Succeeded, owed.clone())]).await;
    assert_eq!(store.pending(None, 10).await.unwrap(), owed);
    assert_eq!(kept(store, 1).await, (delivery(1, 1, "ci"), vec![]));
}

async fn more_may_be_owed_once_a_watch_has_ended(store: &dyn Store) {
    let first = vec![delivery(1, 1, "ci")];
    commit(store, &[accept(1), end(1, Outcome::Failed, first)]).await;
    let effects = commit(store, &[Change::Owe(vec![delivery(2, 1, "chat")])]).await;
    assert_eq!(words(&effects), ["done"]);
    assert_eq!(kept(store, 2).await.0, delivery(2, 1, "chat"));
}

async fn a_hook_has_one_delivery_a_watch(store: &dyn Store) {
    let first = vec![delivery(1, 1, "ci")];
    commit(store, &[accept(1), end(1, Outcome::Failed, first)]).await;
    let more = [
        Change::Owe(vec![delivery(2, 1, "ci")]),
        Change::Owe(vec![delivery(1, 1, "ci")]),
        Change::Owe(vec![delivery(3, 1, "ci"), delivery(4, 1, "chat")]),
        Change::Owe(vec![delivery(5, 1, "mail"), delivery(6, 1, "mail")]),
        Change::Owe(vec![]),
    ];
    let effects = words(&commit(store, &more).await);
    assert_eq!(effects, ["nothing", "nothing", "done", "done", "nothing"]);
    let pending = store.pending(None, 10).await.unwrap();
    let ids: Vec<_> = pending.iter().map(|one| one.id).collect();
    assert_eq!(ids, [delivery_id(1), delivery_id(4), delivery_id(5)]);
}

async fn nothing_is_owed_for_a_watch_that_goes_on(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    let owed = vec![delivery(1, 1, "ci"), delivery(2, 8, "ci")];
    assert_eq!(
        words(&commit(store, &[Change::Owe(owed)]).await),
        ["nothing"]
    );
    assert_eq!(store.pending(None, 10).await.unwrap(), []);
}

async fn attempts_are_counted(store: &dyn Store) {
    let owed = vec![delivery(1, 1, "ci"), delivery(2, 1, "chat")];
    commit(store, &[accept(1), end(1, Outcome::Failed, owed)]).await;
    let later = DeliveryState::Pending(at(5000));
    let effects = commit(store, &[attempted(1, 1, later), attempted(2, 1, later)]).await;
    assert_eq!(words(&effects), ["done", "done"]);
    let (one, _) = kept(store, 1).await;
    assert_eq!((one.state, one.attempts, one.tries), (later, 1, 1));

    let arrived = DeliveryState::Delivered;
    commit(store, &[attempted(1, 2, arrived)]).await;
    commit(store, &[attempted(2, 2, DeliveryState::Dead)]).await;
    let (one, numbers) = kept(store, 1).await;
    assert_eq!((one.state, one.attempts, one.tries), (arrived, 2, 2));
    assert_eq!(numbers, [1, 2]);
    assert_eq!(kept(store, 2).await.0.state, DeliveryState::Dead);
    assert_eq!(store.pending(None, 10).await.unwrap(), []);
}

async fn an_attempt_is_kept_once(store: &dyn Store) {
    let owed = vec![delivery(1, 1, "ci")];
    commit(store, &[accept(1), end(1, Outcome::Failed, owed)]).await;
    let arrived = attempted(1, 1, DeliveryState::Delivered);
    let again = attempted(1, 1, DeliveryState::Dead);
    let effects = commit(store, &[arrived, again]).await;
    assert_eq!(words(&effects), ["done", "nothing"]);
    let (one, numbers) = kept(store, 1).await;
    assert_eq!((one.state, one.attempts), (DeliveryState::Delivered, 1));
    assert_eq!(numbers, [1]);
}

async fn an_attempt_for_an_unknown_delivery_changes_nothing(store: &dyn Store) {
    let effects = commit(store, &[attempted(1, 1, DeliveryState::Dead)]).await;
    assert_eq!(words(&effects), ["nothing"]);
    assert!(store.delivery(delivery_id(1)).await.unwrap().is_none());
}

async fn a_replay_makes_a_delivery_pending_and_its_tries_start_over(store: &dyn Store) {
    let owed = vec![delivery(1, 1, "ci"), delivery(2, 1, "chat")];
    commit(store, &[accept(1), end(1, Outcome::Failed, owed)]).await;
    commit(store, &[attempted(1, 1, DeliveryState::Dead)]).await;
    commit(store, &[attempted(2, 1, DeliveryState::Delivered)]).await;
    let replays = [1, 2].map(|n| Change::Replay {
        delivery_id: delivery_id(n),
        due: at(9000),
    });
    assert_eq!(words(&commit(store, &replays).await), ["done", "done"]);
    for n in [1, 2] {
        let (one, numbers) = kept(store, n).await;
        assert_eq!(one.state, DeliveryState::Pending(at(9000)));
        assert_eq!((one.attempts, one.tries), (1, 0));
        assert_eq!(numbers, [1]);
    }
    // Where several daemons share the store, the one that replays it has acquired it.
    let mut again = attempted(1, 2, DeliveryState::Delivered);
    if let Change::Attempted { fence, .. } = &mut again {
        *fence = kept(store, 1).await.0.fence;
    }
    commit(store, &[again]).await;
    let (one, _) = kept(store, 1).await;
    assert_eq!((one.attempts, one.tries), (2, 1));
}

async fn a_replay_of_an_unknown_delivery_changes_nothing(store: &dyn Store) {
    let replay = Change::Replay {
        delivery_id: delivery_id(1),
        due: at(0),
    };
    assert_eq!(words(&commit(store, &[replay]).await), ["nothing"]);
}

async fn a_delivery_may_be_made_and_attempted_in_one_commit(store: &dyn Store) {
    let arrived = attempted(1, 1, DeliveryState::Delivered);
    let changes = [
        accept(1),
        arrived.clone(),
        end(1, Outcome::Failed, vec![delivery(1, 1, "ci")]),
        arrived,
    ];
    let effects = commit(store, &changes).await;
    assert_eq!(words(&effects), ["accepted", "nothing", "done", "done"]);
    assert_eq!(kept(store, 1).await.0.state, DeliveryState::Delivered);
}

async fn an_unknown_delivery_is_not_found(store: &dyn Store) {
    assert!(store.delivery(delivery_id(1)).await.unwrap().is_none());
    assert!(store.watch(watch_id(1)).await.unwrap().is_none());
}
