//! What a service says holds requests back, shows, ends by itself, and can be lifted.

use dcs_wait::sim::Step;
use serde_json::{Value, json};

use super::harness::{Daemon, House, until};

/// The answer of a gateway that names a limit, in these words.
fn throttled(words: &str) -> Step {
    let message = format!("policy user over ratelimit,{words}");
    Step::error("429".parse().unwrap(), "APIGW.0308", message)
}

/// A daemon whose only job was asked for once, and is held back by an absurd limit.
fn held_back(house: &House) -> (Daemon, String) {
    house.job(
        "job-1",
        [throttled("limit:1,time:4294967295 day"), Step::success()],
    );
    let daemon = house.start();
    let id = daemon.add("job-1");
    daemon.until_it_says("the service named a limit");
    (daemon, id)
}

fn show(daemon: &Daemon, id: &str) -> Value {
    daemon.get(&format!("/v1/watches/{id}"))["watch"].clone()
}

#[test]
fn a_limit_of_one_request_in_a_billion_years_is_one_in_an_hour_and_shows() {
    let house = House::without_hooks();
    let (daemon, id) = held_back(&house);
    let mut held = Value::Null;
    until("the watch is held back", || {
        held = show(&daemon, &id)["held_by"].clone();
        !held.is_null()
    });
    assert_eq!(held["reason"], "rate_limit");
    assert_eq!(held["message"], "the service's limit is 1 request in 1h");
    let project = daemon.get("/readyz")["projects"][0].clone();
    let within_an_hour = |member: &str| project[member].as_u64().unwrap() <= 3_600_000;
    assert!(within_an_hour("paused_ms") && within_an_hour("spacing_ms"));
    assert_eq!(
        project["limit"],
        json!({"requests": 1, "period_ms": 3_600_000})
    );
    assert!(project["limit_expires_ms"].as_u64().unwrap() <= 7_200_000);
    assert_eq!(project["held_by"]["reason"], "rate_limit");
    assert_eq!(house.polls("job-1"), 1);
    let log = daemon.stop();
    assert!(log.contains("requests=1 per=3600s spacing=3600s"), "{log}");
}

#[test]
fn a_poll_that_is_asked_for_lifts_a_limit_that_the_service_named() {
    let house = House::without_hooks();
    let (daemon, id) = held_back(&house);
    house.job("job-2", [Step::success()]);
    let second = daemon.add("job-2");
    let (status, watch) = daemon.post(&format!("/v1/watches/{id}/poll"), &json!({}));
    assert_eq!((status, &watch["held_by"]), (202, &Value::Null), "{watch}");
    assert_eq!(daemon.outcome(&id), "succeeded");
    assert_eq!(
        daemon.outcome(&second),
        "succeeded",
        "the others wake as well"
    );
    assert_eq!(daemon.get("/readyz")["projects"][0]["limit"], Value::Null);
    daemon.stop();
}

#[test]
fn a_reload_lifts_a_limit_that_the_service_named() {
    let house = House::without_hooks();
    let (daemon, id) = held_back(&house);
    daemon.signal("HUP");
    assert_eq!(daemon.outcome(&id), "succeeded");
    daemon.stop();
}

#[test]
fn polls_that_are_asked_for_in_a_loop_do_not_lock_a_refused_key() {
    let house = House::without_hooks();
    house.secret("sk", "no such secret");
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    let held = || show(&daemon, &id)["held_by"].clone();
    until("the credential is refused", || !held().is_null());
    assert_eq!(held()["reason"], "credential_refused");
    for _ in 0..20 {
        daemon.post(&format!("/v1/watches/{id}/poll"), &json!({}));
        until("the poll has been refused", || !held().is_null());
    }
    assert_eq!(house.requests(), 2, "one, and one more that was asked for");
    daemon.stop();
}
