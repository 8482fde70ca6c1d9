//! What is stale changes nothing.

use std::sync::Arc;

use dcs_wait::model::{DeliveryState, Outcome};
use dcs_wait::store::{Change, Effect, SharedStore, Store};

use super::{accept_each, close, die, owe, two, under};
use crate::store::samples::{
    accept, attempted, commit, delivery, end, history, hooks, kept, note, record, words,
};

#[tokio::test]
async fn stale_notes_ends_and_releases_change_nothing() {
    let (database, one, two) = two().await;
    accept_each(&two, 1..2).await;
    die(&database, "two", &one).await;
    one.claim_watches(9).await.unwrap();
    let before = record(&one, 1).await;
    let owed = vec![delivery(1, 1, "ci")];
    let stale = [note(1, 5), end(1, Outcome::Failed, owed)];
    for store in [&one, &two] {
        let effects = commit(store, &stale).await;
        assert_eq!(words(&effects), ["nothing", "nothing"]);
    }
    // Nor what has the right number, from another.
    let guessed = stale.clone().map(|change| under(2, change));
    assert_eq!(words(&commit(&two, &guessed).await), ["nothing", "nothing"]);
    assert_eq!(record(&one, 1).await, before);
    assert_eq!(history(&one, 1).await, []);
    assert!(one.pending(None, 9).await.unwrap().is_empty());
    assert_eq!(words(&commit(&one, &guessed).await), ["done", "done"]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn stale_attempts_change_nothing() {
    let (database, one, two) = two().await;
    owe(&two, 1).await;
    die(&database, "two", &one).await;
    one.claim_deliveries(9).await.unwrap();
    let stale = attempted(1, 1, DeliveryState::Delivered);
    for store in [&one, &two] {
        let effects = commit(store, std::slice::from_ref(&stale)).await;
        assert_eq!(words(&effects), ["nothing"]);
    }
    let guessed = under(2, stale);
    assert_eq!(
        words(&commit(&two, std::slice::from_ref(&guessed)).await),
        ["nothing"]
    );
    let (one_kept, numbers) = kept(&one, 1).await;
    assert!(matches!(one_kept.state, DeliveryState::Pending(_)));
    assert!(numbers.is_empty());
    assert_eq!(words(&commit(&one, &[guessed]).await), ["done"]);
    close([&one, &two]).await;
}

#[tokio::test]
async fn the_dead_may_end_what_nobody_has_claimed_yet() {
    let (database, one, two) = two().await;
    accept_each(&two, 1..2).await;
    die(&database, "two", &one).await;
    let owed = vec![delivery(1, 1, "ci")];
    let effects = commit(&two, &[end(1, Outcome::Failed, owed)]).await;
    assert_eq!(words(&effects), ["done"]);
    // What is owed for that is nobody's, and not forgotten.
    let claimed = one.claim_deliveries(9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    close([&one, &two]).await;
}

#[tokio::test]
async fn what_the_dead_accept_is_nobodys() {
    let (database, one, two) = two().await;
    die(&database, "two", &one).await;
    super::alive(&one).await;
    let effects = commit(&two, &[accept(1)]).await;
    assert!(
        matches!(effects[..], [Effect::Accepted { held: false, .. }]),
        "{effects:?}"
    );
    assert_eq!(one.claim_watches(9).await.unwrap().len(), 1);
    close([&one, &two]).await;
}

#[tokio::test]
async fn an_end_tells_the_hooks_that_others_have_joined() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..2).await;
    let mut again = crate::store::samples::watch(2);
    again.job_id = crate::store::samples::watch(1).job_id;
    again.hooks = hooks(&["mail"]);
    let effects = commit(&two, &[Change::Accept(again)]).await;
    let Effect::Accepted {
        joined: true,
        held: false,
        record,
    } = &effects[0]
    else {
        panic!("{effects:?}");
    };
    let all = hooks(&["ci", "chat", "mail"]);
    assert_eq!(record.watch.hooks, all);
    let ended = commit(&one, &[end(1, Outcome::Failed, vec![])]).await;
    let told = |effect: &Effect| match effect {
        Effect::Ended(hooks) => Some(Arc::clone(hooks)),
        _ => None,
    };
    assert_eq!(told(&ended[0]), Some(all));
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_joined_watch_of_this_daemon_is_held() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..2).await;
    let mut again = crate::store::samples::watch(2);
    again.job_id = crate::store::samples::watch(1).job_id;
    let effects = commit(&one, &[Change::Accept(again)]).await;
    assert!(
        matches!(
            effects[..],
            [Effect::Accepted {
                joined: true,
                held: true,
                ..
            }]
        ),
        "{effects:?}"
    );
    close([&one, &two]).await;
}

#[tokio::test]
async fn many_that_accept_the_same_jobs_at_once_share_one_watch_each() {
    let (_database, one, two) = two().await;
    // In opposite orders, so that each waits for what the other has.
    let forth: Vec<_> = (0..100).map(accept).collect();
    let back: Vec<_> = (0..100)
        .rev()
        .map(|n| {
            let mut watch = crate::store::samples::watch(n + 1000);
            watch.job_id = crate::store::samples::watch(n).job_id;
            Change::Accept(watch)
        })
        .collect();
    let (first, second) = tokio::join!(one.commit(&forth), two.commit(&back));
    let new = |effects: &[Effect]| {
        words(effects)
            .iter()
            .filter(|word| *word == "accepted")
            .count()
    };
    assert_eq!(new(&first.unwrap()) + new(&second.unwrap()), 100);
    assert_eq!(one.counts().await.unwrap().active, 100);
    close([&one, &two]).await;
}
