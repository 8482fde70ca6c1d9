//! How long jobs took.

use std::time::Duration;

use dcs_wait::model::{DeliveryState, Job, JobStatus, KEPT_DURATIONS, Outcome, Ran};
use dcs_wait::store::{Change, Store};

use super::each_form;
use crate::store::samples::{
    accept, at, attempted, commit, delivery, durations, end, end_of, note, watch, watch_id, words,
};

each_form! {
    durations_are_kept_by_project_and_type
    the_last_of_each_type_are_kept
    an_end_that_comes_twice_is_learned_from_once
    an_end_that_changes_nothing_is_not_learned_from
    only_an_end_that_says_so_is_learned_from
    durations_outlive_their_watches
    what_is_learned_needs_no_watch
    durations_and_deliveries_of_many_ends_do_not_mix
    the_shortest_and_the_longest_come_back_and_so_does_any_name
}

async fn durations_are_kept_by_project_and_type(store: &dyn Store) {
    assert!(durations(store).await.is_empty());
    let mut other = watch(5);
    other.project = "annex".parse().unwrap();
    let accepts = [accept(1), accept(2), accept(3), accept(4)];
    commit(store, &accepts).await;
    commit(store, &[end_of(1, "resize", 1200), end_of(2, "swap", 4)]).await;
    let changes = [
        Change::Accept(other),
        end_of(5, "swap", 9),
        end_of(3, "swap", 3),
        end_of(4, "Resize", 7),
    ];
    commit(store, &changes).await;
    let expected = [
        "annex swap [9.0]",
        "main Resize [7.0]",
        "main resize [1200.0]",
        "main swap [4.0, 3.0]",
    ];
    assert_eq!(durations(store).await, expected);
}

async fn the_last_of_each_type_are_kept(store: &dyn Store) {
    let kept = KEPT_DURATIONS as u64;
    let all = kept + 30;
    let accepts: Vec<Change> = (0..=all).map(accept).collect();
    commit(store, &accepts).await;
    commit(store, &[end_of(all, "resize", 5)]).await;
    let ends: Vec<Change> = (0..all).map(|n| end_of(n, "swap", n)).collect();
    let (first, later) = ends.split_at(50);
    commit(store, first).await;
    commit(store, later).await;
    let last: Vec<f64> = (all - kept..all).map(|n| n as f64).collect();
    let expected = [
        "main resize [5.0]".to_owned(),
        format!("main swap {last:?}"),
    ];
    assert_eq!(durations(store).await, expected);
}

async fn an_end_that_comes_twice_is_learned_from_once(store: &dyn Store) {
    commit(store, &[accept(1)]).await;
    let twice = [end_of(1, "swap", 3), end_of(1, "swap", 3)];
    assert_eq!(words(&commit(store, &twice).await), ["done", "nothing"]);
    assert_eq!(words(&commit(store, &twice).await), ["nothing", "nothing"]);
    assert_eq!(durations(store).await, ["main swap [3.0]"]);
}

async fn an_end_that_changes_nothing_is_not_learned_from(store: &dyn Store) {
    commit(store, &[accept(1), end(1, Outcome::TimedOut, vec![])]).await;
    let late = [end_of(1, "swap", 3), end_of(9, "swap", 3)];
    assert_eq!(words(&commit(store, &late).await), ["nothing", "nothing"]);
    assert!(durations(store).await.is_empty());
}

async fn only_an_end_that_says_so_is_learned_from(store: &dyn Store) {
    let changes = [
        accept(1),
        accept(2),
        note(1, 1),
        end(1, Outcome::Succeeded, vec![]),
        end_of(2, "swap", 3),
    ];
    commit(store, &changes).await;
    assert_eq!(durations(store).await, ["main swap [3.0]"]);
}

async fn durations_outlive_their_watches(store: &dyn Store) {
    commit(store, &[accept(1), end_of(1, "swap", 3)]).await;
    let effects = commit(store, &[Change::Prune(at(1_000_000))]).await;
    assert_eq!(words(&effects), ["pruned 1"]);
    assert!(store.watch(watch_id(1)).await.unwrap().is_none());
    assert_eq!(durations(store).await, ["main swap [3.0]"]);
}

async fn what_is_learned_needs_no_watch(store: &dyn Store) {
    let learn = |project: &str, seconds| Change::Learn {
        project: project.parse().unwrap(),
        ran: Ran::new("swap".into(), at(seconds), Duration::from_secs(seconds)).unwrap(),
    };
    let all: Vec<Change> = (0..70).map(|n| learn("main", n)).collect();
    let effects = commit(store, &all).await;
    assert_eq!(words(&effects), ["done"; 70]);
    commit(store, &[learn("annex", 3)]).await;
    let last: Vec<f64> = (6..70).map(f64::from).collect();
    let expected = ["annex swap [3.0]".to_owned(), format!("main swap {last:?}")];
    assert_eq!(durations(store).await, expected);
}

async fn durations_and_deliveries_of_many_ends_do_not_mix(store: &dyn Store) {
    let accepts: Vec<Change> = (0..50).map(accept).collect();
    commit(store, &accepts).await;
    // Every second end has a duration, every third a delivery.
    let ends: Vec<Change> = (0..50)
        .map(|n| {
            let mut change = end_of(n, "swap", n);
            if let Change::End {
                ran, deliveries, ..
            } = &mut change
            {
                ran.take_if(|_| n % 2 == 1);
                deliveries.extend((n % 3 == 0).then(|| delivery(n, n, "ci")));
            }
            change
        })
        .collect();
    assert_eq!(words(&commit(store, &ends).await), ["done"; 50]);
    let even: Vec<f64> = (0..50).step_by(2).map(f64::from).collect();
    assert_eq!(durations(store).await, [format!("main swap {even:?}")]);
    assert_eq!(store.pending(None, 100).await.unwrap().len(), 17);
    let effects = commit(store, &[attempted(3, 1, DeliveryState::Delivered)]).await;
    assert_eq!(words(&effects), ["done"]);
}

async fn the_shortest_and_the_longest_come_back_and_so_does_any_name(store: &dyn Store) {
    let long = "界".repeat(33);
    let names = ["'; DROP TABLE duration; --", " ", "a\0b", &long];
    let took = [0, 1, 195_999_999, 196_000_000].map(Duration::from_millis);
    for (n, (name, took)) in (0..).zip(names.into_iter().zip(took)) {
        let job = Job {
            status: JobStatus::Fail,
            job_type: Some(name.into()),
            begin_time: Some(at(5)),
            end_time: Some(at(5) + took),
            fail_reason: None,
        };
        let mut change = end(n, Outcome::Failed, vec![]);
        if let Change::End { ran, .. } = &mut change {
            *ran = Ran::of(&job);
        }
        commit(store, &[accept(n), change]).await;
    }
    let mut kept = store.durations().await.unwrap();
    kept.sort_by_key(|(_, _, durations)| durations.iter().next());
    let kept: Vec<_> = kept
        .iter()
        .map(|(_, name, durations)| (name.raw(), durations.iter().collect::<Vec<_>>()))
        .collect();
    let stored = names.into_iter().zip(took.map(|took| vec![took]));
    assert_eq!(kept, stored.collect::<Vec<_>>());
}
