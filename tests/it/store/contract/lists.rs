//! Lists, pages, filters, counts.

use dcs_wait::model::{DeliveryState, Outcome, WatchId};
use dcs_wait::store::{Change, Counts, DeliveryFilter, Store, WatchFilter};

use super::each_form;
use crate::store::samples::{
    accept, at, attempted, commit, delivery, delivery_id, end, page, watch, watch_id,
};

each_form! {
    active_watches_come_from_the_oldest_on
    pending_deliveries_come_from_the_oldest_on
    watches_come_in_pages_from_the_newest_on
    watches_are_filtered_by_all_that_is_asked
    deliveries_are_filtered_by_all_that_is_asked
    deliveries_come_in_pages_from_the_newest_on
    everything_is_counted
    an_empty_store_has_nothing
    a_commit_of_nothing_succeeds
}

async fn active_watches_come_from_the_oldest_on(store: &dyn Store) {
    // Not in the order of their age.
    for n in [3, 1, 5, 2, 4] {
        commit(store, &[accept(n)]).await;
    }
    commit(store, &[end(3, Outcome::Failed, vec![])]).await;
    let ids = |records: Vec<dcs_wait::model::WatchRecord>| -> Vec<WatchId> {
        records.iter().map(|record| record.watch.id).collect()
    };
    let first = ids(store.active(None, 3).await.unwrap());
    assert_eq!(first, [1, 2, 4].map(watch_id));
    let rest = ids(store.active(Some(watch_id(4)), 3).await.unwrap());
    assert_eq!(rest, [watch_id(5)]);
    assert!(store.active(Some(watch_id(5)), 3).await.unwrap().is_empty());
}

async fn pending_deliveries_come_from_the_oldest_on(store: &dyn Store) {
    for n in [2, 1, 3] {
        let owed = vec![delivery(n, n, "ci")];
        commit(store, &[accept(n), end(n, Outcome::Failed, owed)]).await;
    }
    commit(store, &[attempted(2, 1, DeliveryState::Dead)]).await;
    let first = store.pending(None, 1).await.unwrap();
    assert_eq!(first, [delivery(1, 1, "ci")]);
    let rest = store.pending(Some(delivery_id(1)), 9).await.unwrap();
    assert_eq!(rest, [delivery(3, 3, "ci")]);
}

/// The numbers of the watches that fit.
async fn found(store: &dyn Store, filter: WatchFilter) -> Vec<WatchId> {
    let records = store.watches(&filter, page(None, 100)).await.unwrap();
    records.iter().map(|record| record.watch.id).collect()
}

async fn watches_come_in_pages_from_the_newest_on(store: &dyn Store) {
    let accepts: Vec<Change> = (1..=7).map(accept).collect();
    commit(store, &accepts).await;
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let all = WatchFilter::default();
        let records = store.watches(&all, page(before, 3)).await.unwrap();
        let Some(last) = records.last() else { break };
        before = Some(last.watch.id);
        pages.push(records.iter().map(|one| one.watch.id).collect::<Vec<_>>());
    }
    let expected = [vec![7, 6, 5], vec![4, 3, 2], vec![1]];
    assert_eq!(
        pages,
        expected.map(|page| page.into_iter().map(watch_id).collect::<Vec<_>>())
    );
}

async fn watches_are_filtered_by_all_that_is_asked(store: &dyn Store) {
    let mut other = watch(5);
    other.project = "other".parse().unwrap();
    let mut same_job = watch(6);
    same_job.job_id = watch(3).job_id;
    let changes = [
        accept(1),
        accept(2),
        accept(3),
        accept(4),
        Change::Accept(other),
        end(2, Outcome::Succeeded, vec![]),
        end(3, Outcome::Cancelled, vec![]),
        end(5, Outcome::Succeeded, vec![]),
        Change::Accept(same_job),
    ];
    commit(store, &changes).await;
    let project = |name: &str| Some(name.parse().unwrap());
    let job = |n: u64| Some(watch(n).job_id);
    let all = WatchFilter::default;
    let cases = [
        (all(), vec![6, 5, 4, 3, 2, 1]),
        (
            WatchFilter {
                ended: Some(true),
                ..all()
            },
            vec![5, 3, 2],
        ),
        (
            WatchFilter {
                ended: Some(false),
                ..all()
            },
            vec![6, 4, 1],
        ),
        (
            WatchFilter {
                outcome: Some(Outcome::Succeeded),
                ..all()
            },
            vec![5, 2],
        ),
        (
            WatchFilter {
                outcome: Some(Outcome::Denied),
                ..all()
            },
            vec![],
        ),
        (
            WatchFilter {
                project: project("other"),
                ..all()
            },
            vec![5],
        ),
        (
            WatchFilter {
                project: project("main"),
                ended: Some(true),
                ..all()
            },
            vec![3, 2],
        ),
        (
            WatchFilter {
                project: project("main"),
                ended: Some(false),
                ..all()
            },
            vec![6, 4, 1],
        ),
        (
            WatchFilter {
                project: project("none"),
                ..all()
            },
            vec![],
        ),
        (
            WatchFilter {
                job_id: job(3),
                ..all()
            },
            vec![6, 3],
        ),
        (
            WatchFilter {
                job_id: job(3),
                ended: Some(true),
                ..all()
            },
            vec![3],
        ),
        (
            WatchFilter {
                outcome: Some(Outcome::Succeeded),
                ended: Some(false),
                ..all()
            },
            vec![],
        ),
        (
            WatchFilter {
                ended: Some(true),
                outcome: Some(Outcome::Succeeded),
                project: project("main"),
                job_id: job(2),
            },
            vec![2],
        ),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(watch_id).collect();
        assert_eq!(found(store, filter.clone()).await, expected, "{filter:?}");
        let older = store.watches(&filter, page(Some(watch_id(3)), 1)).await;
        let older: Vec<_> = older.unwrap().iter().map(|one| one.watch.id).collect();
        let first = expected.into_iter().find(|id| *id < watch_id(3));
        assert_eq!(older, Vec::from_iter(first), "{filter:?}");
    }
}

/// Four watches with a delivery by `ci` each, and two by `chat`: the odd of the former arrived, the
/// second is dead, the fourth is pending, as are the latter.
async fn with_deliveries(store: &dyn Store) {
    for n in 1..=4 {
        let mut owed = vec![delivery(n, n, "ci")];
        if n > 2 {
            owed.push(delivery(n + 10, n, "chat"));
        }
        commit(store, &[accept(n), end(n, Outcome::Failed, owed)]).await;
    }
    let attempts = [
        attempted(1, 1, DeliveryState::Delivered),
        attempted(2, 1, DeliveryState::Dead),
        attempted(3, 1, DeliveryState::Delivered),
    ];
    commit(store, &attempts).await;
}

async fn deliveries_are_filtered_by_all_that_is_asked(store: &dyn Store) {
    with_deliveries(store).await;
    let hook = |name: &str| Some(name.parse().unwrap());
    let all = DeliveryFilter::default;
    let cases = [
        (all(), vec![14, 13, 4, 3, 2, 1]),
        (
            DeliveryFilter {
                state: Some("pending"),
                ..all()
            },
            vec![14, 13, 4],
        ),
        (
            DeliveryFilter {
                state: Some("delivered"),
                ..all()
            },
            vec![3, 1],
        ),
        (
            DeliveryFilter {
                state: Some("dead"),
                ..all()
            },
            vec![2],
        ),
        (
            DeliveryFilter {
                hook: hook("chat"),
                ..all()
            },
            vec![14, 13],
        ),
        (
            DeliveryFilter {
                hook: hook("ci"),
                state: Some("pending"),
                ..all()
            },
            vec![4],
        ),
        (
            DeliveryFilter {
                hook: hook("ci"),
                state: Some("delivered"),
                ..all()
            },
            vec![3, 1],
        ),
        (
            DeliveryFilter {
                hook: hook("none"),
                ..all()
            },
            vec![],
        ),
        (
            DeliveryFilter {
                watch_id: Some(watch_id(3)),
                ..all()
            },
            vec![13, 3],
        ),
        (
            DeliveryFilter {
                state: Some("delivered"),
                hook: hook("ci"),
                watch_id: Some(watch_id(3)),
                ..all()
            },
            vec![3],
        ),
    ];
    for (filter, expected) in cases {
        let found = store.deliveries(&filter, page(None, 100)).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| one.id).collect();
        let expected: Vec<_> = expected.into_iter().map(delivery_id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn deliveries_come_in_pages_from_the_newest_on(store: &dyn Store) {
    with_deliveries(store).await;
    let all = DeliveryFilter::default();
    let next = page(Some(delivery_id(13)), 2);
    let found = store.deliveries(&all, next).await.unwrap();
    let found: Vec<_> = found.iter().map(|one| one.id).collect();
    assert_eq!(found, [4, 3].map(delivery_id));
}

async fn everything_is_counted(store: &dyn Store) {
    with_deliveries(store).await;
    commit(store, &[accept(8), accept(9)]).await;
    let counts = Counts {
        active: 2,
        ended: 4,
        pending: 3,
        dead: 1,
        oldest_pending: Some(at(4)),
    };
    assert_eq!(store.counts().await.unwrap(), counts);
    let replay = Change::Replay {
        delivery_id: delivery_id(2),
        due: at(9000),
    };
    commit(store, &[replay]).await;
    let counts = Counts {
        pending: 4,
        dead: 0,
        oldest_pending: Some(at(2)),
        ..counts
    };
    assert_eq!(store.counts().await.unwrap(), counts);
}

async fn an_empty_store_has_nothing(store: &dyn Store) {
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    assert!(store.active(None, 10).await.unwrap().is_empty());
    assert!(store.pending(None, 10).await.unwrap().is_empty());
    assert!(found(store, WatchFilter::default()).await.is_empty());
}

async fn a_commit_of_nothing_succeeds(store: &dyn Store) {
    assert!(commit(store, &[]).await.is_empty());
}
