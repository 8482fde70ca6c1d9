//! The simulator over real sockets.

mod faults;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use dcs_wait::http::{Connector, Reply, Route, Trouble, TroubleKind};
use dcs_wait::secret::Secret;
use dcs_wait::sim::{
    ACCESS_KEY, Act, ClockOffset, ErrorAnswer, ErrorShape, Fault, PLAYGROUND, PROJECT_ID, REGION,
    RateLimit, SECRET_KEY, ScriptedJob, SimOptions, Simulator, Step, TlsFiles,
};
use hmac::{Hmac, KeyInit, Mac};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const TOKEN: &str = "an-iam-token";
const LONG: Duration = Duration::from_secs(30);

fn with_token() -> SimOptions {
    SimOptions {
        auth_token: Some(Secret::from(TOKEN)),
        ..SimOptions::default()
    }
}

async fn start(options: SimOptions) -> Simulator {
    Simulator::start(ANY_PORT, options).await.unwrap()
}

/// A simulator with one job, `job`.
async fn playing(steps: Vec<Step>) -> Simulator {
    let simulator = start(with_token()).await;
    simulator.script(job("job", steps));
    simulator
}

fn job(id: &str, steps: Vec<Step>) -> ScriptedJob {
    ScriptedJob {
        steps,
        ..ScriptedJob::new(id.parse().unwrap(), "modifyBandwidth")
    }
}

fn path(job: &str) -> String {
    format!("/v2/{PROJECT_ID}/jobs/{job}")
}

fn request(simulator: &Simulator, method: Method, path: &str) -> Request {
    let url: Url = format!("{}{path}", simulator.url()).parse().unwrap();
    let mut request = Request::new(method, url);
    let token = HeaderValue::from_static(TOKEN);
    request.headers_mut().insert("x-auth-token", token);
    request
}

async fn send(request: Request, time_limit: Duration) -> Result<Reply, Trouble> {
    let client = Connector::default().client(request.url(), Route::Direct);
    client.unwrap().send(request, time_limit).await
}

async fn try_get(simulator: &Simulator, path: &str) -> Result<Reply, Trouble> {
    send(request(simulator, Method::GET, path), LONG).await
}

async fn get(simulator: &Simulator, path: &str) -> (u16, Value) {
    let reply = try_get(simulator, path).await.unwrap();
    let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    (reply.status, body)
}

/// A request signed with the secret key, for a permanent credential.
fn signed(simulator: &Simulator, path: &str, secret_key: &str, at: SystemTime) -> Request {
    let date = humantime::format_rfc3339_seconds(at).to_string();
    let date = date.replace(['-', ':'], "");
    let host = simulator.address();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let empty = hex(&Sha256::digest(""));
    let canonical =
        format!("GET\n{path}/\n\nhost:{host}\nx-sdk-date:{date}\n\nhost;x-sdk-date\n{empty}");
    let to_sign = format!(
        "SDK-HMAC-SHA256\n{date}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).unwrap();
    mac.update(to_sign.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    let authorization = format!(
        "SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders=host;x-sdk-date, Signature={signature}"
    );
    let mut request = request(simulator, Method::GET, path);
    let headers = request.headers_mut();
    headers.remove("x-auth-token");
    headers.insert("x-sdk-date", date.parse().unwrap());
    headers.insert("authorization", authorization.parse().unwrap());
    request
}

async fn ask_signed(simulator: &Simulator, secret_key: &str, at: SystemTime) -> (u16, String) {
    let request = signed(simulator, &path("job-finished"), secret_key, at);
    let reply = send(request, LONG).await.unwrap();
    (reply.status, String::from_utf8(reply.body).unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "signatures are made with the time of the machine"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn a_signed_request_is_answered_and_a_wrongly_signed_one_is_not() {
    let simulator = start(SimOptions::default()).await;
    assert_eq!(ask_signed(&simulator, SECRET_KEY, now()).await.0, 200);
    let (status, body) = ask_signed(&simulator, "another", now()).await;
    assert_eq!(status, 401);
    assert!(
        body.contains("APIGW.0301") && body.contains("verify aksk signature fail"),
        "{body}"
    );
    let early = now() - Duration::from_secs(16 * 60);
    let (status, body) = ask_signed(&simulator, SECRET_KEY, early).await;
    assert_eq!(status, 401);
    assert!(body.contains("signature expired"), "{body}");
}

#[tokio::test]
async fn six_wrong_signatures_lock_the_key_for_the_right_one_too() {
    let simulator = start(SimOptions::default()).await;
    for _ in 0..6 {
        assert_eq!(ask_signed(&simulator, "another", now()).await.0, 401);
    }
    let (status, body) = ask_signed(&simulator, SECRET_KEY, now()).await;
    assert_eq!(status, 401);
    assert!(
        body.contains("AK access failed to reach the limit,forbidden"),
        "{body}"
    );
}

#[tokio::test]
async fn a_shifted_clock_refuses_what_is_signed_on_time_and_shows_in_the_date() {
    let offset = Duration::from_secs(3_600);
    let simulator = start(SimOptions {
        clock_offset: ClockOffset::Behind(offset),
        ..SimOptions::default()
    })
    .await;
    let request = signed(&simulator, &path("job-finished"), SECRET_KEY, now());
    let refused = send(request, LONG).await.unwrap();
    assert_eq!(refused.status, 401);
    let shown = httpdate::parse_http_date(refused.header("date").unwrap()).unwrap();
    assert!(shown < now() - offset);
    assert_eq!(ask_signed(&simulator, SECRET_KEY, shown).await.0, 200);
}

#[tokio::test]
async fn a_job_is_described_step_by_step_until_its_end() {
    let simulator = playing(vec![
        Step::init(),
        Step::status("PAUSED"),
        Step::running().times(2),
        Step::fail("no room"),
    ])
    .await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let (status, body) = get(&simulator, &path("job")).await;
        assert_eq!(status, 200);
        assert_eq!(body["job_id"], "job");
        assert_eq!(body["job_type"], "modifyBandwidth");
        assert!(body["begin_time"].as_str().unwrap().parse::<u64>().is_ok());
        assert_eq!(body["end_time"].is_string(), body["status"] == "FAIL");
        seen.push((body["status"].clone(), body["fail_reason"].clone()));
    }
    let still = |status: &str| (json!(status), Value::Null);
    let failed = (json!("FAIL"), json!("no room"));
    let (init, paused, running) = (still("INIT"), still("PAUSED"), still("RUNNING"));
    assert_eq!(
        seen,
        [
            init,
            paused,
            running.clone(),
            running,
            failed.clone(),
            failed
        ]
    );
}

#[tokio::test]
async fn every_job_of_the_playground_is_known_and_the_finished_one_is() {
    let simulator = start(with_token()).await;
    for job in PLAYGROUND {
        let (status, body) = get(&simulator, &path(job.id)).await;
        let expected = if job.id == "job-finished" {
            "SUCCESS"
        } else {
            "RUNNING"
        };
        assert_eq!(
            (status, &body["status"]),
            (200, &json!(expected)),
            "{}",
            job.id
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_the_service_refuses_it() {
    let simulator = start(with_token()).await;
    let other_project = format!("/v2/{}/jobs/job", "0".repeat(32));
    for (method, path, status, code) in [
        (Method::GET, path("nobody"), 404, "DCS.4004"),
        (Method::GET, path("a%20b"), 400, "DCS.4070"),
        (Method::GET, path(&"a".repeat(65)), 400, "DCS.4070"),
        (Method::GET, other_project, 401, "DCS.1004"),
        (Method::GET, "/v1.0/health".to_owned(), 404, "APIGW.0101"),
        (Method::DELETE, path("job-finished"), 405, "APIGW.0101"),
    ] {
        let reply = send(request(&simulator, method, &path), LONG)
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (reply.status, &body["error_code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn every_answer_has_a_date_and_an_id_of_its_own() {
    let simulator = start(with_token()).await;
    let mut ids = Vec::new();
    for path in [path("job-finished"), path("nobody"), "/".to_owned()] {
        let reply = try_get(&simulator, &path).await.unwrap();
        assert!(httpdate::parse_http_date(reply.header("date").unwrap()).is_ok());
        ids.push(reply.header("x-request-id").unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn the_project_is_found_by_the_name_of_its_region_alone() {
    let simulator = start(with_token()).await;
    let (status, body) = get(&simulator, &format!("/v3/projects?name={REGION}")).await;
    assert_eq!(status, 200);
    assert_eq!(body["projects"][0]["id"], PROJECT_ID);
    assert_eq!(body["projects"][0]["name"], REGION);
    let (_, body) = get(&simulator, "/v3/projects?name=elsewhere-1").await;
    assert_eq!(body["projects"], json!([]));
}

#[tokio::test]
async fn requests_over_the_limit_are_told_the_limit() {
    let simulator = start(SimOptions {
        rate_limit: Some(RateLimit {
            requests: 2,
            per: Duration::from_secs(3_600),
        }),
        ..with_token()
    })
    .await;
    for expected in [200, 200, 429] {
        let (status, body) = get(&simulator, &path("job-finished")).await;
        assert_eq!(status, expected);
        if status == 429 {
            assert_eq!(body["error_code"], "APIGW.0308");
            let message = body["error_msg"].as_str().unwrap();
            assert!(
                message.ends_with("policy user over ratelimit,limit:2,time:1 hour"),
                "{message}"
            );
        }
    }
    let answered: Vec<u16> = simulator
        .requests()
        .iter()
        .map(|seen| seen.answered)
        .collect();
    assert_eq!(answered, [200, 200, 429]);
}
