//! What the daemon knows of how long jobs take.

use serde_json::json;

use super::stand_in::{StandIn, TOKEN, error};

fn job_type() -> serde_json::Value {
    json!({
        "project": "main", "job_type": "masterStandbySwapJob", "count": 3, "median_ms": 2900,
        "p90_ms": 4100, "durations_ms": [2900, 4100, 1500],
    })
}

#[test]
fn the_daemon_is_asked_where_an_option_says_so() {
    let answer = json!({"job_types": [job_type()]});
    let daemon = StandIn::new().answers("GET /v1/job-types", 200, answer);
    let socket = format!("--socket={}", daemon.socket().display());
    for option in ["--daemon", &socket] {
        let ended = daemon.asked(["history", option]).run();
        ended.exits_with(0).says_nothing().prints(&[
            "TYPE                  JOBS  MEDIAN  P90   DURATIONS",
            "masterStandbySwapJob  3     2.9s    4.1s  1.5s █      █   █ 4.1s",
        ]);
    }
    let url = format!("--url={}", daemon.url());
    let ended = daemon
        .asked(["history", &url, "--token-file=token", "--output=json"])
        .file("token", TOKEN)
        .run();
    assert_eq!(ended.exits_with(0).results(), [job_type()]);
    assert_eq!(daemon.requests(), ["GET /v1/job-types"; 3]);
}

#[test]
fn the_variable_for_the_socket_alone_asks_no_daemon() {
    let daemon = StandIn::new();
    daemon.asked(["history"]).run().exits_with(0);
    assert!(daemon.requests().is_empty());
}

#[test]
fn a_daemon_that_knows_nothing_yet_says_how_it_will() {
    let daemon = StandIn::new().answers("GET /v1/job-types", 200, json!({"job_types": []}));
    let ended = daemon.asked(["history", "--daemon"]).run();
    ended
        .exits_with(0)
        .prints_nothing()
        .says("control.sock doesn't know yet")
        .says("every watched job that ends");
}

#[test]
fn texts_of_the_daemon_act_on_no_terminal() {
    let mut evil = job_type();
    evil["job_type"] = json!("x\u{1b}[2J");
    let answer = json!({"job_types": [evil]});
    let daemon = StandIn::new().answers("GET /v1/job-types", 200, answer);
    for form in ["text", "json"] {
        let ended = daemon
            .asked(["history", "--daemon", "--output", form])
            .run()
            .exits_with(0);
        assert!(!ended.stdout.contains('\u{1b}'), "{ended:#?}");
    }
}

#[test]
fn no_daemon_ends_with_2() {
    let ended = super::super::harness::dcs_wait(["history", "--socket=none.sock"]).run();
    ended.exits_with(2).complains("none.sock");
    let daemon = StandIn::new().answers("GET /v1/job-types", 404, error("no_such_path", "none"));
    let ended = daemon.asked(["history", "--daemon"]).run();
    ended.exits_with(2).complains("none");
}
