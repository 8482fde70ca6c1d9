//! A daemon that has few file descriptors.

use std::fs::File;
use std::process::{Command, Stdio};

use dcs_wait::sim::{Fault, Step};
use serde_json::json;

use super::harness::{Daemon, House, until};

/// Few: a daemon without any connection has about 30 open.
const OPEN_FILES: u32 = 40;

/// A house whose webhook fires for watches that were canceled, too.
fn house() -> House {
    let house = House::new();
    let basic = house
        .basic()
        .replace("[poll]", "[poll]\nrequest_timeout = \"1s\"");
    let hook = house.webhook();
    house.write_config(&format!(
        "{basic}{hook}on = [\"succeeded\", \"cancelled\"]\n"
    ));
    house
}

/// Starts a daemon that may have few files open, soft and hard limit.
fn start(house: &House) -> Daemon {
    let log = File::options()
        .append(true)
        .create(true)
        .open(house.path("log"))
        .unwrap();
    let mut daemon = house.launch_with(move |command| {
        let mut shell = Command::new("sh");
        let variables = command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell
            .env_clear()
            .envs(variables)
            .current_dir(command.get_current_dir().unwrap())
            .args(["-c", &format!("ulimit -n {OPEN_FILES}; exec \"$0\" \"$@\"")])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *command = shell;
    });
    house.until_ready(&mut daemon);
    daemon
}

/// The control API answers, a watch is added, and a webhook is delivered.
#[track_caller]
fn assert_usable(house: &House, daemon: &Daemon, job: &str) {
    for _ in 0..20 {
        daemon.get("/v1/watches");
    }
    let watch = daemon.add(job);
    let (status, answer) = daemon.post(&format!("/v1/watches/{watch}/cancel"), &json!({}));
    assert_eq!(status, 202, "{answer}");
    house.receiver.until_arrived(job);
}

/// Nothing failed for the lack of a descriptor. That the control API had to wait for one is no failure.
#[track_caller]
fn assert_nothing_failed(daemon: Daemon) {
    let log = daemon.stop();
    assert!(!log.contains("Too many open files"), "{log}");
}

#[test]
fn connections_that_are_kept_leave_descriptors_to_the_control_api_and_the_hooks() {
    let house = house();
    for n in 0..200 {
        house.job(&format!("running-{n}"), [Step::running()]);
    }
    house.job("other", [Step::running()]);
    let daemon = start(&house);
    for n in 0..200 {
        daemon.add(&format!("running-{n}"));
    }
    until("every job is polled again and again", || {
        house.requests() > 1000
    });
    assert_usable(&house, &daemon, "other");
    assert_nothing_failed(daemon);
}

#[test]
fn requests_that_hang_leave_descriptors_to_the_control_api_and_the_hooks() {
    let house = house();
    let jobs: Vec<_> = (0..20).map(|n| format!("hanging-{n}")).collect();
    for job in &jobs {
        let stall = Step::fault(Fault::Stall).times(1);
        house.job(job, [Step::running().times(1), stall, Step::success()]);
    }
    house.job("other", [Step::running()]);
    let daemon = start(&house);
    let watches: Vec<_> = jobs.iter().map(|job| daemon.add(job)).collect();
    until("requests hang", || {
        jobs.iter().any(|job| house.polls(job) > 1)
    });
    assert_usable(&house, &daemon, "other");
    for watch in &watches {
        assert_eq!(daemon.outcome(watch), "succeeded");
    }
    assert_nothing_failed(daemon);
}
