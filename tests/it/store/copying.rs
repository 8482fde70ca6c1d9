//! Everything from one store into another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dcs_wait::model::{
    Answers, Attempt, Delivery, DeliveryId, DeliveryState, Durations, End, Fault, Fence, Job,
    JobType, Outcome, Progress, ProjectName, Ran, WatchId, WatchRecord,
};
use dcs_wait::store::{
    Change, Copied, CopyError, Counts, DeliveryFilter, Effect, MemoryStore, SharedStore, Store,
    StoreError, StoreFuture, WatchFilter, copy,
};

use super::samples::{
    accept, answers, at, attempted, commit, delivery, delivery_id, end, end_of, note, opened, page,
    place, watch, watch_id,
};

/// All that a store holds, but for the fences.
#[derive(Debug, PartialEq)]
pub(crate) struct Everything {
    watches: Vec<(WatchRecord, Vec<Answers>)>,
    deliveries: Vec<(Delivery, Vec<Attempt>)>,
    durations: Vec<(ProjectName, JobType, Durations)>,
    counts: Counts,
}

pub(crate) async fn everything(store: &dyn Store) -> Everything {
    let mut watches = Vec::new();
    let filter = WatchFilter::default();
    for record in store.watches(&filter, page(None, 10_000)).await.unwrap() {
        let mut kept = store.watch(record.watch.id).await.unwrap().unwrap();
        kept.0.fence = Fence::FIRST;
        watches.push(kept);
    }
    let mut deliveries = Vec::new();
    let filter = DeliveryFilter::default();
    for one in store.deliveries(&filter, page(None, 10_000)).await.unwrap() {
        let mut kept = store.delivery(one.id).await.unwrap().unwrap();
        kept.0.fence = Fence::FIRST;
        deliveries.push(kept);
    }
    Everything {
        watches,
        deliveries,
        durations: store.durations().await.unwrap(),
        counts: store.counts().await.unwrap(),
    }
}

fn replay(n: u64, due: u64) -> Change {
    Change::Replay {
        delivery_id: delivery_id(n),
        due: at(due),
    }
}

/// A store with everything that there can be: each outcome, several watches for one job, deliveries
/// at each stage, durations of watches that are forgotten.
pub(crate) async fn fill(store: &dyn Store) {
    commit(store, &[accept(9000), end_of(9000, "swap", 7)]).await;
    commit(store, &[Change::Prune(at(1_000_000))]).await;
    for (n, outcome) in (1..).zip(Outcome::ALL) {
        let owed = vec![delivery(2 * n, n, "ci"), delivery(2 * n + 1, n, "chat")];
        commit(store, &[accept(n), note(n, 2), end(n, outcome, owed)]).await;
    }
    // The same job again and again, the one that goes on among them the oldest by its ID.
    for n in [31, 32, 30] {
        let mut again = watch(n);
        again.job_id = "again".parse().unwrap();
        commit(store, &[Change::Accept(again)]).await;
        if n != 30 {
            commit(store, &[end(n, Outcome::Cancelled, vec![])]).await;
        }
    }
    let mut joining = watch(33);
    joining.job_id = "again".parse().unwrap();
    joining.hooks = super::samples::hooks(&["other"]);
    let mut lasting = watch(40);
    lasting.deadline_at = None;
    lasting.hooks = super::samples::hooks(&[]);
    let described = Progress {
        polls: 5,
        job: Some(Arc::new(job())),
    };
    let fault = Fault {
        http_status: Some(503),
        code: Some("DCS.5000".into()),
        request_id: Some("r-1".into()),
        ..Fault::local("busy")
    };
    let changes = [
        Change::Accept(joining),
        Change::Accept(lasting),
        accept(41),
        accept(42),
        Change::Note {
            watch_id: watch_id(41),
            fence: Fence::FIRST,
            progress: described.clone(),
            answers: vec![answers("INIT", 1), answers("RUNNING", 4)],
        },
        Change::End {
            watch_id: watch_id(42),
            fence: Fence::FIRST,
            progress: described,
            end: End {
                outcome: Outcome::TimedOut,
                fault: Some(fault),
                at: at(5000),
            },
            answers: vec![answers("RUNNING", 1), answers("HTTP 503", 2)],
            deliveries: vec![delivery(80, 42, "ci")],
            ran: Ran::new("resize".into(), at(1), Duration::from_millis(1234)),
        },
    ];
    commit(store, &changes).await;
    let pending = |due| DeliveryState::Pending(at(due));
    for change in [
        attempted(2, 1, DeliveryState::Delivered),
        attempted(3, 1, pending(10)),
        attempted(3, 2, DeliveryState::Dead),
        attempted(4, 1, pending(20)),
        attempted(5, 1, DeliveryState::Dead),
        replay(5, 30),
        attempted(6, 1, DeliveryState::Dead),
        replay(6, 40),
        attempted(6, 2, pending(50)),
        attempted(6, 3, DeliveryState::Delivered),
        replay(6, 60),
        attempted(6, 4, pending(70)),
        replay(7, 80),
        attempted(8, 1, DeliveryState::Delivered),
        replay(8, 90),
        attempted(8, 2, DeliveryState::Dead),
    ] {
        commit(store, &[change]).await;
    }
}

fn job() -> Job {
    Job {
        status: "RUNNING".into(),
        job_type: Some("swap".into()),
        begin_time: Some(at(7)),
        end_time: None,
        fail_reason: Some("none yet".into()),
    }
}

async fn copied(from: &dyn Store, to: &dyn Store) -> Result<Copied, CopyError> {
    copy(from, to, &mut |_| {}).await
}

#[tokio::test]
async fn everything_is_the_same_in_another_form_of_store_and_back() {
    let (first, last) = (MemoryStore::new(), MemoryStore::new());
    fill(&first).await;
    let (_directory, path) = place();
    let between = opened(&path).await;
    let there = copied(&first, &between).await.unwrap();
    let whole = everything(&first).await;
    assert_eq!(there.watches, whole.watches.len() as u64);
    assert_eq!(there.deliveries, whole.deliveries.len() as u64);
    assert_eq!(everything(&between).await, whole);
    assert_eq!(copied(&between, &last).await.unwrap(), there);
    assert_eq!(everything(&last).await, whole);
    between.close().await;
}

#[tokio::test]
async fn everything_is_the_same_in_postgresql_and_back() {
    let (first, last) = (MemoryStore::new(), MemoryStore::new());
    fill(&first).await;
    let whole = everything(&first).await;
    let database = crate::postgres::Database::new().await;
    let between = database.opened().await;
    let there = copied(&first, &between).await.unwrap();
    assert_eq!(everything(&between).await, whole);
    let again = Copied {
        watches_before: there.watches,
        deliveries_before: there.deliveries,
        ..Copied::default()
    };
    assert_eq!(copied(&first, &between).await.unwrap(), again, "once more");
    assert_eq!(everything(&between).await, whole);
    assert_eq!(copied(&between, &last).await.unwrap(), there);
    assert_eq!(everything(&last).await, whole);
    between.close().await;
    // Whoever joins next takes up all that goes on.
    let next = database.joined("next").await;
    let claimed = next.claim_watches(1000).await.unwrap();
    assert_eq!(claimed.len() as u64, whole.counts.active);
    let claimed = next.claim_deliveries(1000).await.unwrap();
    assert_eq!(claimed.len() as u64, whole.counts.pending);
    next.close().await;
}

#[tokio::test]
async fn a_copy_does_what_the_original_would() {
    let (from, to) = (MemoryStore::new(), MemoryStore::new());
    fill(&from).await;
    copied(&from, &to).await.unwrap();
    for store in [&from, &to] {
        let mut again = watch(50);
        again.job_id = "again".parse().unwrap();
        let effects = commit(store, &[Change::Accept(again)]).await;
        let [Effect::Accepted { record, joined, .. }] = &effects[..] else {
            panic!("{effects:?}");
        };
        assert_eq!((record.watch.id, *joined), (watch_id(30), true));
    }
    assert_eq!(everything(&to).await, everything(&from).await);
}

#[tokio::test]
async fn many_are_copied_by_pages() {
    let (from, to) = (MemoryStore::new(), MemoryStore::new());
    for n in 0..700 {
        let owed = vec![delivery(n, n, "ci")];
        commit(&from, &[accept(n), end(n, Outcome::Succeeded, owed)]).await;
    }
    let mut told = Vec::new();
    copy(&from, &to, &mut |copied| told.push(copied))
        .await
        .unwrap();
    assert!(told.len() >= 6, "{told:?}");
    let last = Copied {
        watches: 700,
        deliveries: 700,
        ..Copied::default()
    };
    assert_eq!(told.last(), Some(&last));
    assert_eq!(everything(&to).await, everything(&from).await);
}

/// A store that takes so many commits more.
struct Fading {
    inner: MemoryStore,
    left: AtomicU32,
    /// How many watches and deliveries were read one by one.
    singly: AtomicU32,
}

impl Fading {
    fn after(commits: u32) -> Self {
        Self {
            inner: MemoryStore::new(),
            left: AtomicU32::new(commits),
            singly: AtomicU32::new(0),
        }
    }
}

impl Store for Fading {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Box::pin(async {
                Err(StoreError::NotNow {
                    doing: "written",
                    why: "no space left on device".to_owned(),
                })
            });
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.inner.commit(changes)
    }

    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        self.inner.active(after, limit)
    }

    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        self.inner.pending(after, limit)
    }

    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>> {
        self.singly.fetch_add(1, Ordering::Relaxed);
        self.inner.watch(id)
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: dcs_wait::store::Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        self.inner.watches(filter, page)
    }

    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>> {
        self.singly.fetch_add(1, Ordering::Relaxed);
        self.inner.delivery(id)
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: dcs_wait::store::Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        self.inner.deliveries(filter, page)
    }

    fn durations(&self) -> StoreFuture<'_, Vec<(ProjectName, JobType, Durations)>> {
        self.inner.durations()
    }

    fn holds(&self) -> StoreFuture<'_, Vec<dcs_wait::model::CredentialHold>> {
        self.inner.holds()
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.inner.counts()
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()> {
        self.inner.mark_unfinished(is_unfinished)
    }

    fn is_unfinished(&self) -> StoreFuture<'_, bool> {
        self.inner.is_unfinished()
    }
}

#[tokio::test]
async fn a_copy_that_was_cut_short_anywhere_goes_on() {
    let from = MemoryStore::new();
    fill(&from).await;
    let whole = everything(&from).await;
    let mut cuts = 0;
    loop {
        let to = Fading::after(cuts);
        let first = copied(&from, &to).await;
        if let Err(error) = &first {
            assert!(matches!(error, CopyError::To(_)), "{error}");
        }
        let is_marked = to.is_unfinished().await.unwrap();
        assert_eq!(is_marked, first.is_err(), "after {cuts} commits");
        to.left.store(u32::MAX, Ordering::Relaxed);
        copied(&from, &to).await.unwrap();
        assert_eq!(everything(&to).await, whole, "after {cuts} commits");
        assert!(!to.is_unfinished().await.unwrap());
        if first.is_ok() {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 5, "{cuts}");
}

#[tokio::test]
async fn what_is_there_already_is_read_by_pages() {
    let (from, to) = (Fading::after(u32::MAX), Fading::after(u32::MAX));
    fill(&from).await;
    copied(&from, &to).await.unwrap();
    for store in [&from, &to] {
        store.singly.store(0, Ordering::Relaxed);
    }
    copied(&from, &to).await.unwrap();
    for store in [&from, &to] {
        assert_eq!(store.singly.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_store_that_holds_something_else_is_left_alone() {
    let from = MemoryStore::new();
    fill(&from).await;
    let further = [note(30, 7), note(41, 9)];
    for (changes, why) in [
        (vec![accept(77)], "the watch 00000000-0000-004d"),
        (vec![accept(41), further[1].clone()], "has come further"),
        (
            vec![
                accept(9000),
                end_of(9000, "swap", 8),
                Change::Prune(at(1_000_000)),
            ],
            "how long other jobs took",
        ),
    ] {
        let to = MemoryStore::new();
        commit(&to, &changes).await;
        let before = everything(&to).await;
        let refused = copied(&from, &to).await.unwrap_err();
        assert!(matches!(refused, CopyError::Other(_)), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
        assert_eq!(everything(&to).await.counts, before.counts, "{why}");
        assert!(!to.is_unfinished().await.unwrap(), "{why}");
    }
}

#[tokio::test]
async fn nothing_is_copied_well() {
    let (from, to) = (MemoryStore::new(), MemoryStore::new());
    assert_eq!(copied(&from, &to).await.unwrap(), Copied::default());
}
