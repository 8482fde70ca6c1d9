//! What one daemon wants of what another holds.

use dcs_wait::model::{HookName, Outcome};
use dcs_wait::store::{Change, PostgresStore, SharedStore, Wish, Wished};

use super::{accept_each, close, die, two};
use crate::store::samples::{commit, end, hooks, watch, watch_id};

/// A wish for a watch: its number, how many hooks it has, and whether it is to be called off, and to
/// be polled.
async fn wishes(store: &PostgresStore) -> Vec<(u64, usize, bool, bool)> {
    let all = store.wishes().await.unwrap();
    let of_watch = |wished: &Wished| match wished {
        Wished::Watch {
            id,
            hooks,
            call_off,
            poll_now,
        } => {
            let number = u64::from_be_bytes(id.as_bytes()[..8].try_into().unwrap());
            (number, hooks.len(), *call_off, *poll_now)
        }
        Wished::Delivery(one) => panic!("{one:?}"),
    };
    all.iter().map(of_watch).collect()
}

async fn join(store: &PostgresStore, n: u64, more: &[&str]) {
    let mut again = watch(n + 100);
    again.job_id = watch(n).job_id;
    again.hooks = hooks(more);
    commit(store, &[Change::Accept(again)]).await;
}

#[tokio::test]
async fn a_watch_is_to_be_called_off_until_it_has_ended() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..3).await;
    assert!(two.wish(watch_id(1), Wish::CallOff).await.unwrap());
    for _ in 0..3 {
        assert_eq!(wishes(&one).await, [(1, 2, true, false)]);
        assert!(wishes(&two).await.is_empty());
    }
    commit(&one, &[end(1, Outcome::Cancelled, vec![])]).await;
    assert!(wishes(&one).await.is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn a_poll_is_wanted_once() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..3).await;
    for _ in 0..2 {
        assert!(two.wish(watch_id(2), Wish::PollNow).await.unwrap());
    }
    assert_eq!(wishes(&one).await, [(2, 2, false, true)]);
    assert!(wishes(&one).await.is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn nothing_is_wanted_of_a_watch_that_has_ended_or_never_was() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..2).await;
    commit(&one, &[end(1, Outcome::Failed, vec![])]).await;
    for n in [1, 9] {
        assert!(!two.wish(watch_id(n), Wish::CallOff).await.unwrap());
        assert!(!two.wish(watch_id(n), Wish::PollNow).await.unwrap());
    }
    assert!(wishes(&one).await.is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn hooks_that_another_has_joined_are_told_once() {
    let (_database, one, two) = two().await;
    accept_each(&one, 1..2).await;
    join(&two, 1, &["ci"]).await;
    assert!(wishes(&one).await.is_empty());
    join(&two, 1, &["mail", "ci"]).await;
    let told = one.wishes().await.unwrap();
    let [Wished::Watch { hooks: all, .. }] = &told[..] else {
        panic!("{told:?}");
    };
    let names: Vec<&str> = all.iter().map(HookName::as_str).collect();
    assert_eq!(names, ["ci", "chat", "mail"]);
    assert!(wishes(&one).await.is_empty());
    // Its own are no news.
    join(&one, 1, &["log"]).await;
    assert!(wishes(&one).await.is_empty());
    close([&one, &two]).await;
}

#[tokio::test]
async fn whoever_acquires_a_watch_is_told_what_is_wanted_of_it() {
    let (database, one, two) = two().await;
    accept_each(&one, 1..4).await;
    two.wish(watch_id(1), Wish::CallOff).await.unwrap();
    two.wish(watch_id(2), Wish::PollNow).await.unwrap();
    join(&two, 3, &["mail"]).await;
    die(&database, "one", &two).await;
    assert!(two.wish(watch_id(1), Wish::PollNow).await.unwrap());
    let claimed = two.claim_watches(9).await.unwrap();
    // The hooks come with the record.
    assert_eq!(claimed[2].watch.hooks.len(), 3);
    assert_eq!(
        wishes(&two).await,
        [(1, 2, true, true), (2, 2, false, true)]
    );
    assert_eq!(wishes(&two).await, [(1, 2, true, false)]);
    close([&one, &two]).await;
}
