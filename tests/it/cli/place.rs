//! Where the service is, and in which project the jobs are.

use dcs_wait::sim::{PROJECT_ID, REGION, Step};

use super::harness::{Invocation, Service};

const OVERRIDE: &str = "HUAWEICLOUD_SDK_REGION_DCS_SIMULATED_1";

fn service() -> Service {
    Service::playing([Step::success()])
}

/// A command that knows the region's name and nothing else of the service's place.
fn in_region(service: &Service) -> Invocation {
    service
        .wait_for(["job"])
        .without("DCS_WAIT_ENDPOINT")
        .without("DCS_WAIT_PROJECT_ID")
        .env("DCS_WAIT_REGION", REGION)
        .env(OVERRIDE, service.url())
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", service.url())
}

fn job_path() -> String {
    format!("/v2/{PROJECT_ID}/jobs/job")
}

#[test]
fn the_project_is_asked_of_iam_where_none_is_given() {
    let service = service();
    in_region(&service).run().exits_with(0);
    assert_eq!(service.paths(), ["/v3/projects".to_owned(), job_path()]);
}

#[test]
fn iam_is_not_asked_where_a_project_is_given() {
    for name in [
        "DCS_WAIT_PROJECT_ID",
        "HUAWEICLOUD_SDK_PROJECT_ID",
        "HW_PROJECT_ID",
    ] {
        let service = service();
        let ended = in_region(&service).env(name, PROJECT_ID).run();
        ended.exits_with(0);
        assert_eq!(service.paths(), [job_path()], "{name}");
    }
    let service = service();
    let ended = in_region(&service).args(["--project-id", PROJECT_ID]).run();
    ended.exits_with(0);
    assert_eq!(service.paths(), [job_path()]);
}

#[test]
fn the_region_is_an_option_or_a_variable() {
    for name in ["DCS_WAIT_REGION", "HW_REGION_NAME"] {
        let service = service();
        let ended = in_region(&service)
            .without("DCS_WAIT_REGION")
            .env(name, REGION)
            .run();
        ended.exits_with(0);
    }
    let service = service();
    let ended = in_region(&service)
        .env("DCS_WAIT_REGION", "elsewhere-1")
        .args(["--region", REGION])
        .run();
    ended.exits_with(0);
}

#[test]
fn an_endpoint_that_is_given_wins_over_the_regions() {
    let service = service();
    let ended = in_region(&service)
        .env(OVERRIDE, "http://127.0.0.1:1")
        .args(["--endpoint", &service.url()])
        .run();
    ended.exits_with(0);
}

#[test]
fn an_endpoint_may_have_a_path_and_a_slash_at_its_end() {
    let service = service();
    let ended = service
        .wait_for(["job", "--endpoint", &format!("{}/", service.url())])
        .run();
    ended.exits_with(0);
    assert_eq!(service.paths(), [job_path()]);
}

#[test]
fn a_project_that_iam_does_not_know_ends_with_2_and_how_to_name_it() {
    let service = service();
    let ended = in_region(&service)
        .env("DCS_WAIT_REGION", "elsewhere-1")
        .env("HUAWEICLOUD_SDK_REGION_DCS_ELSEWHERE_1", service.url())
        .run();
    ended
        .exits_with(2)
        .complains("no project named \"elsewhere-1\"")
        .says("--project-id or DCS_WAIT_PROJECT_ID");
}

#[test]
fn a_wrong_secret_is_denied_by_iam_already() {
    let service = service();
    let ended = in_region(&service)
        .env("HUAWEICLOUD_SDK_SK", "another-secret")
        .run();
    ended
        .exits_with(4)
        .says("error: IAM refused")
        .says("APIGW.0301")
        .says("dcs-wait credentials")
        .prints_line("job denied");
    assert_eq!(service.paths(), ["/v3/projects"]);
}

#[test]
fn an_iam_that_does_not_answer_is_asked_until_the_deadline() {
    let service = service();
    let command = || {
        in_region(&service)
            .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", "http://127.0.0.1:1")
            .arg("--timeout=500ms")
    };
    let ended = command().run();
    ended
        .exits_with(124)
        .says("error: timed out: IAM gave no answer: can't connect")
        .says_times("retrying until the time-out", 1)
        .prints_line("job timed_out");
    let ended = command().arg("-q").run();
    ended
        .exits_with(124)
        .says("error: timed out: IAM gave no answer: can't connect")
        .never_says("retrying");
}

#[test]
fn a_proxy_of_the_environment_leads_anywhere_but_to_loopback() {
    let service = service();
    let far = || {
        service.wait_for([
            "job",
            "--endpoint=http://dcs.invalid",
            "--timeout=200ms",
            "--request-timeout=1s",
        ])
    };
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        far().env(name, service.url()).run().exits_with(0);
    }
    let ended = far()
        .env("HTTP_PROXY", service.url())
        .env("NO_PROXY", "dcs.invalid")
        .run();
    ended.exits_with(124);
    let near = service.wait_for(["job"]);
    near.env("HTTP_PROXY", "http://127.0.0.1:1")
        .run()
        .exits_with(0);
}

#[test]
fn another_project_than_the_credentials_ends_with_4() {
    let service = service();
    let another = "0".repeat(32);
    let ended = service
        .wait_for(["job", "--timeout=none", "--project-id", &another])
        .run();
    ended.exits_with(4).says("DCS.1004").says("project");
}

#[test]
fn what_is_no_endpoint_region_or_project_is_refused() {
    for (option, value, why) in [
        ("--endpoint", "dcs.example.com", "is no endpoint"),
        (
            "--endpoint",
            "ftp://dcs.example.com",
            "neither https nor http",
        ),
        ("--endpoint", "https://dcs.example.com/?a=b", "a query"),
        ("--endpoint", "", "is no endpoint"),
        ("--region", "cn north 4", "is no region"),
        ("--region", "evil.example.com/", "is no region"),
        ("--region", "", "is no region"),
        ("--project-id", "../x", "is no project ID"),
        ("--project-id", "", "is no project ID"),
    ] {
        let service = service();
        let ended = in_region(&service).args([option, value]).run();
        ended.exits_with(2).complains(why);
        assert!(service.requests().is_empty(), "{option} {value}");
    }
}
