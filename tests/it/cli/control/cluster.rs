//! The daemons that share a store, as any of them tells of them.

use serde_json::{Value, json};

use super::stand_in::{StandIn, error};

fn instance(name: &str, state: &str) -> Value {
    json!({
        "name": name, "number": 7, "version": "0.1.0", "this": name == "a", "state": state,
        "joined_at": "2026-11-24T08:00:00.000Z", "renewed_ms_ago": 3210, "watches": 3,
        "deliveries": 1, "watches_share": 0.3, "deliveries_share": 0.5,
    })
}

fn cluster(instances: impl Into<Vec<Value>>, orphans: u64) -> Value {
    json!({
        "shared": true, "lease_ms": 30_000, "instances": instances.into(),
        "orphans": {"watches": orphans, "deliveries": 0},
    })
}

#[test]
fn programs_get_a_line_a_daemon_and_the_orphans_apart() {
    let answer = cluster([instance("a", "alive"), instance("b", "dead")], 4);
    let daemon = StandIn::new().answers("GET /v1/cluster", 200, answer);
    let ended = daemon.asked(["cluster"]).run();
    ended
        .exits_with(0)
        .prints(&[
            "a\t7\talive\t3\t0.3\t1\t3210\t0.1.0\tthis",
            "b\t7\tdead\t3\t0.3\t1\t3210\t0.1.0\t-",
        ])
        .says("4 watches and 0 deliveries are held by no daemon that is alive");
}

#[test]
fn json_is_what_the_daemon_answers() {
    let answer = cluster([instance("a", "alive")], 0);
    let daemon = StandIn::new().answers("GET /v1/cluster", 200, answer.clone());
    let ended = daemon.asked(["cluster", "--output=json"]).run();
    assert_eq!(ended.exits_with(0).says_nothing().results(), [answer]);
}

#[test]
fn a_daemon_with_a_store_of_its_own_says_so_in_a_line() {
    let mut answer = cluster([instance("a", "alive")], 0);
    answer["shared"] = json!(false);
    answer["lease_ms"] = json!(null);
    let daemon = StandIn::new().answers("GET /v1/cluster", 200, answer);
    let ended = daemon.asked(["cluster"]).run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints(&["this daemon doesn't share its store; it holds 3 watches and 1 delivery"]);
}

#[test]
fn a_daemon_that_lost_its_database_is_told_as_it_says_it_and_may_be_asked_again() {
    let why = "this daemon can't reach its database at the moment: Connection refused";
    for (command, request) in [
        (&["cluster"][..], "GET /v1/cluster"),
        (&["watch", "list"], "GET /v1/watches?limit=100"),
        (&["watch", "add", "job"], "POST /v1/watches"),
        (&["delivery", "list"], "GET /v1/deliveries?limit=100"),
    ] {
        let lost = error("store_unavailable", why);
        let daemon = StandIn::new().answers(request, 503, lost);
        let ended = daemon.asked(command).run();
        ended.exits_with(75).complains(why);
    }
}

#[test]
fn a_daemon_that_is_about_to_end_is_no_daemon_any_more() {
    let why = "the daemon is stopping";
    let daemon = StandIn::new().answers("GET /v1/cluster", 503, error("stopping", why));
    daemon.asked(["cluster"]).run().exits_with(2).complains(why);
}
