//! What survives a kill: everything that was accepted, and what is owed for it.

use std::collections::BTreeSet;
use std::time::Duration;

use dcs_wait::sim::Step;

use super::harness::{House, until};

#[test]
fn a_watch_outlives_a_kill_and_its_hook_fires_once() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    until("a poll", || house.polls("job-1") > 1);
    daemon.kill();
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    assert_eq!(daemon.outcome(&id), "succeeded");
    house.receiver.until_arrived("job-1");
    daemon.stop();
    assert_eq!(house.receiver.of("job-1").len(), 1);
}

#[test]
fn a_delivery_outlives_a_kill_under_the_same_id() {
    let house = House::new();
    house.receiver.answer(503);
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    assert_eq!(daemon.outcome(&id), "succeeded");
    let deliveries = daemon.get(&format!("/v1/deliveries?watch_id={id}"));
    let delivery = deliveries["deliveries"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    daemon.until_it_says("HTTP 503");
    daemon.kill();
    house.receiver.answer(204);
    let _daemon = house.start();
    assert_eq!(house.receiver.until_arrived("job-1").id, delivery);
}

#[test]
fn nothing_is_lost_however_often_it_is_killed() {
    const WATCHES: usize = 200;
    let house = House::new();
    let jobs: Vec<String> = (0..WATCHES).map(|number| format!("job-{number}")).collect();
    for (number, job) in jobs.iter().enumerate() {
        let lasts = Duration::from_millis(500 + 10 * number as u64);
        house.job(job, [Step::running().lasting(lasts), Step::success()]);
    }
    let daemon = house.start();
    for job in &jobs {
        daemon.add(job);
    }
    daemon.kill();
    for _ in 0..5 {
        let before = house.receiver.arrived().len();
        let daemon = house.start();
        until("more arrive", || house.receiver.arrived().len() > before);
        daemon.kill();
    }
    let daemon = house.start();
    for job in &jobs {
        house.receiver.until_arrived(job);
    }
    daemon.stop();
    for job in &jobs {
        let ids: BTreeSet<String> = house
            .receiver
            .of(job)
            .into_iter()
            .map(|one| one.id)
            .collect();
        assert_eq!(
            ids.len(),
            1,
            "{job}: one delivery has one ID, however often it is tried"
        );
    }
}
