//! What the daemon owes when it is to end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dcs_wait::sim::Step;
use serde_json::json;

use super::harness::{House, until};

/// A hook of that name that runs a shell script.
pub(super) fn exec(house: &House, name: &str, script: &str) -> String {
    let path = house.path(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    format!(
        "[[hook]]\nname = \"{name}\"\ntype = \"exec\"\nargv = [\"{}\"]\n",
        path.display()
    )
}

#[test]
fn a_stop_waits_for_deliveries_that_are_under_way() {
    let house = House::without_hooks();
    let script = "touch begun; sleep 1; touch done";
    house.configure(&exec(
        &house,
        "slow",
        &format!("cd {}; {script}", house.path("").display()),
    ));
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    daemon.add("job-1");
    until("the program runs", || house.path("begun").exists());
    daemon.stop();
    assert!(house.path("done").exists());
    let daemon = house.start();
    let dead_or_pending = daemon.get("/v1/deliveries?state=pending");
    assert_eq!(dead_or_pending["deliveries"], json!([]));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let house = House::without_hooks();
        let script = format!("touch {}; sleep 30", house.path("begun").display());
        house.configure(&exec(&house, "slow", &script));
        house.job("job-1", [Step::success()]);
        let daemon = house.start();
        daemon.add("job-1");
        until("the program runs", || house.path("begun").exists());
        daemon.signal(signal);
        daemon.until_it_says("stopping");
        daemon.signal(signal);
        assert_eq!(daemon.ended().0, Some(code));
    }
}

#[test]
fn an_exit_hook_ends_it_with_its_code_after_what_is_owed_has_arrived() {
    let house = House::new();
    let exit =
        "[[hook]]\nname = \"end\"\ntype = \"exit\"\ndefault = false\ncodes = { failed = 42 }\n";
    house.configure(&format!("{}{exit}", house.webhook()));
    house.job("job-1", [Step::running().times(2), Step::fail("as told")]);
    house.job("job-2", [Step::running()]);
    let daemon = house.start();
    let other = daemon.add("job-2");
    let order = json!({"job_id": "job-1", "hooks": ["end", "ci"]});
    assert_eq!(daemon.post("/v1/watches", &order).0, 201);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(42), "{log}");
    assert_eq!(house.receiver.of("job-1").len(), 1, "{log}");
    house.job("job-2", [Step::success()]);
    let daemon = house.start();
    assert_eq!(daemon.outcome(&other), "succeeded");
    let pending = daemon.get("/v1/deliveries?state=pending&hook=end");
    assert_eq!(pending["deliveries"], json!([]));
    daemon.stop();
}
