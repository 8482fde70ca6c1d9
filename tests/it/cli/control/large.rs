//! Long texts of the service, many watches that have them, and answers that are too large.

use dcs_wait::sim::Step;
use serde_json::json;

use super::stand_in::{StandIn, WATCH, active};
use crate::cli::harness::{Invocation, dcs_wait};
use crate::daemon::harness::House;

/// How many watches there are.
const COUNT: usize = 1000;

fn asked<'a>(house: &House, arguments: impl AsRef<[&'a str]>) -> Invocation {
    let socket = house.path("control.sock");
    dcs_wait(arguments).env("DCS_WAIT_SOCKET", socket.to_str().unwrap())
}

#[test]
fn a_thousand_watches_with_long_reasons_are_waited_for_followed_listed_and_shown() {
    let house = House::without_hooks();
    let daemon = house.start();
    let jobs: Vec<String> = (0..COUNT).map(|n| format!("job-{n}")).collect();
    for job in &jobs {
        house.job(job, [Step::fail("务".repeat(100_000))]);
    }
    house.job("last", [Step::running()]);
    let added = asked(&house, ["watch", "add", "last"]).run();
    let added = added.exits_with(0).stdout;
    let last = added.split(' ').next().unwrap();
    let mut following = asked(&house, ["watch", "follow", "--output=json"]).start();

    let ended = asked(&house, ["watch", "add", "-", "--wait", "--output=json"]);
    let ended = ended.run_with_input(jobs.join("\n")).exits_with(1);
    let results = ended.results();
    assert_eq!(results.len(), COUNT);
    for result in &results {
        let reason = result["fail_reason"].as_str().unwrap();
        assert!(reason.ends_with("务…"), "{reason}");
        assert!(reason.len() <= 8192, "{}", reason.len());
    }

    let listed = asked(&house, ["watch", "list", "--limit=2000", "--output=json"]).run();
    assert_eq!(listed.exits_with(0).results().len(), COUNT + 1);
    let failed = [
        "watch",
        "list",
        "--outcome=failed",
        "--limit=999",
        "--output=json",
    ];
    let failed = asked(&house, failed).run();
    assert_eq!(failed.exits_with(0).results().len(), 999);
    for shown in ["job-0", "job-999", last] {
        let shown = asked(&house, ["watch", "show", shown]).run();
        shown.exits_with(0).prints_line("watch ");
    }
    // The stream tells of the last one that ends, whatever it left out before.
    let cancelled = asked(&house, ["watch", "cancel", last]).run();
    cancelled.exits_with(0);
    while !following.next_printed().contains(last) {}
    following.signal("INT");
    following.ended();
    daemon.stop();
}

/// A hundred watches that ended as version 0.1 had them, with megabytes in every text, and a delivery
/// of each.
const OLD_ROWS: &str = "\
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100) \
    INSERT INTO watch (id, project, job_id, hooks, accepted_at, deadline_at, polls, job_status, \
    job_type, job_fail_reason, outcome, ended_at, fault_code, fault_message, fault_request_id) \
    SELECT unhex(printf('%012x70078707070707070707', 1790000000000 + n)), 'main', 'old-' || n, 'ci', \
    1790000000000 + n, 1790000060000 + n, 3, printf('%.*c', 300000, 's'), \
    printf('%.*c', 300000, 't'), printf('%.*c', 300000, 'r'), 'rejected', 1790000500000 + n, \
    printf('%.*c', 300000, 'c'), printf('%.*c', 300000, 'm'), printf('%.*c', 300000, 'i') \
    FROM number; \
    INSERT INTO answers (watch_id, answer, count, first_at, last_at) \
    SELECT id, job_fail_reason, 1, accepted_at, accepted_at FROM watch; \
    INSERT INTO delivery (id, watch_id, hook, body, created_at, state, due, attempts, tries) \
    SELECT id, id, 'ci', printf('%.*c', 1000000, 'b'), accepted_at, 'dead', NULL, 1, 1 FROM watch;";

#[test]
fn megabytes_in_an_old_store_are_neither_shown_nor_held_in_memory() {
    let house = House::without_hooks();
    house.start().stop();
    house.change_store(OLD_ROWS);
    let daemon = house.start();
    let before = daemon.peak_memory();

    let listed = asked(&house, ["watch", "list", "--limit=1000", "--output=json"]).run();
    let listed = listed.exits_with(0).results();
    assert_eq!(listed.len(), 100);
    for watch in &listed {
        for (text, limit) in [
            (&watch["status"], 256),
            (&watch["job_type"], 256),
            (&watch["fail_reason"], 8192),
            (&watch["error"]["code"], 8192),
            (&watch["error"]["message"], 8192),
            (&watch["error"]["request_id"], 8192),
        ] {
            let text = text.as_str().unwrap();
            assert!(text.len() <= limit && text.ends_with('…'), "{}", text.len());
        }
    }
    let shown = asked(&house, ["watch", "show", "old-7", "--output=json"]).run();
    let shown = shown.exits_with(0).results();
    let answer = shown[0]["answers"][0]["answer"].as_str().unwrap();
    assert!(answer.len() <= 8192, "{}", answer.len());
    assert_eq!(shown[0]["deliveries"].as_array().unwrap().len(), 1);
    let dead = ["delivery", "list", "--limit=1000", "--output=json"];
    let dead = asked(&house, dead).run();
    assert_eq!(dead.exits_with(0).results().len(), 100);

    // All of the rows together have more than 280 MB, and a page of watches 180.
    let grown = daemon.peak_memory() - before;
    assert!(grown < 60_000, "{grown} KiB");
    daemon.stop();
}

/// More than any answer that a command reads.
fn too_large() -> String {
    format!("[{}0]", " ".repeat(17 << 20))
}

#[test]
fn an_answer_that_is_too_large_is_reported_as_that_and_ends_the_command() {
    let shown = format!("GET /v1/watches/{WATCH}");
    let daemon = StandIn::new()
        .answers_text("GET /v1/watches?limit=100", 200, &too_large())
        .answers_text(&shown, 200, &too_large())
        .answers_text("GET /v1/deliveries?limit=100", 200, &too_large())
        .answers_text("GET /v1/job-types", 200, &too_large())
        .answers_text("GET /v1/cluster", 503, &too_large())
        .answers(
            "POST /v1/watches",
            201,
            json!({"joined": false, "watch": active()}),
        )
        .tells_and_stays([]);
    for arguments in [
        &["watch", "list"][..],
        &["watch", "show", WATCH],
        &["watch", "follow", WATCH],
        &["watch", "add", "job", "--wait"],
        &["delivery", "list"],
        &["history", "--daemon"],
        &["cluster"],
    ] {
        let ended = daemon.asked(arguments).run();
        ended
            .exits_with(2)
            .says("answers too much")
            .says("more than 16777216 bytes")
            .never_says("is it running");
    }
}
