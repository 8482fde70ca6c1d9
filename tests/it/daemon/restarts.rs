//! What services said of credentials outlives the daemon.

use dcs_wait::sim::{SECRET_KEY, Step};
use serde_json::json;

use super::harness::{Daemon, House, until};

/// Waits until what a service said is stored, as the daemon is killed then.
fn until_stored(house: &House, kind: &str) {
    until("what the service said is stored", || {
        house.stored_holds().iter().any(|stored| stored == kind)
    });
}

fn until_held(daemon: &Daemon, id: &str, reason: &str) {
    until("the watch is held back", || {
        let watch = daemon.get(&format!("/v1/watches/{id}"));
        watch["watch"]["held_by"]["reason"] == reason
    });
}

#[test]
fn a_daemon_that_is_started_eight_times_sends_a_refused_credential_once() {
    let house = House::without_hooks();
    house.secret("sk", "no such secret");
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    until_held(&daemon, &id, "credential_refused");
    until_stored(&house, "refused");
    daemon.kill();
    for _ in 0..7 {
        let daemon = house.start();
        until_held(&daemon, &id, "credential_refused");
        daemon.kill();
    }
    assert_eq!(house.requests(), 1);

    house.secret("sk", SECRET_KEY);
    let daemon = house.start();
    assert_eq!(
        daemon.outcome(&id),
        "succeeded",
        "a credential that was changed is tried at once"
    );
    daemon.stop();
}

#[test]
fn a_reload_and_a_poll_that_is_asked_for_try_what_an_earlier_run_found_refused() {
    let house = House::without_hooks();
    house.secret("sk", "no such secret");
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    until_held(&daemon, &id, "credential_refused");
    until_stored(&house, "refused");
    daemon.kill();
    let daemon = house.start();
    until_held(&daemon, &id, "credential_refused");
    assert_eq!(house.requests(), 1);
    daemon.post(&format!("/v1/watches/{id}/poll"), &json!({}));
    until("a poll that was asked for", || house.requests() == 2);
    until_held(&daemon, &id, "credential_refused");
    daemon.signal("HUP");
    until("a poll after the reload", || house.requests() == 3);
    daemon.stop();
}

#[test]
fn a_pause_and_a_limit_that_a_service_asked_for_outlive_the_daemon() {
    let house = House::without_hooks();
    let message = "policy user over ratelimit,limit:1,time:30 minute";
    house.job(
        "job-1",
        [
            Step::error("429".parse().unwrap(), "APIGW.0308", message),
            Step::success(),
        ],
    );
    let daemon = house.start();
    let id = daemon.add("job-1");
    until_held(&daemon, &id, "rate_limit");
    until_stored(&house, "throttled");
    daemon.kill();
    let daemon = house.start();
    until_held(&daemon, &id, "rate_limit");
    assert_eq!(house.polls("job-1"), 1);
    let project = daemon.get("/readyz")["projects"][0].clone();
    assert_eq!(
        project["limit"],
        json!({"requests": 1, "period_ms": 1_800_000})
    );
    assert!(project["paused_ms"].as_u64().unwrap() <= 1_800_000);
    daemon.stop();
}
