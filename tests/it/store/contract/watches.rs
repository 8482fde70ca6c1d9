//! Accepting, joining, proceeding, ending.

use dcs_wait::model::{DeliveryState, Outcome, Watch};
use dcs_wait::store::{Change, Effect, Store};

use super::each_form;
use crate::store::samples::{
    accept, answers, attempted, commit, delivery, end, history, hooks, kept, note, record, watch,
    watch_id, words,
};

each_form! {
    a_watch_that_is_accepted_is_kept
    a_watch_that_is_added_twice_is_joined_and_its_hooks_are_united
    watches_of_a_batch_are_accepted_or_joined_each_by_itself
    a_watch_of_another_project_is_another_watch
    a_job_that_has_ended_is_joined
    a_wait_that_ended_otherwise_is_begun_anew
    a_note_says_how_far_a_watch_has_come
    an_outcome_is_decided_once
    what_an_end_that_came_late_owes_is_not_owed
    notes_after_the_end_change_nothing
    an_unknown_watch_neither_proceeds_nor_ends
    changes_of_one_commit_are_made_in_their_order
    many_changes_of_one_kind_each_have_their_effect
    ends_and_attempts_in_turn_each_have_their_effect
}

async fn a_watch_that_is_accepted_is_kept(store: &dyn Store) {
    let effects = commit(store, &[accept(1)]).await;
    let Effect::Accepted {
        record: told,
        joined: false,
        ..
    } = &effects[0]
    else {
        panic!("{effects:?}");
    };
    let kept = record(store, 1).await;
    assert_eq!(**told, kept);
    assert_eq!(kept.watch, watch(1));
    assert_eq!((kept.progress.polls, kept.end), (0, None));
    assert_eq!(history(store, 1).await, []);
}

async fn a_watch_that_is_added_twice_is_joined_and_its_hooks_are_united(store: &dyn Store) {
    commit(store, &[accept(1), note(1, 4)]).await;
    let mut again = watch(2);
    again.job_id = watch(1).job_id;
    again.hooks = hooks(&["mail", "ci"]);
    let effects = commit(store, &[Change::Accept(again)]).await;
    let Effect::Accepted {
        record: told,
        joined: true,
        ..
    } = &effects[0]
    else {
        panic!("{effects:?}");
    };
    let kept = record(store, 1).await;
    assert_eq!(**told, kept);
    assert_eq!(kept.watch.hooks, hooks(&["ci", "chat", "mail"]));
    assert_eq!(kept.watch.deadline_at, watch(1).deadline_at);
    assert_eq!(kept.progress.polls, 4);
    assert_eq!(store.counts().await.unwrap().active, 1);
}

async fn watches_of_a_batch_are_accepted_or_joined_each_by_itself(store: &dyn Store) {
    commit(store, &[accept(3)]).await;
    // More than a statement takes, with one that is there already and one that is there twice.
    let mut batch: Vec<Watch> = (1..=100).map(watch).collect();
    batch[2].id = watch_id(300);
    batch[70].job_id = batch[60].job_id.clone();
    batch[70].hooks = hooks(&["mail"]);
    let effects = commit(store, &[Change::AcceptAll(batch)]).await;
    let mut expected = ["accepted"; 100];
    expected[2] = "joined";
    expected[70] = "joined";
    assert_eq!(words(&effects), [expected.join(" ")]);
    assert_eq!(store.counts().await.unwrap().active, 99);
    let united = record(store, 61).await.watch.hooks;
    assert_eq!(united, hooks(&["ci", "chat", "mail"]));
}

async fn a_watch_of_another_project_is_another_watch(store: &dyn Store) {
    let mut other = watch(2);
    other.job_id = watch(1).job_id;
    other.project = "other".parse().unwrap();
    let effects = commit(store, &[accept(1), Change::Accept(other)]).await;
    assert_eq!(words(&effects), ["accepted", "accepted"]);
}

async fn a_job_that_has_ended_is_joined(store: &dyn Store) {
    commit(store, &[accept(1), accept(2)]).await;
    commit(store, &[end(1, Outcome::Succeeded, vec![])]).await;
    commit(store, &[end(2, Outcome::Failed, vec![])]).await;
    for n in [1, 2] {
        let mut again = watch(n + 10);
        again.job_id = watch(n).job_id;
        let effects = commit(store, &[Change::Accept(again)]).await;
        assert_eq!(words(&effects), ["joined"]);
        let Effect::Accepted { record: told, .. } = &effects[0] else {
            panic!("{effects:?}");
        };
        assert_eq!(**told, record(store, n).await);
        assert!(told.end.is_some());
    }
}

async fn a_wait_that_ended_otherwise_is_begun_anew(store: &dyn Store) {
    let others = Outcome::ALL.into_iter().filter(|one| !one.is_of_the_job());
    for (n, outcome) in (1..).zip(others) {
        commit(store, &[accept(n), end(n, outcome, vec![])]).await;
        let mut again = watch(n + 10);
        again.job_id = watch(n).job_id;
        let effects = commit(store, &[Change::Accept(again)]).await;
        assert_eq!(words(&effects), ["accepted"], "{outcome:?}");
        assert!(record(store, n).await.end.is_some());
        assert!(record(store, n + 10).await.end.is_none());
    }
}

async fn a_note_says_how_far_a_watch_has_come(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    let effects = commit(store, &[note(1, 2), note(1, 5)]).await;
    assert_eq!(words(&effects), ["done", "done"]);
    let lines = [answers("RUNNING", 2), answers("RUNNING", 5)];
    assert_eq!(record(store, 1).await.progress.polls, 5);
    assert_eq!(history(store, 1).await, lines);
}

async fn an_outcome_is_decided_once(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    let ends = [
        end(1, Outcome::TimedOut, vec![]),
        end(1, Outcome::Succeeded, vec![]),
    ];
    assert_eq!(words(&commit(store, &ends).await), ["done", "nothing"]);
    assert_eq!(words(&commit(store, &ends).await), ["nothing", "nothing"]);
    let end = record(store, 1).await.end.unwrap();
    assert_eq!(end.outcome, Outcome::TimedOut);
    assert_eq!(history(store, 1).await.len(), 1);
}

async fn what_an_end_that_came_late_owes_is_not_owed(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    commit(
        store,
        &[end(1, Outcome::Failed, vec![delivery(1, 1, "ci")])],
    )
    .await;
    let late = vec![delivery(2, 1, "ci"), delivery(3, 1, "chat")];
    commit(store, &[end(1, Outcome::Cancelled, late)]).await;
    let pending = store.pending(None, 10).await.unwrap();
    assert_eq!(pending, [delivery(1, 1, "ci")]);
}

async fn notes_after_the_end_change_nothing(store: &dyn Store) {
    commit(store, &[accept(1), end(1, Outcome::Succeeded, vec![])]).await;
    let before = record(store, 1).await;
    let effects = commit(store, &[note(1, 99)]).await;
    assert_eq!(words(&effects), ["nothing"]);
    assert_eq!(record(store, 1).await, before);
    assert_eq!(history(store, 1).await, [answers("SUCCESS", 1)]);
}

async fn an_unknown_watch_neither_proceeds_nor_ends(store: &dyn Store) {
    let owed = vec![delivery(1, 9, "ci")];
    let effects = commit(store, &[note(9, 1), end(9, Outcome::Failed, owed)]).await;
    assert_eq!(words(&effects), ["nothing", "nothing"]);
    assert!(store.pending(None, 10).await.unwrap().is_empty());
}

async fn changes_of_one_commit_are_made_in_their_order(store: &dyn Store) {
    let mut again = watch(2);
    again.job_id = watch(1).job_id;
    let changes = [
        note(1, 1),
        accept(1),
        note(1, 2),
        Change::Accept(again.clone()),
        end(1, Outcome::Cancelled, vec![delivery(1, 1, "ci")]),
        Change::Accept(again),
        note(1, 3),
        note(2, 4),
    ];
    let effects = words(&commit(store, &changes).await);
    let expected = [
        "nothing", "accepted", "done", "joined", "done", "accepted", "nothing", "done",
    ];
    assert_eq!(effects, expected);
    assert_eq!(record(store, 1).await.progress.polls, 3);
    assert_eq!(record(store, 2).await.progress.polls, 4);
    assert_eq!(kept(store, 1).await.0, delivery(1, 1, "ci"));
}

async fn many_changes_of_one_kind_each_have_their_effect(store: &dyn Store) {
    let accepts: Vec<Change> = (0..50).map(accept).collect();
    commit(store, &accepts).await;
    // Every third end comes twice.
    let ends: Vec<Change> = (0..50)
        .flat_map(|n| {
            let one = end(n, Outcome::Failed, vec![delivery(n, n, "ci")]);
            let twice = (n % 3 == 0).then(|| one.clone());
            [Some(one), twice]
        })
        .flatten()
        .collect();
    let expected: Vec<&str> = (0..50)
        .flat_map(|n| [Some("done"), (n % 3 == 0).then_some("nothing")])
        .flatten()
        .collect();
    assert_eq!(words(&commit(store, &ends).await), expected);
    let pending = store.pending(None, 100).await.unwrap();
    let owed: Vec<_> = (0..50).map(|n| delivery(n, n, "ci")).collect();
    assert_eq!(pending, owed);
    assert_eq!(history(store, 33).await, [answers("SUCCESS", 1)]);
}

async fn ends_and_attempts_in_turn_each_have_their_effect(store: &dyn Store) {
    let arrived = DeliveryState::Delivered;
    let accepts: Vec<Change> = (0..20).map(accept).collect();
    commit(store, &accepts).await;
    let first: Vec<Change> = (0..10)
        .map(|n| end(n, Outcome::Failed, vec![delivery(n, n, "ci")]))
        .collect();
    commit(store, &first).await;
    // The even deliveries have an attempt already, and the odd watches an end.
    let attempts: Vec<Change> = (0..10)
        .step_by(2)
        .map(|n| attempted(n, 1, arrived))
        .collect();
    commit(store, &attempts).await;
    let ends: Vec<Change> = (11..20)
        .step_by(2)
        .map(|n| end(n, Outcome::Denied, vec![]))
        .collect();
    commit(store, &ends).await;

    let in_turn: Vec<Change> = (0..10)
        .flat_map(|n| {
            let owed = vec![delivery(n + 10, n + 10, "ci")];
            [end(n + 10, Outcome::Failed, owed), attempted(n, 1, arrived)]
        })
        .collect();
    let effects = words(&commit(store, &in_turn).await);
    assert_eq!(effects, ["done", "nothing", "nothing", "done"].repeat(5));
}
