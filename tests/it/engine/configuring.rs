//! Reloads: watches notice only what is about them.

use std::sync::Arc;

use dcs_wait::model::Outcome;

use super::harness::{House, Jobs, job, north, order, pass, project, secs, session};

#[tokio::test(start_paused = true)]
async fn watches_of_a_project_that_stays_notice_nothing() {
    let mut house = House::new();
    house.accept("j1").await;
    pass(secs(2)).await;
    let south = project(&house.jobs);
    house.setup.projects.insert("south".parse().unwrap(), south);
    let same = house.setup.projects.get_mut(&north()).unwrap();
    same.watch = Arc::new((*same.watch).clone());
    same.timeout = None;
    house.engine.configure(house.setup.clone());
    pass(secs(10)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3, 7]);
}

#[tokio::test(start_paused = true)]
async fn watches_of_a_project_that_changed_go_on_with_the_new_one() {
    let mut house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(5)).await;
    let elsewhere = Arc::<Jobs>::default();
    elsewhere.answer("j1", [job("RUNNING"), job("SUCCESS")]);
    house.setup.projects.get_mut(&north()).unwrap().session = session(&elsewhere);
    house.engine.configure(house.setup.clone());
    pass(secs(20)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3]);
    let record = house.record(id).await;
    assert_eq!(record.end.unwrap().outcome, Outcome::Succeeded);
    assert_eq!(record.progress.polls, 5, "it goes on from the third");
}

#[tokio::test(start_paused = true)]
async fn watches_of_a_project_that_is_gone_sleep_until_it_is_back() {
    let mut house = House::new();
    house.accept("j1").await;
    pass(secs(2)).await;
    let project = house.setup.projects.remove(&north()).unwrap();
    house.engine.configure(house.setup.clone());
    pass(secs(100)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1]);
    house.jobs.answer("j1", [job("SUCCESS")]);
    house.setup.projects.insert(north(), project);
    house.engine.configure(house.setup.clone());
    pass(secs(1)).await;
    assert_eq!(house.told_outcomes(), [Outcome::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn watches_of_a_project_that_is_gone_time_out_and_can_be_called_off() {
    let mut house = House::new();
    let first = house.accept_id("j1").await;
    let second = house.accept_id("j2").await;
    house.setup.projects.clear();
    house.engine.configure(house.setup.clone());
    pass(secs(1)).await;
    house.engine.cancel(second).await.unwrap();
    assert_eq!(house.outcome(second).await, Some(Outcome::Cancelled));
    pass(secs(3600)).await;
    assert_eq!(house.outcome(first).await, Some(Outcome::TimedOut));
    assert_eq!(house.inbox.types(), ["dcs.job.timed_out"]);
    assert!(house.engine.accept(order("j3")).await.is_err());
}
