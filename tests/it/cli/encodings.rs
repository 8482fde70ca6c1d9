//! Answers whose text or whose bytes are encoded oddly.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};

use super::harness::{IMPATIENT, Invocation, dcs_wait};
use crate::scripted::{Reply, Server};

/// The command with a key and the address of this service, and with short intervals.
fn wait_for<'a>(service: &Server, arguments: impl AsRef<[&'a str]>) -> Invocation {
    dcs_wait(IMPATIENT)
        .args(arguments)
        .env("DCS_WAIT_ENDPOINT", &service.url)
        .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
}

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
        let service = Server::start([Reply::with(200, &body)]);
        let ended = wait_for(&service, ["job", "--timeout=30s"]).run();
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
        let service = Server::start([Reply::with(200, body)]);
        let ended = wait_for(&service, ["job", "--timeout=250ms"]).run();
        ended.exits_with(124).prints_line("job timed_out ");
    }
}

#[test]
fn an_error_keeps_its_code_and_its_limit_whatever_its_text_is_encoded_in() {
    let gone =
        b"{\"error_msg\":\"\xC8\xCE\xCE\xF1\xB2\xBB\xB4\xE6\xD4\xDA\",\"error_code\":\"DCS.4070\"}";
    let service = Server::start([Reply::with(400, gone)]);
    let ended = wait_for(&service, ["job", "--not-found-grace=0s", "--timeout=30s"]).run();
    ended.exits_with(3).says("DCS.4070");

    let throttled = b"{\"error_msg\":\"\xC1\xF7\xBF\xD8,limit:100,time:1 second\",\"error_code\":\"APIGW.0308\"}";
    let service = Server::start([
        Reply::with(429, throttled),
        Reply::with(200, job("SUCCESS", b"")),
    ]);
    let ended = wait_for(&service, ["job", "--timeout=30s"]).run();
    ended
        .exits_with(0)
        .says("the service's limit is 100 requests in 1s");
}

#[test]
fn text_that_is_not_needed_hides_no_project() {
    let projects = b"\xEF\xBB\xBF{\"projects\":[{\"id\":\"0a1b\",\"name\":\"\xB1\xB1\xBE\xA9\"}]}";
    let iam = Server::start([Reply::with(200, projects)]);
    let service = Server::start([Reply::with(200, job("SUCCESS", b""))]);
    let ended = wait_for(&service, ["job", "--region=cn-north-4", "--timeout=30s"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)
        .run();
    ended.exits_with(0);
    assert!(service.requests()[0].starts_with("GET /v2/0a1b/jobs/job "));
}

#[test]
fn standard_input_may_hold_answers_with_odd_text() {
    for input in [
        &b"\xEF\xBB\xBF{\"job_id\":\"job\",\"x\":\"\xCA\xA7 \\ud83d \\q\n\"}"[..],
        b"{\"job_id\":\"job\",\"x\":1e999}\n{\"job_id\":\"job\",\"x\":\"\x01\"}\n",
    ] {
        let service = Server::start([Reply::with(200, job("SUCCESS", b""))]);
        let ended = wait_for(&service, ["-", "--timeout=30s"]).run_with_input(input);
        ended.exits_with(0).prints_line("job succeeded ");
    }
    for input in [
        &b"{\"job_id\":\"job\xFF\"}"[..],
        b"{\"job_id\":NaN,\"x\":\"\xFF\"}",
        b"{\"job_id\":\"job\",\"x\":\"\xFF\"} oops",
    ] {
        let service = Server::start([Reply::with(200, job("SUCCESS", b""))]);
        wait_for(&service, ["-"])
            .run_with_input(input)
            .exits_with(2);
        assert!(service.requests().is_empty());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_answer_that_was_compressed_unasked_is_decoded() {
    let plain = job("SUCCESS", b"");
    for (encoding, body) in [
        ("gzip", gzip(&plain)),
        ("x-gzip", gzip(&plain)),
        ("deflate", zlib(&plain)),
        ("deflate", deflate(&plain)),
        ("gzip, gzip", gzip(&gzip(&plain))),
        ("identity", plain.clone()),
        ("", plain.clone()),
    ] {
        let service = Server::start([Reply::with_header(
            200,
            &format!("Content-Encoding: {encoding}"),
            &body,
        )]);
        let ended = wait_for(&service, ["job", "--timeout=30s"]).run();
        ended.exits_with(0).prints_line("job succeeded ");
        let head = service.requests()[0].to_ascii_lowercase();
        assert!(head.contains("accept-encoding: identity"), "{head}");
    }
    let gone = gzip(br#"{"error_code":"DCS.4070","error_msg":"bad ID"}"#);
    let service = Server::start([Reply::with_header(400, "Content-Encoding: gzip", &gone)]);
    let ended = wait_for(&service, ["job", "--not-found-grace=0s", "--timeout=30s"]).run();
    ended.exits_with(3).says("bad ID");
}

#[test]
fn a_compressed_answer_that_can_not_be_read_is_transient_and_says_why() {
    let plain = job("SUCCESS", b"");
    let whole = gzip(&plain);
    let bomb = gzip(&vec![b' '; 8 << 20]);
    for (encoding, body, says) in [
        ("br", &plain, "encoded as \"br\""),
        ("gzip, zstd", &plain, "encoded as \"zstd\""),
        ("gzip", &whole[..whole.len() - 9].to_vec(), "cut short"),
        ("gzip", &bomb, "more than 1048576 bytes"),
    ] {
        let odd = Reply::with_header(200, &format!("Content-Encoding: {encoding}"), body);
        let service = Server::start([odd.clone()]);
        let ended = wait_for(&service, ["job", "--timeout=250ms"]).run();
        ended.exits_with(124).says(says);
        let service = Server::start([odd, Reply::with(200, &plain)]);
        wait_for(&service, ["job", "--timeout=30s"])
            .run()
            .exits_with(0);
    }
}

#[test]
fn the_status_of_an_error_counts_whatever_its_body_is_encoded_in() {
    let refused = Reply::with_header(401, "Content-Encoding: br", b"\x1b");
    let service = Server::start([refused]);
    let ended = wait_for(&service, ["job", "--timeout=30s"]).run();
    ended.exits_with(4).says("encoded as \"br\"");
}

#[test]
fn iam_may_compress_its_answers() {
    let projects = gzip(br#"{"projects":[{"id":"0a1b","name":"cn-north-4"}]}"#);
    let iam = Server::start([Reply::with_header(200, "Content-Encoding: gzip", &projects)]);
    let service = Server::start([Reply::with(200, job("SUCCESS", b""))]);
    let ended = wait_for(&service, ["job", "--region=cn-north-4", "--timeout=30s"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)
        .run();
    ended.exits_with(0);
    let head = iam.requests()[0].to_ascii_lowercase();
    assert!(head.contains("accept-encoding: identity"), "{head}");
}
