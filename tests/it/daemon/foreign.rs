//! What others write acts upon nothing that shows the daemon's log or its answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use dcs_wait::sim::Step;
use hyper::StatusCode;
use serde_json::json;

use super::harness::{House, until};
use super::hooks::exec;
use crate::cli::foreign::{HOSTILE, assert_inert};

/// A service that refuses everything in hostile words. Its address.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let body = json!({"error_code": HOSTILE, "error_msg": HOSTILE}).to_string();
        let length = body.len();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            _ = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn hostile_text_forges_no_line_of_the_log() {
    let house = House::without_hooks();
    let noisy = exec(&house, "noisy", "printf '%s' \"$TEXT\"; exit 1");
    let odd = "[[project]]\nname = \"odd\"\nregion = \"cn-north-4\"\n\
         endpoint = \"http://127.0.0.1:9\"\nak_file = \"ak\"\nsk_file = \"sk\"\n";
    house.configure(&format!("{odd}{noisy}"));
    let trouble = Step::error(StatusCode::BAD_GATEWAY, HOSTILE, HOSTILE);
    house.job(
        "failing",
        [Step::status(HOSTILE), trouble, Step::fail(HOSTILE)],
    );
    house.job(
        "refused",
        [Step::error(StatusCode::BAD_REQUEST, HOSTILE, HOSTILE)],
    );
    let mut daemon = house.launch_with(|command| {
        command
            .env("TEXT", HOSTILE)
            .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", refusing());
    });
    house.until_ready(&mut daemon);
    let order = |job: &str, project: &str| json!({"job_id": job, "project": project});
    for (job, project) in [("failing", "main"), ("refused", "main"), ("odd", "odd")] {
        let (status, answer) = daemon.post("/v1/watches", &order(job, project));
        assert_eq!(status, 201, "{answer}");
    }
    daemon.until_it_says("outcome=\"failed\"");
    daemon.until_it_says("outcome=\"rejected\"");
    daemon.until_it_says("IAM refused");
    until("the hook has failed", || {
        let answer = daemon.get("/v1/deliveries?state=pending");
        let deliveries = answer["deliveries"].as_array().unwrap();
        deliveries
            .iter()
            .any(|one| one["attempts"].as_u64() > Some(0))
    });
    let watches = daemon.get("/v1/watches?job_id=failing");
    assert_eq!(
        watches["watches"][0]["fail_reason"], HOSTILE,
        "JSON means the same"
    );
    daemon.signal("KILL");
    let (_, log) = daemon.ended();
    assert_inert(&log);
}
