//! A service that misbehaves ends no wait before its deadline.

use std::time::Duration;

use dcs_wait::sim::{
    Act, ClockOffset, ErrorAnswer, ErrorShape, Fault, RateLimit, SimOptions, Step,
};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::harness::{Service, scripted};

/// Everything that passes, each with the words that a wait that ends in it says.
fn passing_trouble() -> Vec<(Step, &'static str)> {
    let error = |status: u16, code: &str, message: &str| {
        Step::error(StatusCode::from_u16(status).unwrap(), code, message)
    };
    let per_second = RateLimit {
        requests: 200,
        per: Duration::from_secs(1),
    };
    let retry_at_once =
        ErrorAnswer::throttled(per_second).with_header(RETRY_AFTER, HeaderValue::from_static("0"));
    let nested = ErrorAnswer::new(StatusCode::BAD_GATEWAY, "APIGW.0201", "backend is away")
        .shaped(ErrorShape::Nested);
    vec![
        (Step::fault(Fault::Reset), "connection ended"),
        (Step::fault(Fault::Close), "connection ended"),
        (Step::fault(Fault::Truncate), "connection ended"),
        (Step::fault(Fault::Stall), "no answer within 300ms"),
        (Step::fault(Fault::Empty), "it is empty"),
        (Step::fault(Fault::Html), "can't be understood"),
        (Step::fault(Fault::Garbage), "can't be understood"),
        (Step::fault(Fault::WrongShape), "can't be understood"),
        (Step::fault(Fault::AnotherJob), "about another job"),
        (Step::fault(Fault::Huge), "more than 1048576 bytes"),
        (
            error(500, "DCS.5000", "internal"),
            "internal (HTTP 500, DCS.5000",
        ),
        (
            error(500, "DCS.4842", "job execution status failed"),
            "DCS.4842",
        ),
        (
            error(502, "APIGW.0202", "bad gateway"),
            "HTTP 502, APIGW.0202",
        ),
        (error(503, "DCS.5000", "busy"), "HTTP 503"),
        (error(504, "APIGW.0201", "backend time-out"), "HTTP 504"),
        (error(408, "APIGW.0201", "slow client"), "HTTP 408"),
        (Step::of(Act::Error(nested)), "backend is away (HTTP 502"),
        (Step::throttled(per_second), "over ratelimit,limit:200"),
        (Step::of(Act::Error(retry_at_once)), "HTTP 429, APIGW.0308"),
    ]
}

/// Short only where an answer never comes, as any other may be late on a busy machine.
fn patience(trouble: &Step) -> &'static str {
    match trouble.act {
        Act::Fault(Fault::Stall) => "--request-timeout=300ms",
        _ => "--request-timeout=10s",
    }
}

#[test]
fn passing_trouble_delays_a_success_and_no_more() {
    for (trouble, words) in passing_trouble() {
        let service =
            Service::playing([Step::running(), trouble.clone().times(2), Step::success()]);
        let ended = service
            .wait_for(["job"])
            .args(["--timeout=30s", patience(&trouble)])
            .run();
        ended.exits_with(0).prints_line("job succeeded ");
        assert_eq!(service.requests().len(), 4, "{words}");
    }
}

#[test]
fn trouble_that_does_not_pass_ends_with_124_and_the_last_error() {
    for (trouble, words) in passing_trouble() {
        let service = Service::playing([trouble.clone()]);
        let ended = service
            .wait_for(["job"])
            .args(["--timeout=250ms", patience(&trouble)])
            .run();
        let ended = ended.exits_with(124).says("last error: ").says(words);
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(last.contains(words), "{words}: {ended:#?}");
        ended.prints_line("job timed_out ");
    }
}

#[test]
fn trouble_of_one_job_is_no_trouble_of_another() {
    let service = Service::playing([Step::fault(Fault::Stall).times(3), Step::success()])
        .and("good", [Step::success()]);
    let ended = service
        .wait_for(["job", "good", "--any", "--timeout=none"])
        .arg("--request-timeout=200ms")
        .run();
    ended.exits_with(0).prints_line("good succeeded ");
}

#[test]
fn a_pause_that_the_service_asks_for_is_told_and_kept() {
    let throttled = ErrorAnswer::new(StatusCode::TOO_MANY_REQUESTS, "APIG.0308", "slow down")
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"));
    let service = Service::playing([Step::of(Act::Error(throttled)), Step::success()]);
    let ended = service.wait_for(["job"]).run();
    ended
        .exits_with(0)
        .says("throttled")
        .says("next request in 1s");
    let requests = service.requests();
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
}

#[test]
fn the_limit_that_the_service_names_is_told() {
    let limit = RateLimit {
        requests: 100,
        per: Duration::from_secs(1),
    };
    let service = Service::playing([Step::throttled(limit), Step::success()]);
    let ended = service.wait_for(["job"]).run();
    ended
        .exits_with(0)
        .says("the service's limit is 100 requests in 1s");
}

#[test]
fn a_redirect_is_never_followed() {
    let elsewhere = Service::playing([Step::success()]);
    let target = HeaderValue::try_from(format!("{}/v2/x/jobs/job", elsewhere.url())).unwrap();
    let redirect = Step::of(Act::Redirect(target));
    let service = Service::playing([
        Step::running().times(1),
        redirect.clone().times(2),
        Step::success(),
    ])
    .and("moved", [redirect]);
    service.wait_for(["job"]).run().exits_with(0);
    let ended = service.wait_for(["moved"]).run();
    ended.exits_with(2).says("a redirect to").says("--endpoint");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_clock_that_is_off_is_corrected_and_told() {
    let off = Duration::from_secs(20 * 60);
    for (offset, words) in [
        (ClockOffset::Behind(off), "ahead of the service's"),
        (ClockOffset::Ahead(off), "behind the service's"),
    ] {
        let service = Service::new(SimOptions {
            clock_offset: offset,
            jobs: vec![scripted("job", [Step::running(), Step::success()])],
            ..SimOptions::default()
        });
        let ended = service.wait_for(["job", "--timeout=30s"]).run();
        ended
            .exits_with(0)
            .says_times("this machine's clock is", 1)
            .says(words);
        let answered: Vec<u16> = service
            .requests()
            .iter()
            .map(|seen| seen.answered)
            .collect();
        assert_eq!(answered, [401, 200, 200]);
    }
}

#[test]
fn a_wrong_secret_is_tried_once_for_all_jobs() {
    let jobs = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let service = jobs.iter().fold(Service::default(), |service, id| {
        service.and(id, [Step::success()])
    });
    let ended = service
        .wait_for(jobs)
        .env("HUAWEICLOUD_SDK_SK", "another-secret")
        .run()
        .exits_with(4);
    assert_eq!(service.requests().len(), 1);
    assert_eq!(ended.stdout.matches(" denied ").count(), jobs.len());
}

#[test]
fn a_credential_that_is_refused_on_the_way_stops_all_jobs() {
    let refused = Step::error(
        StatusCode::UNAUTHORIZED,
        "APIGW.0301",
        "Incorrect IAM authentication information: decrypt token fail",
    );
    let jobs = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let service = jobs.iter().fold(Service::default(), |service, id| {
        service.and(id, [Step::running(), refused.clone()])
    });
    let ended = service.wait_for(jobs).arg("--timeout=none").run();
    ended.exits_with(4);
    let refusals = service
        .requests()
        .iter()
        .filter(|seen| seen.answered == 401)
        .count();
    assert!(refusals <= jobs.len(), "{refusals}");
}

#[test]
fn a_status_that_nobody_knows_is_told_once_and_waited_out() {
    let service = Service::playing([
        Step::status("PAUSED").times(3),
        Step::status("").times(2),
        Step::success(),
    ]);
    let ended = service.wait_for(["job"]).run();
    ended.exits_with(0).says_times(
        "PAUSED (masterStandbySwapJob): not a status that this program knows",
        1,
    );
    assert_eq!(service.requests().len(), 6);
}

#[test]
fn a_job_that_appears_within_the_grace_is_waited_for() {
    let unknown = Step::error(StatusCode::NOT_FOUND, "DCS.4004", "The job does not exist.");
    let service = Service::playing([unknown.times(3), Step::running(), Step::success()]);
    let ended = service
        .wait_for(["job", "--not-found-grace=30s", "--timeout=none"])
        .run();
    ended.exits_with(0).says_times("not visible yet", 1);
    assert_eq!(service.requests().len(), 5);
}

#[test]
fn codes_that_are_said_to_mean_not_found_do() {
    let unknown = Step::error(StatusCode::BAD_REQUEST, "DCS.4242", "No such thing.");
    let service = Service::playing([unknown]);
    let ended = service.wait_for(["job", "--timeout=none"]).run();
    ended.exits_with(2).says("DCS.4242");
    let ended = service
        .wait_for(["job", "--timeout=none", "--not-found-grace=0s"])
        .arg("--not-found-codes=DCS.4133,DCS.4242")
        .run();
    ended.exits_with(3).says("DCS.4242");
}
