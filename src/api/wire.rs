//! The service's JSON, read leniently: what isn't needed may be missing or odd, what is needed
//! may not.

mod job;

use reqwest::Url;
use reqwest::header::CONTENT_ENCODING;

use super::{Content, RateLimit, Refusal};
use crate::http::{ErrorBody, Reply};
use crate::model::{Fault, JobId};
use crate::sanitize::ForeignText;

/// The longest error code and request ID that are kept, in bytes.
const MAX_WORD: usize = 256;

/// Reads the answer to the question about `id`.
pub(super) fn read(reply: &Reply, id: &JobId) -> Content {
    if reply.status != 200 {
        return Content::Refused(read_refusal(reply));
    }
    match job::read(&reply.body, id) {
        Ok(job) => Content::Job(job),
        Err(why) => Content::Unreadable(Fault {
            http_status: Some(200),
            code: None,
            message: format!("the answer can't be understood: {why}").into(),
            request_id: request_id(reply, None),
        }),
    }
}

pub(super) fn read_refusal(reply: &Reply) -> Refusal {
    let ErrorBody {
        code,
        message,
        request_id: id,
    } = ErrorBody::read(&reply.body);
    let limit = message
        .as_deref()
        .filter(|_| reply.status == 429)
        .and_then(RateLimit::of_message);
    let message = message.unwrap_or_else(|| {
        let what = status_text(reply.status);
        // It stays only where the body couldn't be decoded.
        let encoding = reply.headers.get(CONTENT_ENCODING);
        match (elsewhere(reply), encoding) {
            (Some(url), _) => format!("{what}: a redirect to {url}, which is not followed"),
            (None, Some(encoding)) => {
                format!(
                    "{what}, with an explanation that can't be read: it is encoded as {encoding:?}"
                )
            }
            (None, None) => format!("{what}, without an explanation"),
        }
    });
    Refusal {
        status: reply.status,
        fault: Fault {
            http_status: Some(reply.status),
            code: code.map(|code| ForeignText::within(&code, MAX_WORD)),
            message: message.into(),
            request_id: request_id(reply, id),
        },
        retry_after: reply.pause_asked_for(),
        limit,
    }
}

fn status_text(status: u16) -> String {
    reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .map_or_else(|| format!("HTTP {status}"), str::to_owned)
}

/// Where a redirect leads. Its query may hold secrets.
fn elsewhere(reply: &Reply) -> Option<Url> {
    let mut url: Url = reply.header("location")?.parse().ok()?;
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

fn request_id(reply: &Reply, of_body: Option<String>) -> Option<ForeignText> {
    reply
        .header("x-request-id")
        .map(str::to_owned)
        .or(of_body)
        .map(|id| ForeignText::within(&id, MAX_WORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    use crate::model::JobStatus;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    const ID: &str = "ff8080818822bbf70188235afc24141a";

    fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        Reply {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn job(body: &str) -> Content {
        job_of(body.as_bytes())
    }

    fn job_of(body: &[u8]) -> Content {
        let reply = Reply {
            body: body.to_vec(),
            ..reply(200, &[], "")
        };
        read(&reply, &ID.parse().unwrap())
    }

    fn at(millis: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    }

    #[test]
    fn the_documented_answer_is_read() {
        let body = format!(
            r#"{{"job_id":"{ID}","job_type":"masterStandbySwapJob","status":"SUCCESS",
            "begin_time":"1684191545379","end_time":"1684191548248","fail_reason":null}}"#
        );
        let Content::Job(job) = job(&body) else {
            panic!("no job");
        };
        assert_eq!(job.status, JobStatus::Success);
        assert_eq!(job.job_type, Some("masterStandbySwapJob".into()));
        assert_eq!(job.begin_time, at(1_684_191_545_379));
        assert_eq!(job.duration(), Some(Duration::from_millis(2869)));
        assert_eq!(job.fail_reason, None);
    }

    #[test]
    fn numbers_stand_for_strings_and_absurd_times_for_none() {
        let cases = [
            (
                r#"{"status":"RUNNING","begin_time":1684191545379}"#,
                at(1_684_191_545_379),
            ),
            (r#"{"status":"RUNNING","begin_time":" 5 "}"#, at(5)),
            (r#"{"status":"RUNNING","begin_time":""}"#, None),
            (r#"{"status":"RUNNING","begin_time":-1}"#, None),
            (
                r#"{"status":"RUNNING","begin_time":"99999999999999999999"}"#,
                None,
            ),
            (r#"{"status":"RUNNING","begin_time":0}"#, None),
            (
                r#"{"status":"RUNNING","begin_time":"1684191545"}"#,
                at(1_684_191_545_000),
            ),
            (
                r#"{"status":"RUNNING","begin_time":1684191545379000}"#,
                at(1_684_191_545_379),
            ),
            (
                r#"{"status":"RUNNING","begin_time":1684191545379000000}"#,
                at(1_684_191_545_379),
            ),
            (r#"{"status":"RUNNING","begin_time":{}}"#, None),
            (r#"{"status":"RUNNING"}"#, None),
        ];
        for (body, expected) in cases {
            let Content::Job(job) = job(body) else {
                panic!("no job: {body}");
            };
            assert_eq!(job.begin_time, expected, "{body}");
        }
    }

    #[test]
    fn a_status_of_no_known_kind_is_kept_as_it_came() {
        let Content::Job(job) = job(r#"{"status":"PAUSED"}"#) else {
            panic!("no job");
        };
        assert_eq!(job.status, JobStatus::Other("PAUSED".into()));
    }

    #[test]
    fn what_is_no_description_of_this_job_is_unreadable() {
        for body in [
            "",
            "<html>hello</html>",
            r#"{"job_id":"ff80"#,
            "[]",
            "null",
            "{}",
            r#"{"status":5}"#,
            r#"{"status":null}"#,
            r#"{"job_id":"another","status":"SUCCESS"}"#,
            r#"{"job_id":{"id":"another"},"status":"SUCCESS"}"#,
            r#"{"status":""}"#,
            r#"[null,"SUCCESS",null,null,null,null]"#,
        ] {
            assert!(matches!(job(body), Content::Unreadable(_)), "{body}");
        }
    }

    #[test]
    fn text_that_is_not_needed_hides_no_end() {
        for (reason, expected) in [
            (&b"x \\ud83d"[..], "x \u{FFFD}"),
            (b"\xCA\xA7\xB0\xDC", "\u{2A7}\u{FFFD}\u{FFFD}"),
            (b"caf\xE9", "caf\u{FFFD}"),
            (b"a\nb\x1b", "a\nb\u{FFFD}"),
            (b"\\x", "\u{FFFD}x"),
            (b"the \"old\" one", "the \"old\" one"),
        ] {
            let members = [b"\"job_id\":\"", ID.as_bytes(), b"\",\"status\":\"FAIL\""].concat();
            let reason = [b"\"fail_reason\":\"", reason, b"\""].concat();
            for body in [
                [b"{", &members[..], b",", &reason, b"}"].concat(),
                [
                    b"\xEF\xBB\xBF{",
                    &reason[..],
                    b",",
                    &members,
                    b",\"x\":[1e999]}\0",
                ]
                .concat(),
            ] {
                let shown = String::from_utf8_lossy(&body);
                let Content::Job(job) = job_of(&body) else {
                    panic!("no job: {shown}");
                };
                assert_eq!(job.status, JobStatus::Fail, "{shown}");
                assert_eq!(job.fail_reason, Some(expected.into()), "{shown}");
            }
        }
    }

    #[test]
    fn odd_members_that_are_not_needed_count_as_none() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for member in ["1e999", "-0", "NaN", r#""\ud83d""#, &deep] {
            let body = format!(r#"{{"status":"SUCCESS","end_time":{member},"x":{member}}}"#);
            let Content::Job(job) = job(&body) else {
                panic!("no job: {member}");
            };
            assert_eq!(job.status, JobStatus::Success, "{member}");
            assert_eq!(job.end_time, None, "{member}");
        }
    }

    #[test]
    fn what_is_needed_is_read_strictly() {
        let utf16: Vec<u8> = "\u{FEFF}{\"status\":\"SUCCESS\"}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(matches!(job_of(&utf16), Content::Job(_)));
        for body in [
            &b"{\"status\":\"SUCCESS\",\"fail_reason\":\"x\xFF\""[..],
            b"{\"status\":\"SUCCESS\",\"fail_reason\":\"x\xFF",
            b"{\"job_id\":\"ff8080818822bbf70188235afc24141\xFF\",\"status\":\"SUCCESS\"}",
            b"{\"status\":NaN,\"fail_reason\":\"\xFF\"}",
            b"{\"stat\xFFus\":\"SUCCESS\"}",
            b"{\"status\":\"RUNNING\"}{\"status\":\"SUCCESS\"}",
            b"{'status':'SUCCESS','fail_reason':'\xFF'}",
            &utf16[..utf16.len() - 2],
        ] {
            let shown = String::from_utf8_lossy(body);
            assert!(matches!(job_of(body), Content::Unreadable(_)), "{shown}");
        }
        let Content::Job(job) = job_of(b"{\"status\":\"SUCCESS\xFF\"}") else {
            panic!("no job");
        };
        assert_eq!(job.status, JobStatus::Other("SUCCESS\u{FFFD}".into()));
    }

    #[test]
    fn an_error_is_read_whatever_its_text_is_encoded_in() {
        let body = b"{\"error_code\":\"APIGW.0308\",\"error_msg\":\"\xCF\xDE\xC1\xF7,limit:200,time:5 minute\"}";
        let refusal = read_refusal(&Reply {
            body: body.to_vec(),
            ..reply(429, &[], "")
        });
        assert_eq!(refusal.fault.code, Some("APIGW.0308".into()));
        let per = Duration::from_secs(300);
        assert_eq!(refusal.limit, Some(RateLimit { requests: 200, per }));
    }

    #[test]
    fn an_error_without_words_is_named_by_its_status() {
        for body in ["", "<html><h1>502</h1>", "[1,2]", r#"{"error_code":"#] {
            let refusal = read_refusal(&reply(502, &[], body));
            assert_eq!(refusal.fault.code, None);
            assert_eq!(refusal.fault.message, "Bad Gateway, without an explanation");
        }
    }

    #[test]
    fn a_redirect_is_named_by_its_target_without_secrets() {
        let location = (
            "location",
            "https://me:s3cret@dcs.example/v2?token=s3cret#s3cret",
        );
        let refusal = read_refusal(&reply(301, &[location], "<html>"));
        assert_eq!(
            refusal.fault.message,
            "Moved Permanently: a redirect to https://dcs.example/v2, which is not followed"
        );
    }

    #[test]
    fn a_request_id_in_the_body_serves_where_the_header_is_missing() {
        let body = r#"{"code":"APIGW.0301","message":"no","request_id":"r2"}"#;
        let refusal = read_refusal(&reply(401, &[], body));
        assert_eq!(refusal.fault.request_id, Some("r2".into()));
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_kept_within_an_hour() {
        let now = "Tue, 16 May 2023 12:00:00 GMT";
        let cases = [
            ("7", Some(7)),
            ("-5", Some(0)),
            ("999999", Some(3600)),
            ("Tue, 16 May 2023 12:00:30 GMT", Some(30)),
            ("Tue, 16 May 2023 11:00:00 GMT", Some(0)),
            ("Wed, 16 May 2029 11:00:00 GMT", Some(3600)),
            ("soon", None),
        ];
        for (value, seconds) in cases {
            let headers = [("date", now), ("retry-after", value)];
            let refusal = read_refusal(&reply(429, &headers, ""));
            assert_eq!(
                refusal.retry_after,
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn a_throttled_answer_names_its_limit() {
        let body = r#"{"error_code":"APIGW.0308","error_msg":"The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute"}"#;
        let refusal = read_refusal(&reply(429, &[], body));
        let per = Duration::from_secs(300);
        assert_eq!(refusal.limit, Some(RateLimit { requests: 200, per }));
    }
}
