//! Answers whose text or whose bytes are encoded oddly.

use super::raw_service::{RawService, answer};

/// A description of the job `job` in this status, with this reason, byte for byte.
fn job(status: &str, reason: &[u8]) -> Vec<u8> {
    let start = format!(r#"{{"job_id":"job","status":"{status}","fail_reason":""#);
    [start.as_bytes(), reason, b"\"}"].concat()
}

#[test]
fn text_that_is_not_needed_hides_no_end() {
    let bom = [b"\xEF\xBB\xBF", &job("FAIL", b"x")[..]].concat();
    let utf16: Vec<u8> = "\u{FEFF}{\"job_id\":\"job\",\"status\":\"FAIL\",\"fail_reason\":\"x\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (body, reason) in [
        (job("FAIL", br"x \ud83d"), "x \u{FFFD}"),
        (job("FAIL", b"\xCA\xA7\xB0\xDC"), "\u{FFFD}"),
        (job("FAIL", b"\x95\\"), "\u{FFFD}\u{FFFD}"),
        (job("FAIL", b"caf\xE9"), "caf\u{FFFD}"),
        (job("FAIL", b"no\nroom"), "no room"),
        (job("FAIL", b"no\x1broom"), "no\u{FFFD}room"),
        (job("FAIL", br"C:\data"), "C:\u{FFFD}data"),
        (bom, "x"),
        (utf16, "x"),
    ] {
        let service = RawService::answering([answer(200, &[], &body)]);
        let ended = service.wait_for(["job", "--timeout=30s"]).run();
        let ended = ended.exits_with(1).prints_line("job failed ");
        assert!(ended.stdout.contains(reason), "{reason}: {ended:#?}");
    }
}

#[test]
fn what_is_needed_is_read_strictly() {
    for body in [
        &b"{\"job_id\":\"job\xFF\",\"status\":\"SUCCESS\"}"[..],
        b"{\"job_id\":\"job\",\"status\":\"SUCCESS\xFF\"}",
        b"{\"job_id\":\"job\",\"status\":\"SUCCESS\",\"x\":\"\xFF",
        b"{\"job_id\":\"job\",\"status\":\"RUNNING\"}{\"job_id\":\"job\",\"status\":\"SUCCESS\"}",
    ] {
        let service = RawService::answering([answer(200, &[], body)]);
        let ended = service.wait_for(["job", "--timeout=250ms"]).run();
        ended.exits_with(124).prints_line("job timed_out ");
    }
}

#[test]
fn an_error_keeps_its_code_and_its_limit_whatever_its_text_is_encoded_in() {
    let gone =
        b"{\"error_msg\":\"\xC8\xCE\xCE\xF1\xB2\xBB\xB4\xE6\xD4\xDA\",\"error_code\":\"DCS.4070\"}";
    let service = RawService::answering([answer(400, &[], gone)]);
    let ended = service
        .wait_for(["job", "--not-found-grace=0s", "--timeout=30s"])
        .run();
    ended.exits_with(3).says("DCS.4070");

    let throttled = b"{\"error_msg\":\"\xC1\xF7\xBF\xD8,limit:100,time:1 second\",\"error_code\":\"APIGW.0308\"}";
    let service = RawService::answering([
        answer(429, &[], throttled),
        answer(200, &[], &job("SUCCESS", b"")),
    ]);
    let ended = service.wait_for(["job", "--timeout=30s"]).run();
    ended
        .exits_with(0)
        .says("the service allows 100 requests in 1s");
}

#[test]
fn text_that_is_not_needed_hides_no_project() {
    let projects = b"\xEF\xBB\xBF{\"projects\":[{\"id\":\"0a1b\",\"name\":\"\xB1\xB1\xBE\xA9\"}]}";
    let iam = RawService::answering([answer(200, &[], projects)]);
    let service = RawService::answering([answer(200, &[], &job("SUCCESS", b""))]);
    let ended = service
        .wait_for(["job", "--region=cn-north-4", "--timeout=30s"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", iam.url())
        .run();
    ended.exits_with(0);
    assert!(service.heads()[0].starts_with("GET /v2/0a1b/jobs/job "));
}

#[test]
fn standard_input_may_hold_answers_with_odd_text() {
    for input in [
        &b"\xEF\xBB\xBF{\"job_id\":\"job\",\"x\":\"\xCA\xA7 \\ud83d \\q\n\"}"[..],
        b"{\"job_id\":\"job\",\"x\":1e999}\n{\"job_id\":\"job\",\"x\":\"\x01\"}\n",
    ] {
        let service = RawService::answering([answer(200, &[], &job("SUCCESS", b""))]);
        let ended = service
            .wait_for(["-", "--timeout=30s"])
            .run_with_input(input);
        ended.exits_with(0).prints_line("job succeeded ");
    }
    for input in [
        &b"{\"job_id\":\"job\xFF\"}"[..],
        b"{\"job_id\":NaN,\"x\":\"\xFF\"}",
        b"{\"job_id\":\"job\",\"x\":\"\xFF\"} oops",
    ] {
        let service = RawService::answering([answer(200, &[], &job("SUCCESS", b""))]);
        service.wait_for(["-"]).run_with_input(input).exits_with(2);
        assert!(service.heads().is_empty());
    }
}
