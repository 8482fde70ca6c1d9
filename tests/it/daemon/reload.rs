//! SIGHUP: the whole is validated, and then the difference applied.

use dcs_wait::sim::Step;
use serde_json::json;

use super::harness::{House, until};

#[test]
fn a_reload_applies_what_is_new_and_its_watches_do_not_notice() {
    let house = House::without_hooks();
    house.job("job-1", [Step::running()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    until("a poll", || house.polls("job-1") > 1);
    house.configure(&format!(
        "{}[[watch]]\njob_id = \"job-2\"\n",
        house.webhook()
    ));
    house.job("job-2", [Step::success()]);
    daemon.signal("HUP");
    daemon.until_it_says("reloaded");
    house.receiver.until_arrived("job-2");
    let (_, watch) = daemon.post("/v1/watches", &json!({"job_id": "job-1", "hooks": ["ci"]}));
    assert_eq!(watch["joined"], true, "{watch}");
    assert_eq!(watch["watch"]["id"], id.as_str());
    house.job("job-1", [Step::success()]);
    house.receiver.until_arrived("job-1");
    daemon.stop();
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let house = House::new();
    let daemon = house.start();
    house.configure("[[hook]]\nname = \"ci\"\ntype = \"webhok\"\n");
    daemon.signal("HUP");
    daemon.until_it_says("not reloaded");
    house.job("job-1", [Step::success()]);
    daemon.add("job-1");
    house.receiver.until_arrived("job-1");
    let log = daemon.stop();
    assert!(log.contains("webhok"), "{log}");
    assert!(log.contains("dcs-wait.toml:"), "{log}");
}

#[test]
fn a_hook_that_can_not_be_made_changes_nothing() {
    let house = House::new();
    let daemon = house.start();
    let hook = format!("{}secrets = [\"not-there\"]\n", house.webhook());
    house.configure(&format!("{hook}[[watch]]\njob_id = \"job-2\"\n"));
    daemon.signal("HUP");
    daemon.until_it_says("not reloaded");
    assert_eq!(daemon.get("/v1/watches")["watches"], json!([]));
    let log = daemon.stop();
    assert!(log.contains("hook ci: "), "{log}");
}

#[test]
fn what_can_not_change_while_it_runs_is_named_and_kept() {
    let house = House::new();
    let daemon = house.start();
    let text = house
        .basic()
        .replace("dcs-wait.db", "other.db")
        .replace("control.sock", "o.sock");
    house.write_config(&text);
    daemon.signal("HUP");
    daemon.until_it_says("reloaded");
    daemon.get("/v1/watches");
    let log = daemon.stop();
    assert!(
        log.contains("store.path") && log.contains("http.socket"),
        "{log}"
    );
    assert!(!house.path("other.db").exists());
}

#[test]
fn the_log_level_changes_with_a_reload() {
    let house = House::without_hooks();
    let level = |level: &str| format!("[daemon]\nlog_level = \"{level}\"\n{}", house.undaemoned());
    house.write_config(&level("warn"));
    let daemon = house.start();
    daemon.get("/v1/watches");
    assert_eq!(daemon.log(), "");
    house.write_config(&level("info"));
    daemon.signal("HUP");
    daemon.until_it_says("reloaded");
    assert!(daemon.stop().contains("stopped"));
}

#[test]
fn a_credential_that_was_mended_is_tried_at_once() {
    let house = House::new();
    house.secret("sk", "this-is-no-key-that-the-service-knows");
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let id = daemon.add("job-1");
    daemon.until_it_says("the service refuses the credential");
    house.secret("sk", dcs_wait::sim::SECRET_KEY);
    daemon.signal("HUP");
    assert_eq!(daemon.outcome(&id), "succeeded");
    house.receiver.until_arrived("job-1");
    daemon.stop();
}
