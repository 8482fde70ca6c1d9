//! A daemon whose store is in trouble while it runs.

use std::fs;

use dcs_wait::sim::Step;
use serde_json::{Value, json};

use super::harness::{Daemon, House, until};

/// Waits until the daemon is ready, or isn't; returns the reasons why it isn't.
#[track_caller]
fn until_readiness(daemon: &Daemon, is_ready: bool) -> String {
    let mut answer = Value::Null;
    until(&format!("ready: {is_ready}"), || {
        let (status, said) = daemon.ask("/readyz");
        answer = said;
        (status == 200) == is_ready
    });
    answer["reasons"].to_string()
}

fn writable(daemon: &Daemon) -> String {
    let (_, text) = daemon.ask("/metrics");
    let text = text.as_str().unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("dcs_wait_store_writable "));
    line.unwrap().to_owned()
}

#[test]
fn a_store_that_is_moved_away_is_noticed_and_takes_nothing_until_it_is_back() {
    let house = House::new();
    let webhook = house.webhook();
    house.configure(&webhook);
    house.job("job-1", [Step::running()]);
    house.job("job-2", [Step::running()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    let (file, away) = (house.path("dcs-wait.db"), house.path("away"));
    fs::rename(&file, &away).unwrap();
    let reasons = until_readiness(&daemon, false);
    assert!(
        reasons.contains("dcs-wait.db was removed or moved away"),
        "{reasons}"
    );
    assert_eq!(writable(&daemon), "dcs_wait_store_writable 0.0");
    let (status, answer) = daemon.post("/v1/watches", &json!({"job_id": "job-2"}));
    assert_eq!(status, 503, "{answer}");
    assert_eq!(answer["error"]["code"], "store_unavailable");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("was removed or moved away"), "{message}");

    house.job("job-1", [Step::success()]);
    until("the end is held", || {
        let (_, answer) = daemon.ask("/readyz");
        answer["held"] == 1
    });
    assert!(!file.exists(), "it isn't made anew");
    assert!(
        house.receiver.of("job-1").is_empty(),
        "it could be delivered twice"
    );
    fs::rename(&away, &file).unwrap();
    until_readiness(&daemon, true);
    assert_eq!(writable(&daemon), "dcs_wait_store_writable 1.0");
    assert_eq!(daemon.outcome(&id), "succeeded");
    house.receiver.until_arrived("job-1");
    daemon.add("job-2");
    let log = daemon.stop();
    assert!(log.contains("the store is written again"), "{log}");
    assert_eq!(house.receiver.of("job-1").len(), 1);
}

#[test]
fn a_store_that_a_backup_replaces_is_used_from_the_next_start_on() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    house.job("job-2", [Step::running()]);
    let daemon = house.start();
    daemon.add("job-1");
    daemon.stop();
    let (file, backup) = (house.path("dcs-wait.db"), house.path("backup"));
    fs::copy(&file, &backup).unwrap();
    let daemon = house.start();
    daemon.add("job-2");
    fs::rename(&backup, &file).unwrap();
    let reasons = until_readiness(&daemon, false);
    assert!(
        reasons.contains("another file is in the place of"),
        "{reasons}"
    );
    assert!(reasons.contains("restart the daemon"), "{reasons}");
    daemon.kill();
    // The log belongs to the database that was there before.
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(house.path(&format!("dcs-wait.db{suffix}"))).unwrap();
    }
    let daemon = house.start();
    let watches = daemon.get("/v1/watches");
    assert_eq!(watches["watches"].as_array().unwrap().len(), 1, "{watches}");
    assert_eq!(watches["watches"][0]["job_id"], "job-1");
    daemon.stop();
}

#[test]
fn a_daemon_whose_store_somebody_else_holds_ends_when_it_is_asked_to() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    let daemon = house.start();
    daemon.add("job-1");
    until("a poll", || house.polls("job-1") > 1);
    let _busy = house.busy_store();
    house.job("job-1", [Step::success()]);
    let reasons = until_readiness(&daemon, false);
    assert!(reasons.contains("locked"), "{reasons}");
    daemon.signal("TERM");
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("not everything could be stored in time"),
        "{log}"
    );
}
