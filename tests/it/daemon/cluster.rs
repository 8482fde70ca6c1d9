//! Daemons that share a database.

use std::fs;
use std::process::Command;

use dcs_wait::sim::Step;
use serde_json::json;

use super::harness::{Daemon, House, until};
use crate::postgres::Database;

const JOB: &str = "ff8080818822bbf70188235afc24141a";

/// A house whose daemons share a database.
struct Shared {
    house: House,
    // Gone last: a daemon that is left behind uses it.
    _database: Database,
}

impl Shared {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let database = runtime.block_on(Database::new());
        let house = House::without_hooks();
        for name in ["one", "two"] {
            let store = format!(
                "url = \"{}\"\ninstance = \"{name}\"\nlease = \"3s\"",
                database.url()
            );
            let config = house.basic().replace("path = \"dcs-wait.db\"", &store);
            let config = config.replace("control.sock", &format!("{name}.sock"));
            let config = format!("{config}\n{}", house.webhook());
            fs::write(house.path(&format!("{name}.toml")), config).unwrap();
        }
        Self {
            house,
            _database: database,
        }
    }

    fn start(&self, name: &str) -> Daemon {
        let config = format!("{name}.toml");
        let socket = format!("{name}.sock");
        let mut daemon = self.house.launch_from(&config, &socket, name, |_| {});
        self.house.until_ready(&mut daemon);
        daemon
    }
}

fn held_by(daemon: &Daemon, name: &str) -> u64 {
    let cluster = daemon.get("/v1/cluster");
    let instances = cluster["instances"].as_array().unwrap();
    let this = instances.iter().find(|it| it["name"] == name);
    this.map_or(0, |it| it["watches"].as_u64().unwrap())
}

#[test]
fn any_of_them_shows_and_calls_off_what_another_polls() {
    let shared = Shared::new();
    shared.house.job(JOB, [Step::status("RUNNING")]);
    let (one, two) = (shared.start("one"), shared.start("two"));
    let id = one.add(JOB);
    assert_eq!(held_by(&two, "one"), 1);
    until("the other shows how far it has come", || {
        two.get(&format!("/v1/watches/{id}"))["watch"]["status"] == "RUNNING"
    });
    let (status, answer) = two.post(&format!("/v1/watches/{id}/cancel"), &json!({}));
    assert_eq!(
        (status, &answer["outcome"]),
        (202, &json!("cancelled")),
        "{answer}"
    );
    two.stop();
    one.stop();
}

#[test]
fn whoever_waits_at_one_hears_of_what_another_polls() {
    let shared = Shared::new();
    shared.house.job(JOB, [Step::status("RUNNING")]);
    let (one, two) = (shared.start("one"), shared.start("two"));
    one.add(JOB);
    let waiting = Command::new(env!("CARGO_BIN_EXE_dcs-wait"))
        .args(["watch", "add", JOB, "--wait", "--socket"])
        .arg(shared.house.path("two.sock"))
        .env_clear()
        .spawn();
    let mut waiting = waiting.unwrap();
    two.until_it_says("joined=true");
    shared.house.job(JOB, [Step::status("SUCCESS")]);
    let status = waiting.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    drop((one, two));
}

#[test]
fn one_that_freezes_is_replaced_and_tells_nothing_when_it_goes_on() {
    let shared = Shared::new();
    shared.house.job(JOB, [Step::status("RUNNING")]);
    let (one, two) = (shared.start("one"), shared.start("two"));
    let id = one.add(JOB);
    until("it is polled", || shared.house.polls(JOB) > 0);
    one.signal("STOP");
    shared.house.job(JOB, [Step::status("SUCCESS")]);
    assert_eq!(two.outcome(&id), "succeeded");
    until("it is told", || shared.house.receiver.arrived().len() == 1);
    one.signal("CONT");
    one.until_it_says("other daemons have taken over");
    until("it has a lease again", || {
        two.get("/v1/cluster")["instances"]
            .as_array()
            .unwrap()
            .len()
            == 2
    });
    two.stop();
    one.stop();
    assert_eq!(shared.house.receiver.arrived().len(), 1);
}

#[test]
fn one_that_stops_leaves_nothing_behind() {
    let shared = Shared::new();
    shared.house.job(JOB, [Step::status("RUNNING")]);
    let (one, two) = (shared.start("one"), shared.start("two"));
    one.add(JOB);
    one.stop();
    until("the other holds it", || held_by(&two, "two") == 1);
    until("it is forgotten", || {
        two.get("/v1/cluster")["instances"]
            .as_array()
            .unwrap()
            .len()
            == 1
    });
    two.stop();
}
