//! `dcs-wait watch add --wait`: ends as `dcs-wait JOB_ID` does, whatever becomes of the daemon.

use serde_json::{Value, json};

use super::stand_in::{
    OTHER, StandIn, WATCH, active, detail, ended, ended_event, error, estimate, polled, with,
};
use crate::cli::harness::Invocation;

fn accepted(watch: Value) -> Value {
    json!({"joined": false, "watch": watch})
}

fn shown() -> String {
    format!("GET /v1/watches/{WATCH}")
}

/// A daemon that accepts `job`.
fn accepting() -> StandIn {
    StandIn::new().answers("POST /v1/watches", 201, accepted(active()))
}

fn waiting(daemon: &StandIn) -> Invocation {
    daemon.asked(["watch", "add", "job", "--wait"])
}

#[test]
fn a_job_that_succeeds_ends_with_0_and_its_result() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .tells_and_stays([polled("INIT"), ended_event("succeeded", "SUCCESS")]);
    let ended = waiting(&daemon).run();
    ended
        .exits_with(0)
        .says("RUNNING")
        .says("INIT")
        .says("succeeded in 3s")
        .prints(&["job succeeded 3s masterStandbySwapJob"]);
}

#[test]
fn what_the_daemon_expects_is_told_here_as_well() {
    let known = json!({"estimate": estimate(Some(40_000))});
    let longer = json!({"estimate": estimate(None)});
    let daemon = || {
        accepting()
            .answers(&shown(), 200, detail(with(active(), known.clone())))
            .tells_and_stays([
                with(polled("INIT"), longer.clone()),
                ended_event("succeeded", "SUCCESS"),
            ])
    };
    let ended = waiting(&daemon()).run();
    ended
        .exits_with(0)
        .says("RUNNING (masterStandbySwapJob), usually 2m10s, about 40s left")
        .says("INIT, usually 2m10s, longer than ever");
    let ended = waiting(&daemon()).arg("--output=json").run();
    ended
        .exits_with(0)
        .says(r#""estimate":{"count":31,"median_ms":130312,"p90_ms":180000,"left_ms":40000}}"#)
        .says(r#""p90_ms":180000,"left_ms":null}}"#);
}

#[test]
fn a_daemon_that_estimates_nothing_yet_will_do() {
    let mut earlier = active();
    earlier.as_object_mut().unwrap().remove("estimate");
    let daemon = accepting()
        .answers(&shown(), 200, detail(earlier))
        .tells_and_stays([ended_event("succeeded", "SUCCESS")]);
    let ended = waiting(&daemon).run();
    ended.exits_with(0).says("RUNNING (masterStandbySwapJob)");
}

#[test]
fn every_outcome_ends_with_its_code() {
    for (outcome, code) in [
        ("succeeded", 0),
        ("failed", 1),
        ("rejected", 2),
        ("not_found", 3),
        ("denied", 4),
        ("timed_out", 124),
        ("cancelled", 130),
    ] {
        let daemon = accepting()
            .answers(&shown(), 200, detail(active()))
            .tells_and_stays([ended_event(outcome, "RUNNING")]);
        let ended = waiting(&daemon).arg("--output=json").run();
        let ended = ended.exits_with(code);
        assert_eq!(ended.results()[0]["outcome"], outcome);
        assert_eq!(ended.results()[0]["project_id"], "0f9a");
    }
}

#[test]
fn an_end_before_the_stream_began_is_found() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(ended("failed", "FAIL")))
        .tells_and_stays([]);
    let ended = waiting(&daemon).run();
    ended.exits_with(1).prints_line("job failed 3s");
}

#[test]
fn an_end_while_the_daemon_was_away_is_found() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .tells([polled("RUNNING")])
        .tells_and_stays([]);
    let ended = waiting(&daemon).run();
    ended.exits_with(0).prints_line("job succeeded 3s");
}

#[test]
fn an_end_among_events_that_are_missing_is_found() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .tells_and_stays([json!({"event": "lagged", "missed": 7})]);
    let ended = waiting(&daemon).run();
    ended.exits_with(0).prints_line("job succeeded 3s");
}

#[test]
fn a_daemon_that_is_away_is_told_and_waited_for() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .tells([]);
    // After this stream there is no other, until the command has noticed.
    let mut running = waiting(&daemon).start();
    running.until_it_says("trouble: it is stopping");
    let _daemon = daemon.tells_and_stays([ended_event("succeeded", "SUCCESS")]);
    running
        .ended()
        .exits_with(0)
        .prints_line("job succeeded 3s");
}

#[test]
fn a_daemon_whose_ids_are_none_is_not_taken_for_success() {
    let strange = with(active(), json!({"id": "7"}));
    let daemon = StandIn::new().answers("POST /v1/watches", 201, accepted(strange));
    let ended = waiting(&daemon).run();
    ended
        .exits_with(2)
        .complains("is no daemon of this version");
}

#[test]
fn a_store_that_cannot_be_read_for_a_while_is_told_and_waited_for() {
    let busy = error("store_unavailable", "the store can't be read: busy");
    let daemon = accepting()
        .answers(&shown(), 503, busy)
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .tells_and_stays([])
        .tells_and_stays([]);
    let ended = waiting(&daemon).run();
    ended
        .exits_with(0)
        .says("trouble: the store can't be read: busy")
        .prints_line("job succeeded 3s");
}

#[test]
fn a_store_that_cannot_be_read_is_asked_for_less_and_less() {
    let busy = error("store_unavailable", "the store can't be read: busy");
    let daemon = accepting()
        .answers(&shown(), 503, busy.clone())
        .answers(&shown(), 503, busy)
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .tells_and_stays([])
        .tells_and_stays([])
        .tells_and_stays([]);
    let ended = waiting(&daemon).arg("--output=json").run();
    ended
        .exits_with(0)
        .says(r#""in_a_row":1,"next_ms":500"#)
        .says(r#""in_a_row":2,"next_ms":1000"#);
}

#[test]
fn of_several_watches_one_tells_that_the_daemon_is_away() {
    let other = with(active(), json!({"id": OTHER, "job_id": "other"}));
    let busy = error("store_unavailable", "the store can't be read: busy");
    let ended_other = with(
        ended("succeeded", "SUCCESS"),
        json!({"id": OTHER, "job_id": "other"}),
    );
    let daemon = accepting()
        .answers("POST /v1/watches", 201, accepted(other))
        .answers(&shown(), 503, busy)
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .answers(
            &format!("GET /v1/watches/{OTHER}"),
            200,
            detail(ended_other),
        )
        .tells_and_stays([])
        .tells_and_stays([]);
    let ended = waiting(&daemon).arg("other").run();
    ended
        .exits_with(0)
        .says_times("trouble: ", 1)
        .prints_line("job succeeded 3s")
        .prints_line("other succeeded 3s");
}

#[test]
fn a_watch_that_is_gone_ends_with_3() {
    let daemon = accepting()
        .answers(
            &shown(),
            404,
            error("unknown_watch", "there is no such watch"),
        )
        .tells_and_stays([]);
    let ended = waiting(&daemon).run();
    ended.exits_with(3).complains("there is no such watch");
}

#[test]
fn of_several_jobs_one_may_be_enough() {
    let other = with(active(), json!({"id": OTHER, "job_id": "other"}));
    for (option, outcome, code) in [("--any", "succeeded", 0), ("--fail-fast", "failed", 1)] {
        let daemon = accepting()
            .answers("POST /v1/watches", 201, accepted(other.clone()))
            .answers(&shown(), 200, detail(active()))
            .answers(
                &format!("GET /v1/watches/{OTHER}"),
                200,
                detail(other.clone()),
            )
            .tells_and_stays([ended_event(outcome, "FAIL")]);
        let ended = waiting(&daemon).args(["other", option]).run();
        let ended = ended
            .exits_with(code)
            .says("the watch for other goes on in the daemon");
        assert_eq!(ended.stdout.lines().count(), 1, "{ended:#?}");
    }
}

#[test]
fn a_signal_ends_the_waiting_and_not_the_watch() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let daemon = accepting()
            .answers(&shown(), 200, detail(active()))
            .tells_and_stays([]);
        let mut running = waiting(&daemon).start();
        running.until_it_says("RUNNING");
        running.signal(signal);
        running
            .ended()
            .exits_with(code)
            .complains("the watch goes on in the daemon")
            .says("dcs-wait watch cancel job");
        let cancels = daemon
            .requests()
            .iter()
            .any(|asked| asked.contains("cancel"));
        assert!(!cancels);
    }
}

#[test]
fn quiet_explains_only_what_is_not_well() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .tells_and_stays([ended_event("not_found", "RUNNING")]);
    let ended = waiting(&daemon).arg("-q").run();
    ended
        .exits_with(3)
        .says("job: not found")
        .never_says("RUNNING");
}

#[test]
fn github_actions_gets_its_annotations() {
    let daemon = accepting()
        .answers(&shown(), 200, detail(active()))
        .tells_and_stays([ended_event("failed", "FAIL")]);
    let ended = waiting(&daemon).env("GITHUB_ACTIONS", "true").run();
    ended.exits_with(1).says("::error title=DCS job%3A failed");
}

#[test]
fn a_proxy_that_answers_in_the_place_of_the_daemon_does_not_end_a_wait() {
    let page = "<html><h1>502 Bad Gateway</h1></html>";
    let daemon = accepting()
        .answers_text(&shown(), 502, page)
        .answers_text(&shown(), 429, "")
        .answers(&shown(), 200, detail(ended("succeeded", "SUCCESS")))
        .tells([])
        .tells([])
        .tells([]);
    let ended = waiting(&daemon).run();
    ended
        .exits_with(0)
        .says("what answers in its place says HTTP 502")
        .says("HTTP 429")
        .prints_line("job succeeded ");
    let daemon = StandIn::new().answers_text("GET /v1/watches?limit=100", 503, page);
    let ended = daemon.asked(["watch", "list"]).run();
    ended
        .exits_with(2)
        .complains("HTTP 503")
        .says("is it running?");
}
