//! Deliveries: listed, shown, carried out again.

use serde_json::{Value, json};

use super::stand_in::{DELIVERY, OTHER, StandIn, WATCH, active, error, with};

fn dead() -> Value {
    json!({
        "id": DELIVERY, "watch_id": WATCH, "hook": "deploy", "state": "dead", "due_at": null,
        "attempts": 8, "created_at": "2026-11-24T08:00:04.000Z",
    })
}

fn page(deliveries: impl Into<Vec<Value>>) -> Value {
    json!({"deliveries": deliveries.into(), "next": null})
}

#[test]
fn deliveries_are_listed_as_they_are_asked_for() {
    let request = format!("GET /v1/deliveries?state=dead&hook=deploy&watch_id={WATCH}&limit=100");
    let watches = json!({"watches": [active()], "next": null});
    let daemon = StandIn::new()
        .answers("GET /v1/watches?job_id=job&limit=100", 200, watches)
        .answers(&request, 200, page([dead()]));
    let list = || {
        daemon
            .asked(["delivery", "list", "--state=dead", "--hook=deploy"])
            .arg("--watch=job")
    };
    let ended = list().run();
    ended.exits_with(0).says_nothing().prints(&[&format!(
        "{DELIVERY}\t{WATCH}\tdeploy\tdead\t8\t2026-11-24T08:00:04.000Z\t-"
    )]);
    let ended = list().arg("--output=json").run();
    assert_eq!(ended.exits_with(0).results(), [dead()]);
}

#[test]
fn a_delivery_is_shown_with_its_attempts_and_its_body() {
    let body = "{\"type\":\"dcs.job.failed\",\"reason\":\"\\u001b[2J\"}";
    let detail = json!({
        "delivery": dead(), "body": body,
        "attempts": [{"number": 1, "at": "2026-11-24T08:00:05.000Z", "took_ms": 120,
                      "delivered": false, "answer": "HTTP 503"}],
    });
    let request = format!("GET /v1/deliveries/{DELIVERY}");
    let daemon = StandIn::new().answers(&request, 200, detail);
    let ended = daemon.asked(["delivery", "show", DELIVERY]).run();
    ended
        .exits_with(0)
        .prints_line(format!("delivery   {DELIVERY}"))
        .prints_line("  - 1 2026-11-24T08:00:05.000Z: HTTP 503 (after 120ms)")
        .prints_line(format!("  {body}"));
}

#[test]
fn a_delivery_is_carried_out_again() {
    let pending = with(
        dead(),
        json!({"state": "pending", "due_at": "2026-11-24T08:00:05.000Z"}),
    );
    let daemon = StandIn::new().answers(
        &format!("POST /v1/deliveries/{DELIVERY}/replay"),
        200,
        pending,
    );
    let ended = daemon.asked(["delivery", "replay", DELIVERY]).run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints(&[&format!("{DELIVERY} deploy pending")]);
}

#[test]
fn all_that_are_dead_are_counted_and_carried_out_again() {
    let second = with(dead(), json!({"id": OTHER}));
    let daemon = StandIn::new()
        .answers(
            "GET /v1/deliveries?state=dead&hook=deploy&limit=100",
            200,
            page([dead(), second.clone()]),
        )
        .answers(
            &format!("POST /v1/deliveries/{DELIVERY}/replay"),
            200,
            dead(),
        )
        .answers(&format!("POST /v1/deliveries/{OTHER}/replay"), 200, second);
    let ended = daemon
        .asked(["delivery", "replay", "--dead", "--hook=deploy"])
        .run();
    let ended = ended.exits_with(0).says("replaying the 2 that are dead");
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn a_delivery_that_there_is_not_ends_with_3() {
    let daemon = StandIn::new().answers(
        &format!("POST /v1/deliveries/{DELIVERY}/replay"),
        404,
        error("unknown_delivery", "there is no such delivery"),
    );
    let ended = daemon.asked(["delivery", "replay", DELIVERY]).run();
    ended.exits_with(3).complains("there is no such delivery");
    let ended = daemon.asked(["delivery", "show", "nonsense"]).run();
    ended.exits_with(2).complains("it is no UUID");
}

#[test]
fn a_replay_of_nothing_in_particular_is_refused() {
    let ended = StandIn::new().asked(["delivery", "replay"]).run();
    ended.exits_with(2).complains("ID");
    let ended = StandIn::new()
        .asked(["delivery", "replay", "--hook=x"])
        .run();
    ended.exits_with(2).complains("--dead");
}
