//! Watches: added, listed, shown, cancelled, polled, followed.

use serde_json::json;

use super::stand_in::{
    OTHER, StandIn, WATCH, active, detail, ended, ended_event, error, estimate, event, polled, with,
};
use crate::cli::harness::json_lines;

fn page(watches: impl Into<Vec<serde_json::Value>>) -> serde_json::Value {
    json!({"watches": watches.into(), "next": null})
}

#[test]
fn a_job_is_added_with_what_was_asked_for_it() {
    let accepted = json!({"joined": false, "watch": active()});
    let daemon = StandIn::new().answers("POST /v1/watches", 201, accepted);
    let ended = daemon
        .asked([
            "watch",
            "add",
            "job",
            "--project=main",
            "--hook=a",
            "--hook=b",
        ])
        .arg("--timeout=90m")
        .run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints(&[&format!("{WATCH} job added")]);
    assert_eq!(
        daemon.requests(),
        [
            r#"POST /v1/watches {"job_id":"job","project":"main","hooks":["a","b"],"timeout":"1h 30m"}"#
        ]
    );
}

#[test]
fn a_job_is_added_without_any_hook_where_that_is_asked_for() {
    let accepted = json!({"joined": false, "watch": active()});
    let daemon = StandIn::new().answers("POST /v1/watches", 201, accepted);
    let add = ["watch", "add", "job", "--no-hooks"];
    daemon.asked(add).run().exits_with(0);
    assert_eq!(
        daemon.requests(),
        [r#"POST /v1/watches {"job_id":"job","hooks":[]}"#]
    );
    let both = daemon.asked(add).arg("--hook=a").run();
    both.exits_with(2).complains("--no-hooks");
}

#[test]
fn jobs_are_read_from_standard_input_as_the_wait_reads_them() {
    let accepted = json!({"joined": true, "watch": ended("failed", "FAIL")});
    let daemon = StandIn::new().answers("POST /v1/watches", 200, accepted);
    let ended = daemon
        .asked(["watch", "add", "-"])
        .run_with_input(r#"{"job_id": "job"}"#);
    ended
        .exits_with(0)
        .prints(&[&format!("{WATCH} job joined, failed already")]);
    assert_eq!(daemon.requests(), [r#"POST /v1/watches {"job_id":"job"}"#]);
}

#[test]
fn many_jobs_are_added_a_thousand_at_once() {
    let one = |n: usize| json!({"id": WATCH, "job_id": format!("j{n}"), "joined": false, "outcome": null});
    let failed = json!({"id": OTHER, "job_id": "j1000", "joined": true, "outcome": "failed"});
    let first: Vec<_> = (0..1000).map(one).collect();
    let daemon = StandIn::new()
        .answers("POST /v1/watches/batch", 200, json!({"watches": first}))
        .answers("POST /v1/watches/batch", 200, json!({"watches": [failed]}));
    let jobs: Vec<String> = (0..=1000).map(|n| format!("j{n}\n")).collect();
    let ended = daemon
        .asked(["watch", "add", "-", "--hook=a"])
        .run_with_input(jobs.concat());
    let ended = ended.exits_with(0).says_nothing();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 1001);
    assert_eq!(lines[999], format!("{WATCH} j999 added"));
    assert_eq!(lines[1000], format!("{OTHER} j1000 joined, failed already"));
    let requests = daemon.requests();
    assert_eq!(
        requests[1],
        r#"POST /v1/watches/batch {"watches":[{"job_id":"j1000","hooks":["a"]}]}"#
    );
    assert_eq!(requests.len(), 2);
}

#[test]
fn a_job_that_is_none_is_refused_before_the_daemon_is_asked() {
    let daemon = StandIn::new();
    let ended = daemon.asked(["watch", "add", "a/b"]).run();
    ended.exits_with(2).complains("is no job ID");
    assert!(daemon.requests().is_empty());
}

#[test]
fn a_list_goes_on_until_the_limit() {
    let second = with(ended("succeeded", "SUCCESS"), json!({"id": OTHER}));
    let first_page = json!({"watches": [active()], "next": WATCH});
    let daemon = StandIn::new()
        .answers("GET /v1/watches?state=ended&limit=2", 200, first_page)
        .answers(
            &format!("GET /v1/watches?state=ended&limit=1&before={WATCH}"),
            200,
            page([second]),
        );
    let ended = daemon
        .asked(["watch", "list", "--state=ended", "--limit=2"])
        .run();
    ended.exits_with(0).says_nothing().prints(&[
        &format!("{WATCH}\tjob\tmain\tactive\tRUNNING\t2026-11-24T08:00:00.000Z\t-"),
        &format!(
            "{OTHER}\tjob\tmain\tsucceeded\tSUCCESS\t2026-11-24T08:00:00.000Z\t2026-11-24T08:00:04.000Z"
        ),
    ]);
}

#[test]
fn a_list_in_json_is_what_the_daemon_answers() {
    let daemon = StandIn::new().answers("GET /v1/watches?limit=100", 200, page([active()]));
    let ended = daemon.asked(["watch", "list", "--output=json"]).run();
    assert_eq!(ended.exits_with(0).results(), [active()]);
}

#[test]
fn a_watch_is_named_by_its_job_as_well() {
    let answers = json!([
        {"answer": "INIT", "count": 1, "first_at": "2026-11-24T08:00:00.000Z",
         "last_at": "2026-11-24T08:00:00.000Z"},
        {"answer": "RUNNING", "count": 7, "first_at": "2026-11-24T08:00:01.000Z",
         "last_at": "2026-11-24T08:00:09.000Z"},
    ]);
    let deliveries = json!([
        {"id": OTHER, "watch_id": WATCH, "hook": "deploy", "state": "dead", "due_at": null,
         "attempts": 8, "created_at": "2026-11-24T08:00:04.000Z"},
    ]);
    let failed = with(ended("failed", "FAIL"), json!({"fail_reason": "no room"}));
    let detail = json!({"watch": failed.clone(), "answers": answers, "deliveries": deliveries});
    let daemon = StandIn::new()
        .answers("GET /v1/watches?job_id=job&limit=100", 200, page([failed]))
        .answers(&format!("GET /v1/watches/{WATCH}"), 200, detail);
    let ended = daemon.asked(["watch", "show", "job"]).run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints_line(format!("watch      {WATCH}"))
        .prints_line("state      failed")
        .prints_line("reason     no room")
        .prints_line("job took   3s")
        .prints_line("  2026-11-24T08:00:00.000Z INIT")
        .prints_line("  2026-11-24T08:00:01.000Z RUNNING, 7 times until 2026-11-24T08:00:09.000Z")
        .prints_line(format!("  deploy  dead   8         {OTHER}"));
}

#[test]
fn a_watch_that_goes_on_is_shown_with_what_is_to_be_expected() {
    let known = json!({"estimate": estimate(Some(40_000))});
    let watch = with(active(), known);
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([watch.clone()]),
        )
        .answers(&format!("GET /v1/watches/{WATCH}"), 200, detail(watch));
    let ended = daemon.asked(["watch", "show", "job"]).run();
    ended
        .exits_with(0)
        .prints_line("expected   usually 2m10s, nine of ten within 3m00s; about 40s left");
}

#[test]
fn a_job_of_several_projects_has_to_be_told_apart() {
    let elsewhere = with(active(), json!({"id": OTHER, "project": "spare"}));
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([active(), elsewhere.clone()]),
        )
        .answers(
            "GET /v1/watches?job_id=job&project=spare&limit=100",
            200,
            page([elsewhere.clone()]),
        )
        .answers(&format!("GET /v1/watches/{OTHER}"), 200, detail(elsewhere));
    let ended = daemon.asked(["watch", "show", "job"]).run();
    ended.exits_with(2).complains("--project: main, spare");
    let ended = daemon
        .asked(["watch", "show", "job", "--project=spare"])
        .run();
    ended
        .exits_with(0)
        .prints_line(format!("watch      {OTHER}"));
}

#[test]
fn a_watch_that_there_is_not_ends_with_3() {
    let daemon = StandIn::new()
        .answers("GET /v1/watches?job_id=nobody&limit=100", 200, page([]))
        .answers(
            &format!("GET /v1/watches?job_id={OTHER}&limit=100"),
            200,
            page([]),
        );
    for name in ["nobody", OTHER] {
        let ended = daemon.asked(["watch", "show", name]).run();
        ended.exits_with(3).complains(format!("no watch {name}"));
    }
    let ended = daemon.asked(["watch", "show", "a/b"]).run();
    ended.exits_with(2).complains("of no watch and of no job");
}

#[test]
fn of_several_watches_each_is_cancelled_that_can_be() {
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([active()]),
        )
        .answers("GET /v1/watches?job_id=nobody&limit=100", 200, page([]))
        .answers(
            &format!("POST /v1/watches/{WATCH}/cancel"),
            200,
            ended("cancelled", "RUNNING"),
        );
    let ended = daemon.asked(["watch", "cancel", "nobody", "job"]).run();
    ended
        .exits_with(3)
        .says_times("error: ", 1)
        .prints(&[&format!("{WATCH} job cancelled")]);
}

#[test]
fn a_watch_that_is_held_back_says_by_what_wherever_it_is_shown() {
    let held_by = json!({
        "reason": "rate_limit", "message": "the service's limit is 1 request in 1h",
        "until": "2099-01-01T00:00:00.000Z",
    });
    let held = with(active(), json!({ "held_by": held_by }));
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([active()]),
        )
        .answers("GET /v1/watches?limit=100", 200, page([held.clone()]))
        .answers(
            &format!("GET /v1/watches/{WATCH}"),
            200,
            detail(held.clone()),
        )
        .answers(&format!("POST /v1/watches/{WATCH}/poll"), 202, held);
    let why = "the service's limit is 1 request in 1h; next request in ";
    let polled = daemon.asked(["watch", "poll", "job"]).run();
    polled
        .exits_with(0)
        .prints_line(format!("{WATCH} job is not polled yet: {why}"));
    let shown = daemon.asked(["watch", "show", WATCH]).run();
    shown.exits_with(0).prints_line(format!("held by    {why}"));
    let listed = daemon.asked(["watch", "list", "--output=json"]).run();
    let listed = json_lines(&listed.exits_with(0).stdout);
    assert_eq!(listed[0]["held_by"]["reason"], "rate_limit");
}

#[test]
fn a_watch_that_has_ended_is_not_polled() {
    let why = "the watch has ended already";
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([active()]),
        )
        .answers(
            &format!("POST /v1/watches/{WATCH}/poll"),
            409,
            error("ended", why),
        );
    let ended = daemon.asked(["watch", "poll", "job"]).run();
    ended.exits_with(2).complains(why);
}

#[test]
fn one_watch_is_followed_to_its_end() {
    let daemon = StandIn::new()
        .answers(
            "GET /v1/watches?job_id=job&limit=100",
            200,
            page([active()]),
        )
        .tells_and_stays([
            json!({"event": "watch", "watch": active()}),
            json!({"event": "watch", "watch": with(active(), json!({"estimate": estimate(None)}))}),
            polled("INIT"),
            with(
                polled("RUNNING"),
                json!({"estimate": estimate(Some(40_000))}),
            ),
            json!({"event": "something_of_later", "x": 1}),
            ended_event("succeeded", "SUCCESS"),
        ]);
    let ended = daemon.asked(["watch", "follow", "job"]).run().exits_with(0);
    let lines: Vec<&str> = ended
        .stdout
        .lines()
        .map(|line| line.split_once("Z  ").unwrap().1)
        .collect();
    assert_eq!(
        lines,
        [
            "job: RUNNING",
            "job: RUNNING, usually 2m10s, nine of ten within 3m00s; longer than ever",
            "job: INIT",
            "job: RUNNING, usually 2m10s, about 40s left",
            "job: succeeded in 3s (masterStandbySwapJob)"
        ]
    );
}

#[test]
fn what_is_missing_is_told_with_whose_doing_it_was() {
    let daemon = StandIn::new().tells_and_stays([
        json!({"event": "lagged", "missed": 0}),
        json!({"event": "lagged", "missed": 1}),
        json!({"event": "lagged", "missed": 7}),
    ]);
    let mut running = daemon.asked(["watch", "follow"]).start();
    for expected in [
        "the daemon had lost touch with those that share its store; what they did meanwhile may be missing here",
        "this was too slow, and 1 event is missing here",
        "this was too slow, and 7 events are missing here",
    ] {
        let line = running.next_printed();
        assert_eq!(line.split_once("Z  ").unwrap().1, expected);
    }
    running.signal("INT");
    running.ended().exits_with(130);
}

#[test]
fn following_ends_when_nobody_reads() {
    let daemon = StandIn::new().tells_and_stays([polled("RUNNING")]);
    let ended = daemon.asked(["watch", "follow"]).run_with_closed_stdout();
    ended.exits_with(0).says_nothing();
}

#[test]
fn all_is_followed_over_a_restart_until_a_signal() {
    let delivery = json!({
        "event": "delivery", "delivery_id": OTHER, "watch_id": WATCH, "hook": "deploy",
        "attempt": 1, "answer": "HTTP 204", "state": "delivered", "due_at": null,
    });
    let daemon = StandIn::new().tells([polled("RUNNING")]).tells_and_stays([
        event(
            "trouble",
            json!({
                "error": {"http_status": 503, "code": null, "message": "busy", "request_id": null},
                "in_a_row": 1, "next_ms": 2000,
            }),
        ),
        delivery,
    ]);
    let mut running = daemon.asked(["watch", "follow", "--output=json"]).start();
    running.until_it_says("the daemon is back");
    let told: Vec<String> = (0..3).map(|_| running.next_printed()).collect();
    running.signal("INT");
    running.ended().exits_with(130);
    let told = json_lines(&told.join("\n"));
    let names: Vec<&str> = told
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["polled", "trouble", "delivery"]);
}
