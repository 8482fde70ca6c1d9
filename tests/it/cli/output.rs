//! What standard output and standard error carry.

use std::fs;

use dcs_wait::sim::{PROJECT_ID, Step};
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::harness::{Service, json_lines, scripted};

const MEMBERS: [&str; 12] = [
    "job_id",
    "project_id",
    "outcome",
    "status",
    "job_type",
    "begin_time",
    "end_time",
    "duration_ms",
    "fail_reason",
    "polls",
    "waited_ms",
    "error",
];

/// The names of an object's members in the order in which they are written.
fn members(line: &str) -> Vec<String> {
    let object: Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut names: Vec<String> = object.keys().cloned().collect();
    names.sort_by_key(|name| line.find(&format!("\"{name}\":")));
    names
}

fn busy() -> Step {
    Step::error(StatusCode::SERVICE_UNAVAILABLE, "DCS.5000", "busy")
}

fn is_rfc3339(time: &Value) -> bool {
    time.as_str()
        .is_some_and(|text| humantime::parse_rfc3339(text).is_ok())
}

#[test]
fn json_results_have_the_documented_members_in_their_order() {
    let service = Service::playing([Step::success()])
        .and("failed", [Step::fail("no room")])
        .and("endless", [Step::running()]);
    let ended = service
        .wait_for(["job", "failed", "endless", "unknown", "--output=json"])
        .args(["--timeout=300ms", "--not-found-grace=50ms"])
        .run()
        .exits_with(1);
    assert_eq!(ended.stdout.lines().count(), 4, "{ended:#?}");
    for line in ended.stdout.lines() {
        assert_eq!(members(line), MEMBERS, "{line}");
    }
}

#[test]
fn a_json_result_of_a_job_that_succeeded_tells_all_that_is_known() {
    let service = Service::playing([Step::running(), Step::success()]);
    let ended = service.wait_for(["job", "--output=json"]).run();
    let result = ended.exits_with(0).results().remove(0);
    for (name, value) in [
        ("job_id", json!("job")),
        ("project_id", json!(PROJECT_ID)),
        ("outcome", json!("succeeded")),
        ("status", json!("SUCCESS")),
        ("job_type", json!("masterStandbySwapJob")),
        ("fail_reason", Value::Null),
        ("polls", json!(2)),
        ("error", Value::Null),
    ] {
        assert_eq!(result[name], value, "{name}");
    }
    assert!(is_rfc3339(&result["begin_time"]), "{result}");
    assert!(is_rfc3339(&result["end_time"]), "{result}");
    assert!(result["duration_ms"].is_u64(), "{result}");
    assert!(result["waited_ms"].is_u64(), "{result}");
}

#[test]
fn a_json_result_of_a_job_that_failed_has_the_reason() {
    let service = Service::playing([Step::fail("no \"room\"\nin the zone")]);
    let ended = service.wait_for(["job", "--output=json"]).run();
    let result = ended.exits_with(1).results().remove(0);
    assert_eq!(result["outcome"], "failed");
    assert_eq!(result["status"], "FAIL");
    assert_eq!(result["fail_reason"], "no \"room\"\nin the zone");
}

#[test]
fn a_json_result_of_a_job_that_is_unknown_has_the_error_and_no_status() {
    let service = Service::default();
    let ended = service
        .wait_for(["unknown", "--output=json", "--not-found-grace=0s"])
        .run();
    let result = ended.exits_with(3).results().remove(0);
    assert_eq!(result["outcome"], "not_found");
    for name in [
        "status",
        "job_type",
        "begin_time",
        "end_time",
        "duration_ms",
    ] {
        assert_eq!(result[name], Value::Null, "{name}");
    }
    assert_eq!(result["error"]["http_status"], 404);
    assert_eq!(result["error"]["code"], "DCS.4004");
    assert_eq!(result["error"]["message"], "The job does not exist.");
    assert!(result["error"]["request_id"].is_string());
}

#[test]
fn a_json_result_of_a_wrong_endpoint_has_the_error() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--output=json"])
        .env("DCS_WAIT_ENDPOINT", format!("{}/nowhere", service.url()))
        .run();
    let result = ended.exits_with(2).results().remove(0);
    assert_eq!(result["outcome"], "rejected");
    assert_eq!(result["error"]["code"], "APIGW.0101");
}

#[test]
fn numeric_times_are_taken_too() {
    let service = Service::default();
    let job = scripted("numbers", [Step::success()]).with_numeric_times();
    let service = service.and_job(job);
    let ended = service.wait_for(["numbers", "--output=json"]).run();
    let result = ended.exits_with(0).results().remove(0);
    assert!(is_rfc3339(&result["begin_time"]), "{result}");
    assert!(is_rfc3339(&result["end_time"]), "{result}");
}

#[test]
fn json_progress_is_an_object_a_line_on_standard_error() {
    let service = Service::playing([Step::init(), busy(), Step::running(), Step::fail("no room")]);
    let ended = service.wait_for(["job", "--output=json"]).run();
    let events = json_lines(&ended.stderr);
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(names, ["started", "polled", "trouble", "polled", "ended"]);
    assert_eq!(events[2]["error"]["http_status"], 503);
    assert_eq!(events[4]["result"], ended.results()[0]);
}

#[test]
fn text_results_are_a_line_a_job_and_nothing_else_is_on_standard_output() {
    let service = Service::playing([Step::init(), busy(), Step::fail("no\nroom")])
        .and("good", [Step::running().times(2), Step::success()]);
    let ended = service.wait_for(["job", "good"]).run().exits_with(1);
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    let [good, failed] = lines[..] else {
        panic!("{ended:#?}");
    };
    assert!(good.starts_with("good succeeded "), "{good}");
    assert!(good.ends_with(" masterStandbySwapJob"), "{good}");
    assert!(failed.starts_with("job failed "), "{failed}");
    assert!(
        failed.ends_with(" masterStandbySwapJob: no room"),
        "{failed}"
    );
}

#[test]
fn progress_is_plain_lines_in_a_log_and_in_ci() {
    for ci in ["", "true"] {
        let service = Service::playing([Step::init(), Step::running(), busy(), Step::success()]);
        let ended = service.wait_for(["job"]).env("CI", ci).run();
        ended
            .exits_with(0)
            .says("waiting for job job\n")
            .says("INIT (masterStandbySwapJob)\n")
            .says("RUNNING (masterStandbySwapJob)\n")
            .says("trouble: busy (HTTP 503, DCS.5000")
            .says("succeeded")
            .never_says("\u{1b}");
    }
}

#[test]
fn a_status_that_lasts_is_told_once() {
    let service = Service::playing([Step::running().times(5), Step::success()]);
    let ended = service.wait_for(["job"]).run();
    ended.exits_with(0).says_times("RUNNING", 1);
}

#[test]
fn quiet_is_silent_where_all_is_well() {
    let service = Service::playing([Step::running(), busy(), Step::success()]);
    let ended = service.wait_for(["job", "-q"]).run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints_line("job succeeded ");
}

#[test]
fn quiet_explains_what_is_not_well() {
    let service =
        Service::playing([Step::running(), Step::fail("no room")]).and("good", [Step::success()]);
    let ended = service
        .wait_for([
            "job",
            "good",
            "unknown",
            "--quiet",
            "--not-found-grace=50ms",
        ])
        .run();
    ended
        .exits_with(1)
        .says("job: failed")
        .says("no room")
        .says("unknown: not found")
        .never_says("good");
}

#[test]
fn quiet_explains_a_wrong_configuration_once() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "-q"])
        .env("DCS_WAIT_ENDPOINT", format!("{}/nowhere", service.url()))
        .run();
    ended
        .exits_with(2)
        .says_times("APIGW.0101", 1)
        .prints_line("job rejected - -: The API does not exist");
}

#[test]
fn github_actions_gets_a_group_annotations_and_a_summary() {
    let service = Service::playing([Step::running(), Step::fail("50% | no room")])
        .and("good", [Step::success()]);
    let ended = service
        .wait_for(["job", "good"])
        .env("GITHUB_ACTIONS", "true")
        .env("CI", "true")
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .file("summary.md", "What was there.\n")
        .run();
    let ended = ended
        .exits_with(1)
        .says_times("::group::Waiting for DCS jobs\n", 1)
        .says_times("::endgroup::\n", 1)
        .says("::error title=DCS job%3A failed::job: failed")
        .says("50%25 | no room")
        .says("::notice title=DCS job%3A succeeded::good: succeeded")
        .prints_line("job failed ");
    let summary = fs::read_to_string(ended.home.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("What was there.\n"), "{summary}");
    assert!(summary.contains("| Job | Outcome |"), "{summary}");
    assert!(summary.contains("| `job` | ❌ failed |"), "{summary}");
    assert!(summary.contains("50% \\| no room"), "{summary}");
    assert!(summary.contains("| `good` | ✅ succeeded |"), "{summary}");
}

#[test]
fn github_actions_gets_an_error_where_the_endpoint_is_wrong() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--output=github"])
        .env("DCS_WAIT_ENDPOINT", format!("{}/nowhere", service.url()))
        .run();
    ended
        .exits_with(2)
        .says("::error title=DCS job%3A rejected::job: can't be waited for");
}

#[test]
fn a_summary_that_cannot_be_written_ends_no_wait() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--output=github"])
        .env("GITHUB_STEP_SUMMARY", "no/such/folder/summary.md")
        .run();
    ended.exits_with(0).says("::group::");
}

#[test]
fn an_output_that_is_asked_for_wins_over_the_surroundings() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--output=json"])
        .env("GITHUB_ACTIONS", "true")
        .run();
    ended.exits_with(0).never_says("::group::");
}

#[test]
fn words_of_the_service_cannot_act_upon_terminal_or_runner() {
    let service = Service::playing([Step::fail("\u{1b}[2Jx\n::error::y ##[group]z")]);
    for form in ["text", "json", "github"] {
        let ended = service.wait_for(["job", "--output", form]).run();
        let ended = ended.exits_with(1).never_says("\u{1b}").never_says("##[");
        assert!(!ended.stdout.contains('\u{1b}'), "{ended:#?}");
        assert!(!ended.stderr.contains("\n::error::y"), "{ended:#?}");
        assert!(!ended.stdout.contains("\n::error::y"), "{ended:#?}");
    }
}

#[test]
fn verbose_logs_what_is_asked_and_answered() {
    let service = Service::playing([Step::running(), busy(), Step::success()]);
    let ended = service.wait_for(["job", "-v"]).run();
    ended
        .exits_with(0)
        .says_times(&format!("/v2/{PROJECT_ID}/jobs/job"), 3)
        .says("200")
        .says("503");
}

#[test]
fn what_a_wrong_endpoint_says_is_cleaned_in_every_form() {
    let words = "\u{1b}[2Jx\n::error::y ##[group]z";
    let service = Service::playing([Step::error(StatusCode::NOT_FOUND, "APIGW.0101", words)]);
    for options in [&["job"][..], &["job", "-q"], &["job", "--output=github"]] {
        let ended = service.wait_for(options).run();
        ended
            .exits_with(2)
            .says("check --region and --endpoint")
            .never_says("\u{1b}")
            .never_says("##[");
    }
}

#[test]
fn a_step_summary_that_is_full_is_told() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "/dev/full")
        .run();
    ended
        .exits_with(0)
        .says("the step summary /dev/full is incomplete");
}
