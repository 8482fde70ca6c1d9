//! A wall clock that is set between two runs, or while one goes on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dcs_wait::api::Answer;
use dcs_wait::hooks::Receipt;
use dcs_wait::model::Outcome;
use dcs_wait::store::{Change, Page, Store, WatchFilter};

use super::harness::{House, Inbox, START, job, pass, refused, secs};
use super::store::Fickle;

const HOUR: Duration = secs(3600);

/// When the first run starts.
const FIRST: Duration = secs(100 * 3600);

/// An engine that had this job for this many seconds of its hour, and stored the time at its end.
async fn stopped_after(job: &str, seconds: u64) -> Arc<Fickle> {
    let house = House::on(House::new().store, FIRST);
    house.engine.restore().await.unwrap();
    house.accept(job).await;
    pass(secs(seconds)).await;
    house.engine.stop(secs(1)).await;
    house.store
}

/// An answer whose `Date` is this long after the start of the first run.
fn dated(answer: Answer, since_first: Duration) -> Answer {
    Answer {
        date: Some(START + FIRST + since_first),
        ..answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_leaves_a_watch_what_was_left_of_its_time() {
    let store = stopped_after("j1", 600).await;
    let house = House::on(store, FIRST - 10 * HOUR);
    house.engine.restore().await.unwrap();
    pass(secs(2990)).await;
    assert!(house.told_outcomes().is_empty());
    pass(secs(20)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_twice_is_allowed_for_twice() {
    let store = stopped_after("j1", 600).await;
    let house = House::on(store, FIRST - 10 * HOUR);
    house.engine.restore().await.unwrap();
    pass(secs(600)).await;
    house.engine.stop(secs(1)).await;
    let house = House::on(house.store, FIRST - 20 * HOUR);
    house.engine.restore().await.unwrap();
    pass(secs(2380)).await;
    assert!(house.told_outcomes().is_empty());
    pass(secs(40)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_does_not_wait_for_a_clock_that_was_set_back() {
    let mut house = House::on(House::new().store, FIRST);
    house.setup.hooks[0].hook = Inbox::that(Receipt::Failed {
        answer: "not today".to_owned(),
        retry_after: None,
    });
    house.engine.configure(house.setup.clone());
    house.engine.restore().await.unwrap();
    house.jobs.answer("j1", [job("SUCCESS")]);
    house.accept("j1").await;
    pass(secs(1)).await;
    house.engine.stop(secs(1)).await;

    let house = House::on(house.store, FIRST - 10 * HOUR);
    assert_eq!(house.engine.restore().await.unwrap(), (0, 1));
    pass(secs(10)).await;
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_ahead_ends_no_watch_as_the_services_time_shows() {
    let store = stopped_after("j1", 600).await;
    let house = House::on(store, FIRST + 25 * HOUR);
    house
        .jobs
        .answer("j1", [dated(job("RUNNING"), secs(630)), job("RUNNING")]);
    house.engine.restore().await.unwrap();
    pass(secs(2900)).await;
    assert!(house.told_outcomes().is_empty());
    pass(secs(100)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
    // What is stored is by the clock as it is now.
    let (record, _) = house
        .store
        .watch(house.only_watch().await)
        .await
        .unwrap()
        .unwrap();
    let deadline = record.watch.deadline_at.unwrap();
    let expected = START + FIRST + 25 * HOUR + secs(2970);
    let off = deadline
        .duration_since(expected)
        .unwrap_or_else(|early| early.duration());
    assert!(off <= secs(60), "{off:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_visible_yet_keeps_its_grace_where_the_clock_was_set_ahead() {
    let house = House::on(House::new().store, FIRST);
    house.engine.restore().await.unwrap();
    house.jobs.answer("j1", [refused(404, "DCS.4004")]);
    house.accept("j1").await;
    pass(secs(3)).await;
    house.engine.stop(secs(1)).await;
    let house = House::on(house.store, FIRST + 25 * HOUR);
    let unknown = dated(refused(404, "DCS.4004"), secs(8));
    house.jobs.answer("j1", [unknown, job("SUCCESS")]);
    house.engine.restore().await.unwrap();
    pass(secs(10)).await;
    assert_eq!(house.told_outcomes(), [Outcome::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_really_passed_is_met_after_one_dated_answer() {
    let store = stopped_after("j1", 600).await;
    let house = House::on(store, FIRST + 25 * HOUR);
    house.jobs.answer("j1", [dated(job("RUNNING"), 25 * HOUR)]);
    house.engine.restore().await.unwrap();
    pass(secs(1)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
    assert_eq!(house.jobs.asked_at("j1", house.start), [0]);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_the_stored_time_decides_after_ten_minutes() {
    let store = stopped_after("j1", 600).await;
    let house = House::on(store, FIRST + 25 * HOUR);
    house.jobs.answer("j1", [refused(502, "")]);
    house.engine.restore().await.unwrap();
    pass(secs(590)).await;
    assert!(house.told_outcomes().is_empty());
    pass(secs(20)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn the_watch_of_a_job_is_the_one_accepted_last_though_the_clock_was_set_back() {
    let house = House::on(House::new().store, FIRST);
    house.engine.restore().await.unwrap();
    let first = house.accept_id("j1").await;
    house.engine.cancel(first).await.unwrap();
    house.engine.stop(secs(1)).await;
    let house = House::on(house.store, FIRST - 10 * HOUR);
    house.engine.restore().await.unwrap();
    let second = house.accept_id("j1").await;
    let filter = WatchFilter {
        job_id: Some("j1".parse().unwrap()),
        ..WatchFilter::default()
    };
    let page = Page {
        before: None,
        limit: 10,
    };
    let listed = house.store.watches(&filter, page).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|record| record.watch.id).collect();
    assert_eq!(listed, [second, first]);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_stored_time_is_judged_by_its_newest_watch() {
    let house = House::on(House::new().store, FIRST);
    house.accept("j1").await;
    pass(secs(5)).await;
    house.engine.stop(secs(1)).await;
    let house = House::on(house.store, FIRST - 10 * HOUR);
    house.engine.restore().await.unwrap();
    pass(secs(3630)).await;
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
}

impl House {
    async fn only_watch(&self) -> dcs_wait::model::WatchId {
        let page = Page {
            before: None,
            limit: 10,
        };
        let listed = self.store.watches(&WatchFilter::default(), page).await;
        let listed = listed.unwrap();
        assert_eq!(listed.len(), 1);
        listed[0].watch.id
    }
}

#[tokio::test]
async fn sqlite_shifts_times_and_keeps_the_one_it_was_seen_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let house = House::new();
    let record = house.accept("j1").await.record;
    let store = dcs_wait::store::SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.seen_at().await.unwrap(), None);
    let watch = record.watch;
    let changes = [
        Change::Accept(watch.clone()),
        Change::SeenAt(START + FIRST),
        Change::ShiftTimes { by_millis: 5000 },
        Change::SeenAt(START + FIRST + HOUR),
    ];
    store.commit(&changes).await.unwrap();
    assert_eq!(store.seen_at().await.unwrap(), Some(START + FIRST + HOUR));
    let (kept, _) = store.watch(watch.id).await.unwrap().unwrap();
    let is_shifted = |kept: SystemTime, was: SystemTime| {
        let right = was + secs(5);
        right.duration_since(kept).unwrap() < Duration::from_millis(1)
    };
    assert!(is_shifted(kept.watch.accepted_at, watch.accepted_at));
    let (kept, was) = (kept.watch.deadline_at, watch.deadline_at);
    assert!(is_shifted(kept.unwrap(), was.unwrap()));
}
