//! Reloads: watches notice only what is about them.

use std::sync::Arc;

use dcs_wait::api::{Answer, Content};
use dcs_wait::model::{Job, Outcome};
use dcs_wait::poll::{DelayPerRequest, ScheduleSpec};
use tokio::time::Instant;

use super::harness::{House, Jobs, START, job, north, order, pass, project, secs, session};

/// Has the project's jobs asked for by the learned schedule, a request being worth so many seconds.
fn configure_learned(house: &mut House, worth: u64) {
    let worth = DelayPerRequest::try_from(secs(worth)).unwrap();
    let north = house.setup.projects.get_mut(&north()).unwrap();
    let mut watch = (*north.watch).clone();
    watch.schedule = ScheduleSpec::Learned(worth);
    north.watch = Arc::new(watch);
    house.engine.configure(house.setup.clone());
}

/// A job of the type that all jobs of a [`House`] are of, which took ten minutes.
fn took_ten_minutes() -> Answer {
    Content::Job(Job {
        status: "SUCCESS".into(),
        job_type: Some("masterStandbySwapJob".into()),
        begin_time: Some(START),
        end_time: Some(START + secs(600)),
        fail_reason: None,
    })
    .into()
}

/// When a job that has just been added is asked for, in seconds since then, for eleven minutes.
async fn asked_at(house: &House, job: &str) -> Vec<u64> {
    let start = Instant::now();
    house.accept(job).await;
    pass(secs(660)).await;
    house.jobs.asked_at(job, start)
}

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

#[tokio::test(start_paused = true)]
async fn another_worth_of_a_request_has_another_plan_made_of_what_is_known() {
    let mut house = House::new();
    configure_learned(&mut house, 1);
    for number in 0..30 {
        let id = format!("ended-{number}");
        house.jobs.answer(&id, [took_ten_minutes()]);
        house.accept(&id).await;
    }
    pass(secs(1)).await;
    for (worth, job) in [(1, "j1"), (20, "j2"), (1, "j3")] {
        configure_learned(&mut house, worth);
        let asked_at = asked_at(&house, job).await;
        // Without a plan, intervals would be of 4 s and more, or of 20 s and more.
        let before = asked_at.iter().filter(|at| (1..570).contains(*at)).count();
        assert!(before <= 3, "{worth}: {asked_at:?}");
        let (last, others) = asked_at.split_last().unwrap();
        let interval = last - others.last().unwrap();
        assert!((worth..=10 * worth).contains(&interval), "{asked_at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_under_way_is_asked_for_by_the_schedule_of_a_reload() {
    let mut house = House::new();
    house.jobs.answer("ended", [took_ten_minutes()]);
    house.accept("ended").await;
    house.accept("j1").await;
    pass(secs(10)).await;
    assert_eq!(house.jobs.asked_at("j1", house.start), [0, 1, 3, 7]);
    configure_learned(&mut house, 20);
    pass(secs(600)).await;
    let asked_at = house.jobs.asked_at("j1", house.start);
    assert_eq!(asked_at[4], 10, "it begins anew");
    let intervals = asked_at[4..].windows(2).map(|pair| pair[1] - pair[0]);
    assert!(intervals.min().unwrap() >= 20, "{asked_at:?}");
}
