//! What is asked wrongly, and what is said to it.

use tokio::io::AsyncWriteExt;

use super::client::{head, reply, send};
use super::harness::{JSON, Plan, Served};

const NOBODY: &str = "01936c2f-5e00-7000-8000-000000000000";

#[tokio::test]
async fn an_order_that_can_not_be_accepted_says_why() {
    let served = Served::planned(Plan {
        projects: vec!["main", "other"],
        ..Plan::default()
    })
    .await;
    for (body, status, code, says) in [
        (r#"{"job_id": "a/b"}"#, 400, "invalid_job_id", "position 2"),
        (
            r#"{"job": "a"}"#,
            400,
            "invalid_body",
            "did you mean job_id?",
        ),
        (r#"{"job_id": "#, 400, "invalid_body", "ends too early"),
        (
            r#"{"job_id": 5}"#,
            400,
            "invalid_body",
            "column 12: integer 5, expected a string; send",
        ),
        ("job_id=a", 400, "invalid_body", "it is no JSON"),
        (r#"{"job_id": "a"}"#, 422, "project_needed", "main, other"),
        (
            r#"{"job_id": "a", "project": "x"}"#,
            422,
            "unknown_project",
            "main, other",
        ),
        (
            r#"{"job_id": "a", "project": "main", "hooks": ["x"]}"#,
            422,
            "unknown_hook",
            "chat, ci",
        ),
        (
            r#"{"job_id": "a", "project": "main", "timeout": "1"}"#,
            400,
            "invalid_timeout",
            "such as",
        ),
    ] {
        let message = served.post("/v1/watches", body).await.error(status, code);
        assert!(message.contains(says), "{body}: {message}");
    }
    let page = served.get("/v1/watches").await.json();
    assert_eq!(page["watches"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_path_method_id_or_parameter_that_is_not_there_is_refused_alike() {
    let served = Served::new().await;
    for (method, path, status, code) in [
        ("GET", "/", 404, "no_such_path"),
        ("GET", "/v2/watches", 404, "no_such_path"),
        ("GET", "/v1/watches/", 404, "no_such_path"),
        ("DELETE", "/v1/watches", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/watches", 405, "method_not_allowed"),
        ("POST", "/metrics", 405, "method_not_allowed"),
        ("GET", "/v1/watches/x", 400, "invalid_id"),
        ("GET", "/v1/watches/%ff", 400, "invalid_id"),
        ("GET", "/v1/watches?stat=active", 400, "invalid_query"),
        ("GET", "/healthz?verbose", 400, "invalid_query"),
        ("GET", "/v1/deliveries?state=lost", 400, "invalid_query"),
        ("GET", "/v1/events?watch_id=1", 400, "invalid_query"),
    ] {
        let reply = send(served.connect().await, method, path, &[], "").await;
        reply.error(status, code);
        assert_eq!(
            reply.header("allow").is_some(),
            status == 405,
            "{method} {path}"
        );
    }
    for (method, path, code) in [
        ("GET", "/v1/watches/{}", "unknown_watch"),
        ("POST", "/v1/watches/{}/cancel", "unknown_watch"),
        ("POST", "/v1/watches/{}/poll", "unknown_watch"),
        ("GET", "/v1/events?watch_id={}", "unknown_watch"),
        ("GET", "/v1/deliveries/{}", "unknown_delivery"),
        ("POST", "/v1/deliveries/{}/replay", "unknown_delivery"),
    ] {
        let path = path.replace("{}", NOBODY);
        let reply = send(served.connect().await, method, &path, &[], "").await;
        assert!(reply.error(404, code).contains(NOBODY));
    }
}

#[tokio::test]
async fn a_head_is_answered_like_a_get_without_its_body() {
    let served = Served::new().await;
    let reply = send(served.connect().await, "HEAD", "/v1/watches", &[], "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let served = Served::new().await;
    let body = r#"{"job_id": "a"}"#;
    for headers in [&[][..], &[("content-type", "text/plain")]] {
        let reply = send(served.connect().await, "POST", "/v1/watches", headers, body).await;
        reply.error(415, "no_json");
    }
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_whether_it_says_so_or_not() {
    let served = Served::new().await;
    let body = "x".repeat(10_000_000);
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let length = body.len().to_string();
    let declared = [JSON, ("content-length", length.as_str())];
    for (path, most, headers, body) in [
        ("/v1/watches", "64 KiB", &declared[..], &body),
        ("/v1/watches", "64 KiB", &chunked, &chunk),
        ("/v1/watches/batch", "4096 KiB", &declared, &body),
        ("/v1/watches/batch", "4096 KiB", &chunked, &chunk),
    ] {
        let head = head("POST", path, headers);
        let (reader, mut writer) = tokio::io::split(served.connect().await);
        // The server closes before it has read everything: writing may fail, and the answer comes.
        let writing = async {
            writer.write_all(head.as_bytes()).await.unwrap();
            writer.write_all(body.as_bytes()).await
        };
        let reading = reply(reader);
        let (written, reply) = tokio::join!(writing, reading);
        let message = reply.error(413, "body_too_large");
        assert!(message.contains(most), "{message}");
        assert!(written.is_err(), "it was read to its end");
    }
}

#[tokio::test]
async fn what_was_asked_is_quoted_without_what_a_terminal_would_act_on() {
    let served = Served::new().await;
    let reply = served
        .post("/v1/watches", r#"{"job_id": "a\u001b[2J\u202e"}"#)
        .await;
    reply.error(400, "invalid_job_id");
    assert!(!reply.body.contains(['\u{1b}', '\u{202e}']), "{reply:?}");
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_refused_with_the_reason() {
    let served = Served::new().await;
    let too_many = vec![r#"{"job_id":"a"}"#; 10_001].join(",");
    for (body, says) in [
        ("", "ends too early"),
        (r#"{"job_id": "a"}"#, "there is only watches"),
        (r#"{"watch": []}"#, "did you mean watches?"),
        (r#"[{"job_id": "a"}]"#, "send one object"),
        (r#"{"watches": {}}"#, r#"such as {"watches": ["#),
        (r#"{"watches": []}"#, "from 1 to 10000"),
        (&format!(r#"{{"watches": [{too_many}]}}"#), "has 10001"),
    ] {
        let reply = served.post("/v1/watches/batch", body).await;
        let message = reply.error(400, "invalid_body");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_body_may_start_with_a_byte_order_mark_and_is_utf_8_otherwise() {
    let served = Served::new().await;
    for (path, body) in [
        ("/v1/watches", r#"{"job_id": "a"}"#),
        ("/v1/watches/batch", r#"{"watches": [{"job_id": "b"}]}"#),
    ] {
        let with_mark = format!("\u{FEFF}{body}");
        let reply = served.post(path, with_mark).await;
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        let utf16 = |unit: fn(u16) -> [u8; 2]| body.encode_utf16().flat_map(unit).collect();
        let little: Vec<u8> = utf16(u16::to_le_bytes);
        let big: Vec<u8> = utf16(u16::to_be_bytes);
        let latin1 = [&body.as_bytes()[..1], b"\"\xE9\"", &body.as_bytes()[1..]].concat();
        for (body, says) in [
            (&little, "the body is UTF-16"),
            (&[b"\xFF\xFE", &little[..]].concat(), "the body is UTF-16"),
            (&big, "the body is UTF-16"),
            (&latin1, "no UTF-8: byte 2"),
        ] {
            let reply = served.post(path, body).await;
            let message = reply.error(400, "invalid_body");
            assert!(message.contains(says), "{message}");
            assert!(message.contains("send it as UTF-8"), "{message}");
        }
    }
}

#[tokio::test]
async fn the_longest_batch_is_accepted() {
    let served = Served::new().await;
    let watches: Vec<String> = (0..10_000)
        .map(|n| format!(r#"{{"job_id":"{n:064}"}}"#))
        .collect();
    let body = format!(r#"{{"watches": [{}]}}"#, watches.join(","));
    let reply = served.post("/v1/watches/batch", &body).await;
    assert_eq!(reply.status, 200, "{:.200}", reply.body);
    let accepted = reply.json()["watches"].clone();
    assert_eq!(accepted.as_array().unwrap().len(), 10_000);
    assert_eq!(accepted[9_999]["job_id"], format!("{:064}", 9_999));
}
