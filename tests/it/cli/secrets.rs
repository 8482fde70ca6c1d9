//! No secret is ever told, whatever goes wrong and however much is asked to be told.

use dcs_wait::secret::Secret;
use dcs_wait::sim::{ACCESS_KEY, Fault, SimOptions, Step};

use super::harness::{Invocation, Service, dcs_wait, scripted};

const SECRET_KEY: &str = "Zq7-a-secret-key-that-nobody-may-see";
const SECURITY_TOKEN: &str = "Zq8-a-security-token-that-nobody-may-see";
const AUTH_TOKEN: &str = "Zq9-an-iam-token-that-nobody-may-see";
const SECRETS: [&str; 3] = [SECRET_KEY, SECURITY_TOKEN, AUTH_TOKEN];

fn service() -> Service {
    Service::new(SimOptions {
        secret_key: Secret::from(SECRET_KEY),
        security_token: Some(Secret::from(SECURITY_TOKEN)),
        auth_token: Some(Secret::from(AUTH_TOKEN)),
        jobs: vec![
            scripted("good", [Step::success()]),
            scripted("failed", [Step::fail("no room")]),
            scripted("cut", [Step::fault(Fault::Reset)]),
            scripted("html", [Step::fault(Fault::Html)]),
        ],
        ..SimOptions::default()
    })
}

fn with_key(command: Invocation) -> Invocation {
    command
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        .env("HUAWEICLOUD_SDK_SECURITY_TOKEN", SECURITY_TOKEN)
}

fn with_token(command: Invocation) -> Invocation {
    command
        .arg("--auth-token-file=token")
        .file("token", AUTH_TOKEN)
}

#[test]
fn waits_keep_secrets_however_they_end() {
    let service = service();
    for given in [with_key, with_token] {
        for (job, code) in [
            ("good", 0),
            ("failed", 1),
            ("unknown", 3),
            ("cut", 124),
            ("html", 124),
        ] {
            for more in [&["-v"][..], &["-v", "--output=json"], &["-q"]] {
                let ended = given(service.reached_by([job]))
                    .args(["--timeout=200ms", "--not-found-grace=50ms"])
                    .args(more)
                    .run();
                ended.exits_with(code).keeps(&SECRETS);
            }
        }
    }
}

#[test]
fn refusals_keep_secrets() {
    let service = Service::playing([Step::success()]);
    for given in [with_key, with_token] {
        let ended = given(service.reached_by(["job", "-v"])).run();
        ended.exits_with(4).keeps(&SECRETS);
    }
}

#[test]
fn the_lookup_of_a_project_keeps_secrets() {
    let service = service();
    for (region, code) in [("simulated-1", 0), ("elsewhere-1", 2)] {
        let ended = with_key(service.reached_by(["good", "-v", "--region", region]))
            .without("DCS_WAIT_PROJECT_ID")
            .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", service.url())
            .run();
        ended.exits_with(code).keeps(&SECRETS);
    }
}

#[test]
fn the_credentials_command_keeps_secrets() {
    let command = || dcs_wait(["credentials", "--region=cn-north-4"]);
    for given in [with_key, with_token] {
        given(command()).run().exits_with(0).keeps(&SECRETS);
    }
    let swapped = command()
        .env("HUAWEICLOUD_SDK_AK", SECRET_KEY)
        .env("HUAWEICLOUD_SDK_SK", ACCESS_KEY)
        .run();
    swapped.exits_with(0).keeps(&SECRETS);
}

#[test]
fn malformed_files_keep_secrets() {
    for (path, content) in [
        (
            ".huaweicloud/credentials",
            format!("[basic]\nak = a\n{SECRET_KEY}\n"),
        ),
        (
            ".huaweicloud/credentials",
            format!("[basic]\nak = a\nsk = {SECRET_KEY}\nproject_id = {SECRET_KEY}/\n"),
        ),
        (
            ".hcloud/config.json",
            format!("{{\"profiles\": [{{\"secretAccessKey\": \"{SECRET_KEY}\" oops}}]}}"),
        ),
        (
            ".hcloud/config.json",
            format!(
                "{{\"profiles\": [{{\"name\": \"default\", \"secretAccessKey\": [\"{SECRET_KEY}\"]}}]}}"
            ),
        ),
    ] {
        let ended = service()
            .reached_by(["good", "-v"])
            .file(path, &content)
            .run();
        ended.exits_with(2).complains(path).keeps(&SECRETS);
    }
}

#[test]
fn a_proxy_with_a_password_keeps_it() {
    for proxy in [
        format!("http://user:{SECRET_KEY}@127.0.0.1:1"),
        format!("ftp://user:{SECRET_KEY}@127.0.0.1:1"),
        format!("http://user:{SECRET_KEY}@not a host"),
    ] {
        let ended = with_key(service().reached_by([
            "good",
            "-v",
            "--timeout=100ms",
            "--request-timeout=1s",
        ]))
        .env("DCS_WAIT_ENDPOINT", "http://dcs.invalid")
        .env("HTTP_PROXY", &proxy)
        .run();
        ended.exits_with(124).keeps(&SECRETS);
    }
}

#[test]
fn an_endpoint_with_a_password_keeps_it() {
    let service = service();
    for endpoint in [
        format!("https://user:{SECRET_KEY}@dcs.example.com"),
        format!("ftp://user:{SECRET_KEY}@dcs.example.com"),
        format!("https://user:{SECRET_KEY}@dcs example.com"),
        format!("https://user:{SECRET_KEY}@dcs.example.com:99999"),
        format!("https://dcs.example.com/?token={SECRET_KEY}"),
    ] {
        let command = || with_key(service.reached_by(["good", "-v"]));
        let ended = command().env("DCS_WAIT_ENDPOINT", &endpoint).run();
        ended
            .exits_with(2)
            .complains("is no endpoint")
            .keeps(&SECRETS);
        let ended = command()
            .without("DCS_WAIT_PROJECT_ID")
            .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", &endpoint)
            .arg("--region=simulated-1")
            .run();
        ended
            .exits_with(2)
            .complains("is no endpoint")
            .keeps(&SECRETS);
    }
}
