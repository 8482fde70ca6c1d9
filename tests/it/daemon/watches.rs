//! Jobs that are watched to their end.

use std::time::Duration;

use dcs_wait::sim::Step;
use serde_json::json;

use super::harness::House;

#[test]
fn a_watch_is_polled_to_its_end_and_its_hook_fires_once() {
    let house = House::new();
    house.job("job-1", [Step::running().times(3), Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    assert_eq!(daemon.outcome(&id), "succeeded");
    let arrived = house.receiver.until_arrived("job-1");
    assert_eq!(arrived.body["type"], "dcs.job.succeeded");
    assert_eq!(arrived.body["data"]["watch_id"], id.as_str());
    let log = daemon.stop();
    assert_eq!(house.receiver.of("job-1").len(), 1, "{log}");
    assert!(log.contains("outcome=\"succeeded\""), "{log}");
    assert!(!house.path("control.sock").exists());
}

#[test]
fn every_line_about_a_request_says_for_which_watch_it_is() {
    let house = House::new();
    house.job("job-1", [Step::running(), Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    assert_eq!(daemon.outcome(&id), "succeeded");
    let log = daemon.stop();
    for about in ["asking url", "answered job"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(about)).collect();
        assert!(lines.len() >= 2, "{log}");
        for line in lines {
            assert!(line.contains(&format!("watch_id={id}")), "{line}");
            assert!(line.contains("project="), "{line}");
        }
    }
}

#[test]
fn jobs_that_are_refused_as_orders_are_told_why() {
    let house = House::new();
    let daemon = house.start();
    let (status, answer) = daemon.post("/v1/watches", &json!({"job_id": "a/b"}));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_job_id")),
        "{answer}"
    );
    let order = json!({"job_id": "a", "project": "other"});
    let (status, answer) = daemon.post("/v1/watches", &order);
    assert!(matches!(status, 400 | 404 | 422), "{status}: {answer}");
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("main"),
        "{answer}"
    );
}

#[test]
fn a_watch_of_the_configuration_is_watched_from_the_start_and_joined_at_the_next() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    house.configure(&format!(
        "{}[[watch]]\njob_id = \"job-1\"\n",
        house.webhook()
    ));
    let daemon = house.start();
    let watches = daemon.get("/v1/watches");
    daemon.stop();
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    assert_eq!(
        daemon.get("/v1/watches")["watches"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let id = watches["watches"][0]["id"].as_str().unwrap();
    assert_eq!(daemon.outcome(id), "succeeded");
    house.receiver.until_arrived("job-1");
}

#[test]
fn secrets_never_reach_the_log() {
    let house = House::without_hooks();
    let secret = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==";
    house.secret("webhook", secret);
    house.secret("token", "a-token-for-people-who-may");
    house.secret("header", "Bearer of-what-is-private");
    let hook = format!(
        "{}secrets = [\"webhook\"]\nheader_files = {{ Authorization = \"header\" }}\n",
        house.webhook()
    );
    let http = "control.sock\"\nlisten = \"127.0.0.1:0\"\ntoken_file = \"token\"";
    let text = format!("{}\n{hook}", house.basic().replace("control.sock\"", http));
    house.write_config(&text);
    house.receiver.answer(500);
    house.job(
        "job-1",
        [
            Step::running().lasting(Duration::from_millis(50)),
            Step::fail("as told"),
        ],
    );
    let daemon = house.start();
    let id = daemon.add("job-1");
    assert_eq!(daemon.outcome(&id), "failed");
    daemon.until_it_says("HTTP 500");
    daemon.signal("HUP");
    daemon.until_it_says("reloaded");
    let log = daemon.stop();
    let key = dcs_wait::sim::SECRET_KEY;
    for secret in [
        key,
        secret,
        "c2VjcmV0",
        "people-who-may",
        "of-what-is-private",
    ] {
        // Not the log, as that would show the secret in the output of the test.
        assert!(!log.contains(secret), "a secret was logged");
    }
}
