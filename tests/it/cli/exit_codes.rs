//! Every exit code, and which of several applies.

use dcs_wait::sim::Step;
use hyper::StatusCode;

use super::harness::{Service, dcs_wait};

fn forbidden() -> Step {
    let message = "Insufficient permissions to perform this action.";
    Step::error(StatusCode::FORBIDDEN, "DCS.2003", message)
}

#[test]
fn a_job_that_succeeds_ends_with_0() {
    let service = Service::playing([Step::init(), Step::running(), Step::success()]);
    let ended = service.wait_for(["job"]).run();
    ended.exits_with(0).says("succeeded").says("RUNNING");
    assert_eq!(service.requests().len(), 3);
}

#[test]
fn a_job_that_fails_ends_with_1_and_its_reason() {
    let service = Service::playing([Step::running(), Step::fail("no room in the zone")]);
    let ended = service.wait_for(["job"]).run();
    ended
        .exits_with(1)
        .says("no room in the zone")
        .prints_line("job failed ");
}

#[test]
fn no_credentials_end_with_2_and_what_to_set() {
    let ended = dcs_wait(["job", "--region=cn-north-4"]).run();
    ended
        .exits_with(2)
        .complains("no credentials")
        .says("HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK")
        .says("--ak-file and --sk-file");
}

#[test]
fn no_region_ends_with_2_and_how_to_name_it() {
    let service = Service::default();
    let ended = service.wait_for(["job"]).without("DCS_WAIT_ENDPOINT").run();
    ended
        .exits_with(2)
        .complains("no region")
        .says("--region or DCS_WAIT_REGION")
        .says("--endpoint");
    assert!(service.requests().is_empty());
}

#[test]
fn no_job_ends_with_2_and_what_to_give() {
    let ended = Service::default().wait_for([]).run();
    ended.exits_with(2).complains("give a job ID");
}

#[test]
fn an_unknown_option_ends_with_2() {
    let ended = dcs_wait(["job", "--regoin=x"]).run();
    ended.exits_with(2).complains("--regoin").says("--region");
}

#[test]
fn a_wrong_endpoint_ends_with_2_without_waiting_for_the_deadline() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--timeout=none", "--not-found-grace=1h"])
        .env("DCS_WAIT_ENDPOINT", format!("{}/nowhere", service.url()))
        .run();
    ended
        .exits_with(2)
        .says("APIGW.0101")
        .says("check --region and --endpoint");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_job_that_is_not_found_ends_with_3_after_the_grace() {
    let service = Service::default();
    let ended = service
        .wait_for(["nobody", "--timeout=none", "--not-found-grace=500ms"])
        .run();
    ended
        .exits_with(3)
        .says("not visible yet")
        .says("not job IDs")
        .prints_line("nobody not_found ");
    assert!(service.requests().len() > 1);
}

#[test]
fn a_job_that_was_seen_and_is_gone_ends_with_3_after_the_third_answer_without_a_grace() {
    let gone = Step::error(StatusCode::NOT_FOUND, "DCS.4004", "The job does not exist.");
    let service = Service::playing([Step::running(), gone]);
    let ended = service
        .wait_for(["job", "--timeout=none", "--not-found-grace=1h"])
        .run();
    ended
        .exits_with(3)
        .says("The job does not exist.")
        .prints_line("job not_found ");
    assert_eq!(service.requests().len(), 4);
}

#[test]
fn odd_answers_in_the_middle_of_a_wait_are_reported_and_end_nothing() {
    let odd = |status, code| Step::error(status, code, "from a proxy").times(1);
    let elsewhere = hyper::header::HeaderValue::from_static("http://127.0.0.1:1/");
    let running = || Step::running().times(1);
    let steps = [
        running(),
        odd(StatusCode::NOT_FOUND, ""),
        running(),
        odd(StatusCode::NOT_FOUND, "APIGW.0101"),
        running(),
        odd(StatusCode::FORBIDDEN, ""),
        Step::of(dcs_wait::sim::Act::Redirect(elsewhere)).times(1),
        running(),
        odd(StatusCode::METHOD_NOT_ALLOWED, ""),
        Step::success(),
    ];
    let service = Service::playing(steps);
    let ended = service.wait_for(["job", "--timeout=none"]).run();
    ended.exits_with(0).says("from a proxy");
    assert_eq!(service.requests().len(), 10);
}

#[test]
fn a_job_id_that_the_service_calls_malformed_ends_with_3_at_once() {
    let malformed = Step::error(StatusCode::BAD_REQUEST, "DCS.4070", "Invalid parameter.");
    let service = Service::playing([malformed]);
    let ended = service
        .wait_for(["job", "--timeout=none", "--not-found-grace=1h"])
        .run();
    ended.exits_with(3).says("DCS.4070");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_wrong_secret_ends_with_4_after_one_request() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--timeout=none"])
        .env("HUAWEICLOUD_SDK_SK", "another-secret")
        .run();
    ended
        .exits_with(4)
        .says("APIGW.0301")
        .says("dcs-wait credentials")
        .prints_line("job denied ");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_missing_permission_ends_with_4_and_its_name() {
    let service = Service::playing([forbidden()]);
    let ended = service.wait_for(["job", "--timeout=none"]).run();
    ended.exits_with(4).says("DCS.2003").says("dcs:job:get");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_process_that_the_system_keeps_from_starting_ends_with_70() {
    let ended = dcs_wait(["job"]).run_with_open_files(4);
    ended.exits_with(70).complains("can't start");
}

#[test]
fn a_deadline_ends_with_124_and_the_last_status() {
    let service = Service::playing([Step::running()]);
    let ended = service.wait_for(["job", "--timeout=300ms"]).run();
    ended
        .exits_with(124)
        .says("timed out")
        .says("last status RUNNING")
        .says("The job goes on")
        .prints_line("job timed_out ");
}

#[test]
fn a_deadline_after_an_error_ends_with_124_and_both() {
    let broken = Step::error(StatusCode::BAD_GATEWAY, "DCS.5000", "upstream is away");
    let service = Service::playing([Step::running(), broken]);
    let ended = service.wait_for(["job", "--timeout=1s"]).run();
    ended
        .exits_with(124)
        .says("last status RUNNING; last error: upstream is away (HTTP 502, DCS.5000");
}

#[test]
fn a_deadline_with_nobody_there_ends_with_124_and_the_last_error() {
    let gone = Service::default().url();
    let ended = Service::default()
        .wait_for(["job", "--timeout=300ms"])
        .env("DCS_WAIT_ENDPOINT", gone)
        .run();
    ended.exits_with(124).says("last error: can't connect");
}

#[test]
fn signals_end_with_their_codes_and_say_that_the_job_goes_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let service = Service::playing([Step::running()]);
        let mut running = service.wait_for(["job", "--timeout=none"]).start();
        running.until_it_says("RUNNING");
        running.signal(signal);
        let ended = running.ended();
        ended
            .exits_with(code)
            .says("the job goes on")
            .prints_line("job cancelled ");
    }
}

#[test]
fn a_signal_ends_even_a_request_under_way() {
    let service = Service::playing([Step::running(), Step::fault(dcs_wait::sim::Fault::Stall)]);
    let mut running = service
        .wait_for(["job", "--timeout=none", "--request-timeout=1h"])
        .start();
    running.until_it_says("RUNNING");
    running.signal("TERM");
    running.ended().exits_with(143).says("the job goes on");
}

#[test]
fn a_signal_ends_even_the_reading_of_standard_input() {
    let mut running = Service::default().wait_for(["-"]).start();
    running.until_it_has_read_some_of(&"\n".repeat(256 * 1024));
    running.signal("INT");
    running.ended().exits_with(130).says("the jobs go on");
}

#[test]
fn a_closed_standard_output_changes_no_exit_code() {
    let service = Service::playing([Step::fail("no room")]).and("good", [Step::success()]);
    for (job, code) in [("good", 0), ("job", 1)] {
        for form in ["text", "json"] {
            let command = || service.wait_for([job, "--output", form]);
            command().run_with_closed_stdout().exits_with(code);
            command().run_with_everything_closed().exits_with(code);
        }
    }
    dcs_wait(["--help"]).run_with_closed_stdout().exits_with(0);
}

#[test]
fn a_full_standard_output_is_told_and_changes_no_exit_code() {
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job"]).run_with_full_stdout();
    ended
        .exits_with(0)
        .says("can't write to standard output: No space left on device");
}

#[test]
fn of_several_jobs_the_first_of_1_3_4_and_124_applies() {
    let service = Service::default()
        .and("good", [Step::success()])
        .and("failed", [Step::fail("no room")])
        .and("forbidden", [forbidden()])
        .and("endless", [Step::running()]);
    for (jobs, code) in [
        (["good", "good"], 0),
        (["good", "endless"], 124),
        (["endless", "forbidden"], 4),
        (["forbidden", "unknown"], 3),
        (["unknown", "failed"], 1),
        (["endless", "failed"], 1),
    ] {
        let ended = service
            .wait_for(jobs)
            .args(["--timeout=300ms", "--not-found-grace=100ms"])
            .run();
        ended.exits_with(code);
    }
}

#[test]
fn with_any_the_first_job_to_end_decides() {
    let service = Service::default()
        .and("good", [Step::success()])
        .and("failed", [Step::fail("no room")])
        .and("endless", [Step::running()]);
    for (job, code) in [("good", 0), ("failed", 1)] {
        let ended = service
            .wait_for(["endless", job, "--any", "--timeout=none"])
            .run();
        ended.exits_with(code).prints_line("endless cancelled ");
    }
}

#[test]
fn with_fail_fast_the_first_job_that_fails_ends_the_wait() {
    let service = Service::default()
        .and("good", [Step::success()])
        .and("failed", [Step::running(), Step::fail("no room")])
        .and("endless", [Step::running()]);
    let ended = service
        .wait_for(["endless", "good", "failed", "--fail-fast", "--timeout=none"])
        .run();
    ended
        .exits_with(1)
        .prints_line("good succeeded ")
        .prints_line("failed failed ")
        .prints_line("endless cancelled ");
}

#[test]
fn with_fail_fast_jobs_that_all_succeed_end_with_0() {
    let service =
        Service::playing([Step::success()]).and("later", [Step::running(), Step::success()]);
    let ended = service.wait_for(["job", "later", "--fail-fast"]).run();
    ended.exits_with(0).prints_line("later succeeded ");
}
