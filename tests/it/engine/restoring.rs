//! A start after another run: what it left is taken up where it was.

use std::sync::Arc;
use std::time::Duration;

use dcs_wait::engine::Engine;
use dcs_wait::model::Outcome;
use tokio::time::Instant;

use super::harness::{House, job, order, pass, refused, secs};
use super::store::Fickle;

/// An engine that had these jobs, and was killed after so many seconds.
async fn killed(jobs: &[&str], after: u64) -> Arc<Fickle> {
    let house = House::new();
    for job in jobs {
        house.accept(job).await;
    }
    pass(secs(after)).await;
    house.engine.stop(Duration::ZERO).await;
    house.store
}

#[tokio::test(start_paused = true)]
async fn watches_of_the_last_run_are_polled_again() {
    let store = killed(&["j1", "j2"], 20).await;
    let house = House::on(store, secs(100));
    assert!(!house.engine.health().restored);
    assert_eq!(house.engine.restore().await.unwrap(), (2, 0));
    assert!(house.engine.health().restored);
    house.jobs.answer("j1", [job("SUCCESS")]);
    pass(secs(1)).await;
    assert_eq!(house.told_outcomes(), [Outcome::Succeeded]);
    assert_eq!(house.inbox.types(), ["dcs.job.succeeded"]);
    let joined = house.accept("j2").await;
    assert!(joined.joined);
    assert!(joined.record.progress.polls > 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_meanwhile_is_met_after_one_request() {
    let store = killed(&["j1", "j2"], 5).await;
    let house = House::on(store, secs(24 * 3600));
    house.jobs.answer("j2", [job("SUCCESS")]);
    house.engine.restore().await.unwrap();
    pass(secs(1)).await;
    assert_eq!(house.jobs.asked.lock().unwrap().len(), 2);
    let mut told = house.told_outcomes();
    told.sort_by_key(|outcome| outcome.as_str());
    assert_eq!(told, [Outcome::Succeeded, Outcome::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_the_order() {
    let store = killed(&["j1"], 0).await;
    let house = House::on(store, secs(3590));
    house.engine.restore().await.unwrap();
    pass(secs(30)).await;
    let asked = house.jobs.asked_at("j1", house.start);
    assert_eq!(asked.last(), Some(&10));
    assert_eq!(house.told_outcomes(), [Outcome::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_an_unknown_job_does_not_start_over() {
    let store = killed(&["j1"], 0).await;
    let store = {
        // Nothing was known of the job when the run ended.
        let house = House::on(store, secs(0));
        house.jobs.answer("j3", [refused(404, "")]);
        house.accept("j3").await;
        pass(secs(3)).await;
        house.engine.stop(Duration::ZERO).await;
        house.store
    };
    let house = House::on(store, secs(60));
    house.jobs.answer("j3", [refused(404, "")]);
    house.engine.restore().await.unwrap();
    pass(secs(1)).await;
    assert_eq!(house.jobs.asked_at("j3", house.start), [0]);
    assert_eq!(house.told_outcomes(), [Outcome::NotFound]);
}

#[tokio::test(start_paused = true)]
async fn deliveries_of_the_last_run_are_carried_out() {
    let mut house = House::new();
    house.setup.hooks[0].hook = super::harness::Inbox::that(dcs_wait::hooks::Receipt::Failed {
        answer: "not today".to_owned(),
        retry_after: None,
    });
    house.engine.configure(house.setup.clone());
    house.jobs.answer("j1", [job("SUCCESS")]);
    let id = house.accept_id("j1").await;
    pass(secs(1)).await;
    house.engine.stop(Duration::ZERO).await;
    let owed = house.deliveries(id).await;
    assert_eq!(owed[0].state.as_str(), "pending");

    let house = House::on(house.store, secs(60));
    assert_eq!(house.engine.restore().await.unwrap(), (0, 1));
    house.engine.settled(id).await;
    assert_eq!(house.inbox.messages.lock().unwrap()[0].id, owed[0].id);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_could_not_be_stored_is_found_out_again() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    house.jobs.answer("j1", [job("FAIL")]);
    house.store.set_full(true);
    pass(secs(2)).await;
    let stop = Instant::now();
    house.engine.stop(secs(3)).await;
    assert!(stop.elapsed() <= secs(3) + Engine::STOP_MARGIN);

    let house = House::on(house.store.for_another(), secs(10));
    house.jobs.answer("j1", [job("FAIL")]);
    house.engine.restore().await.unwrap();
    pass(secs(1)).await;
    assert_eq!(house.outcome(id).await, Some(Outcome::Failed));
    assert_eq!(house.inbox.types(), ["dcs.job.failed"]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_watches_are_all_taken_up() {
    let house = House::new();
    for number in 0..10_000 {
        let order = order(&format!("job-{number}"));
        house.engine.accept(order).await.unwrap();
    }
    house.engine.stop(Duration::ZERO).await;
    let house = House::on(house.store, secs(10));
    assert_eq!(house.engine.restore().await.unwrap(), (10_000, 0));
    pass(secs(1)).await;
    let health = house.engine.health();
    assert_eq!((health.running, health.unseen), (10_000, 0));
}
