//! Transient errors of IAM and STS end no wait.

use dcs_wait::secret::Secret;
use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, REGION, SECRET_KEY, SimOptions, Step};
use serde_json::json;

use super::credentials::SECURITY_TOKEN;
use super::harness::{Invocation, Service, scripted};
use crate::scripted::{Reply, Server, transient};

/// What IAM answers for the simulated region.
fn project() -> String {
    json!({"projects": [{"id": PROJECT_ID, "name": REGION}]}).to_string()
}

/// What STS answers.
fn keys(security_token: &str) -> String {
    json!({"credentials": {
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
        "security_token": security_token,
        "expiration": "2099-01-01T00:00:00Z",
    }})
    .to_string()
}

/// A service that takes keys of STS only.
fn service() -> Service {
    Service::new(SimOptions {
        security_token: Some(Secret::from(SECURITY_TOKEN)),
        jobs: vec![scripted("job", [Step::success()])],
        ..SimOptions::default()
    })
}

/// A command that asks this IAM for the project.
fn asking_iam(service: &Service, iam: &Server) -> Invocation {
    service
        .wait_for(["job", "--timeout=30s"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("DCS_WAIT_REGION", REGION)
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)
}

/// A command that asks this STS for its keys.
fn asking_sts(service: &Service, sts: &Server) -> Invocation {
    service
        .reached_by(["job", "--timeout=30s"])
        .env("HUAWEICLOUD_OIDC_PROVIDER_URN", "urn")
        .env("HUAWEICLOUD_OIDC_AGENCY_URN", "urn")
        .env("HUAWEICLOUD_OIDC_ID_TOKEN", "t0ken")
        .env("HUAWEICLOUD_SDK_STS_ENDPOINT", &sts.url)
}

#[test]
fn a_transient_answer_of_iam_delays_a_wait_and_no_more() {
    let service = Service::playing([Step::success()]);
    for (name, bad) in transient(&project()) {
        let iam = Server::start([bad.clone(), bad, Reply::with(200, project())]);
        let ended = asking_iam(&service, &iam).run();
        assert_eq!(ended.code, Some(0), "{name}: {ended:#?}");
        assert_eq!(iam.requests().len(), 3, "{name}");
    }
}

#[test]
fn a_transient_answer_of_sts_delays_a_wait_and_no_more() {
    let service = service();
    let good = keys(SECURITY_TOKEN);
    for (name, bad) in transient(&good) {
        let sts = Server::start([bad.clone(), bad, Reply::with(200, &good)]);
        let ended = asking_sts(&service, &sts).run();
        assert_eq!(ended.code, Some(0), "{name}: {ended:#?}");
        assert_eq!(sts.requests().len(), 3, "{name}");
    }
}

#[test]
fn an_answer_that_is_no_renewal_ends_no_running_wait() {
    let service = service();
    let good = keys(SECURITY_TOKEN);
    let mut answers = transient(&good);
    for status in [302, 404] {
        answers.push((
            status.to_string(),
            Reply::with(status, "<html>elsewhere</html>"),
        ));
    }
    for (name, bad) in answers {
        let sts = Server::start([
            Reply::with(200, keys("a-token-that-was-revoked")),
            bad,
            Reply::with(200, &good),
        ]);
        let ended = asking_sts(&service, &sts).run();
        assert_eq!(ended.code, Some(0), "{name}: {ended:#?}");
        assert_eq!(sts.requests().len(), 3, "{name}");
    }
}

#[test]
fn what_lasts_ends_a_wait_at_its_time_out() {
    let service = Service::playing([Step::success()]);
    let iam = Server::start([Reply::with(200, "<html>Please log in</html>")]);
    let ended = asking_iam(&service, &iam).arg("--timeout=300ms").run();
    ended
        .exits_with(124)
        .says("error: timed out: the answer of IAM can't be understood")
        .prints_line("job timed_out");
    let sts = Server::start([Reply::Reset]);
    let ended = asking_sts(&service, &sts).arg("--timeout=300ms").run();
    ended
        .exits_with(124)
        .says("error: timed out: can't ask the security token service")
        .prints_line("job timed_out");
}

#[test]
fn a_pause_that_iam_or_sts_asks_for_is_made() {
    let service = service();
    let later = Reply::with_header(503, "Retry-After: 3600", "");
    let iam = Server::start([later.clone(), Reply::with(200, project())]);
    // One request at once, and the last one at the time-out.
    let ended = asking_iam(&service, &iam).arg("--timeout=1s").run();
    assert_eq!(iam.requests().len(), 2, "{ended:#?}");
    let sts = Server::start([later]);
    let ended = asking_sts(&service, &sts).arg("--timeout=1s").run();
    assert_eq!(sts.requests().len(), 2, "{ended:#?}");
    ended.exits_with(124);
}

#[test]
fn a_clear_refusal_ends_a_wait_at_once() {
    let service = service();
    for (status, code) in [(401, 4), (403, 4), (400, 2), (404, 2), (302, 2)] {
        let iam = Server::start([Reply::with(status, "")]);
        let ended = asking_iam(&service, &iam).run();
        ended.exits_with(code).says("IAM refused");
        assert_eq!(iam.requests().len(), 1, "{status}");
        let sts = Server::start([Reply::with(status, "")]);
        let ended = asking_sts(&service, &sts).run();
        ended
            .exits_with(code)
            .says("security token service refuses");
        assert_eq!(sts.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_host_name_that_can_not_be_resolved_is_named_with_what_to_check() {
    let service = service();
    let words = "the host name iam.invalid could not be resolved (";
    let unknown = "http://iam.invalid";
    let ended = service
        .wait_for(["job", "--timeout=300ms"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("DCS_WAIT_REGION", REGION)
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", unknown)
        .run();
    ended
        .exits_with(124)
        .says(words)
        .says("check DNS and the network")
        .never_says("region");
    let sts = Server::start([]);
    let ended = asking_sts(&service, &sts)
        .env("HUAWEICLOUD_SDK_STS_ENDPOINT", unknown)
        .arg("--timeout=300ms")
        .run();
    ended.exits_with(124).says(words).never_says("region");
    let ended = service
        .wait_for(["job", "--endpoint=http://iam.invalid", "--timeout=300ms"])
        .run();
    ended.exits_with(124).says(words).never_says("region");
}

#[test]
fn a_proxy_whose_name_can_not_be_resolved_is_named_as_the_proxy() {
    let service = service();
    let ended = service
        .wait_for(["job", "--endpoint=http://dcs.invalid", "--timeout=300ms"])
        .env("HTTP_PROXY", "http://proxy.invalid:3128")
        .run();
    ended
        .exits_with(124)
        .says("the host name of the proxy, proxy.invalid, could not be resolved (")
        .says("HTTPS_PROXY")
        .never_says("dcs.invalid could");
}
