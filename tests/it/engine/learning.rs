//! What is learned of ended jobs: how long they took, by project and type.

use std::time::Duration;

use dcs_wait::api::{Answer, Content};
use dcs_wait::model::{Durations, Job, JobType, ProjectName, Ran};
use dcs_wait::store::{Change, Store};

use super::harness::{House, START, job, pass, refused, secs};
use super::rows::{end, watches};
use super::store::Fickle;

/// How many types of a project are known at most.
const MOST_TYPES: usize = 200;

/// A job of this type that ended after so many seconds.
fn ran(status: &str, job_type: &str, seconds: u64) -> Answer {
    Content::Job(Job {
        status: status.into(),
        job_type: Some(job_type.into()),
        begin_time: Some(START),
        end_time: Some(START + secs(seconds)),
        fail_reason: None,
    })
    .into()
}

/// Has a job of this type end after so many seconds.
async fn learn(house: &House, job_type: &str, seconds: u64) {
    let id = format!("{job_type}-{seconds}");
    house.jobs.answer(&id, [ran("SUCCESS", job_type, seconds)]);
    house.accept(&id).await;
    pass(secs(1)).await;
}

/// A line for each type: its project, its name, and how long each job took.
fn lines(all: &[(ProjectName, JobType, Durations)]) -> Vec<String> {
    let line = |(project, job_type, durations): &(ProjectName, JobType, Durations)| {
        let durations: Vec<Duration> = durations.iter().collect();
        format!("{project} {} {durations:?}", job_type.raw())
    };
    all.iter().map(line).collect()
}

fn known(house: &House) -> Vec<String> {
    lines(&house.engine.known_types())
}

async fn stored(house: &House) -> Vec<String> {
    lines(&house.store.durations().await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn ended_jobs_are_learned_from_whether_they_succeed_or_fail() {
    let house = House::new();
    house
        .jobs
        .answer("j1", [job("RUNNING"), ran("SUCCESS", "swap", 3)]);
    house.jobs.answer("j2", [ran("FAIL", "swap", 4)]);
    house.jobs.answer("j3", [ran("SUCCESS", "resize", 1200)]);
    for job in ["j1", "j2", "j3"] {
        house.accept(job).await;
        pass(secs(2)).await;
    }
    let expected = ["north resize [1200s]", "north swap [3s, 4s]"];
    assert_eq!(known(&house), expected);
    assert_eq!(stored(&house).await, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learned_where_a_wait_ends_and_the_job_does_not_or_says_not_how_long_it_took() {
    let house = House::new();
    house.jobs.answer("odd", [refused(400, "DCS.4999")]);
    house.jobs.answer("untimed", [job("SUCCESS")]);
    for job in ["odd", "untimed", "long"] {
        let id = house.accept_id(job).await;
        pass(secs(1)).await;
        house.engine.cancel(id).await.unwrap();
        assert!(house.outcome(id).await.is_some());
    }
    assert!(known(&house).is_empty());
    assert!(stored(&house).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_added_again_is_learned_from_once() {
    let house = House::new();
    learn(&house, "swap", 3).await;
    assert!(house.accept("swap-3").await.joined);
    pass(secs(60)).await;
    assert_eq!(known(&house), ["north swap [3s]"]);
    assert_eq!(stored(&house).await, ["north swap [3s]"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_stored_though_the_store_said_no_is_learned_from_once() {
    let house = House::new();
    let is_end = |change: &Change| matches!(change, Change::End { .. });
    *house.store.lie.lock().unwrap() = Some(is_end);
    learn(&house, "swap", 3).await;
    pass(secs(60)).await;
    assert_eq!(stored(&house).await, ["north swap [3s]"]);
    let next = House::on(house.store.for_another(), secs(100));
    next.engine.restore().await.unwrap();
    assert_eq!(known(&next), ["north swap [3s]"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learned_before_it_is_stored() {
    let house = House::new();
    house
        .jobs
        .answer("j1", [job("RUNNING"), ran("SUCCESS", "swap", 3)]);
    house.accept("j1").await;
    house.store.set_full(true);
    pass(secs(60)).await;
    assert!(known(&house).is_empty());
    house.store.set_full(false);
    pass(secs(6)).await;
    assert_eq!(known(&house), ["north swap [3s]"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_known_to_the_next_run_and_goes_on_from_there() {
    let house = House::new();
    learn(&house, "swap", 3).await;
    learn(&house, "resize", 1200).await;
    house.engine.stop(Duration::ZERO).await;

    let house = House::on(house.store, secs(100));
    assert!(known(&house).is_empty());
    house.engine.restore().await.unwrap();
    let before = ["north resize [1200s]", "north swap [3s]"];
    assert_eq!(known(&house), before);
    learn(&house, "swap", 5).await;
    let after = ["north resize [1200s]", "north swap [3s, 5s]"];
    assert_eq!(known(&house), after);
    assert_eq!(stored(&house).await, after);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_outlives_its_watches() {
    let house = House::new();
    learn(&house, "swap", 3).await;
    let all = START + secs(1_000_000);
    assert_eq!(house.engine.prune(all).await.unwrap(), 1);
    house.engine.stop(Duration::ZERO).await;
    let house = House::on(house.store, secs(100));
    house.engine.restore().await.unwrap();
    assert_eq!(known(&house), ["north swap [3s]"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_types_are_learned_or_stored_than_there_is_room_for() {
    let house = House::new();
    // All of them end in the same moment.
    for number in 0..300 {
        let id = format!("job-{number}");
        let ended = ran("SUCCESS", &format!("type-{number}"), 3);
        house.jobs.answer(&id, [job("RUNNING"), ended]);
        house.accept(&id).await;
    }
    pass(secs(5)).await;
    assert_eq!(house.told_outcomes().len(), 300);
    let full = known(&house);
    assert_eq!(full.len(), MOST_TYPES);
    assert_eq!(stored(&house).await, full);

    // One that is known goes on.
    let (_, job_type, _) = house.engine.known_types().swap_remove(0);
    learn(&house, "beyond", 3).await;
    learn(&house, job_type.raw(), 4).await;
    let after = known(&house);
    assert_eq!(after.len(), MOST_TYPES);
    assert!(after.contains(&format!("north {} [3s, 4s]", job_type.raw())));
    assert_eq!(stored(&house).await, after);
}

#[tokio::test(start_paused = true)]
async fn of_a_store_with_too_many_types_as_many_are_known_as_there_is_room_for() {
    let store = Fickle::new();
    for (number, watch) in watches(MOST_TYPES as u64 + 7).into_iter().enumerate() {
        let mut end = end(&watch);
        if let Change::End { ran, .. } = &mut end {
            let job_type = format!("type-{number}").as_str().into();
            *ran = Ran::new(job_type, START, secs(3));
        }
        store.commit(&[Change::Accept(watch), end]).await.unwrap();
    }
    let house = House::on(store, secs(10));
    house.engine.restore().await.unwrap();
    assert_eq!(known(&house).len(), MOST_TYPES);
}
