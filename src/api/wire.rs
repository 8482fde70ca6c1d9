//! The service's JSON, read leniently: what isn't needed may be missing or odd, what is needed
//! may not.

mod job;

use reqwest::Url;
use serde_json::{Map, Value};

use super::{Content, RateLimit, Refusal};
use crate::http::Reply;
use crate::model::{Fault, JobId};
use crate::sanitize::ForeignText;

/// The longest message that is kept of an error, in characters.
const MAX_MESSAGE: usize = 500;

/// The longest error code that is kept, in characters.
const MAX_CODE: usize = 64;

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

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn read_refusal(reply: &Reply) -> Refusal {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let words = body.as_ref().and_then(Value::as_object).map(error_words);
    let (code, message, id) = words.unwrap_or_default();
    let limit = message
        .as_deref()
        .filter(|_| reply.status == 429)
        .and_then(RateLimit::of_message);
    let message = message.unwrap_or_else(|| {
        let what = status_text(reply.status);
        match elsewhere(reply) {
            Some(url) => format!("{what}: a redirect to {url}, which is not followed"),
            None => format!("{what}, without an explanation"),
        }
    });
    Refusal {
        status: reply.status,
        fault: Fault {
            http_status: Some(reply.status),
            code: code.map(|code| code.chars().take(MAX_CODE).collect()),
            message: message.chars().take(MAX_MESSAGE).collect(),
            request_id: request_id(reply, id),
        },
        retry_after: reply.pause_asked_for(),
        limit,
    }
}

type Words = (Option<String>, Option<String>, Option<String>);

/// Code, message and request ID under any of the names that the service and the gateways before
/// it use, at the top or one object deeper.
fn error_words(body: &Map<String, Value>) -> Words {
    let find = |object: &Map<String, Value>, names: &[&str]| {
        names
            .iter()
            .find_map(|name| text(object.get(*name)?.clone()))
    };
    let words = |object: &Map<String, Value>| {
        (
            find(object, &["error_code", "errorCode", "code"]),
            find(object, &["error_msg", "errorMsg", "message"]),
            find(object, &["request_id", "requestId"]),
        )
    };
    std::iter::once(body)
        .chain(body.values().filter_map(Value::as_object))
        .map(words)
        .find(|(code, message, _)| code.is_some() || message.is_some())
        .unwrap_or_default()
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
        .map(|id| id.chars().take(128).collect())
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
        read(&reply(200, &[], body), &ID.parse().unwrap())
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
    fn an_error_is_read_under_all_the_names_that_gateways_use() {
        for body in [
            r#"{"error_code":"DCS.4070","error_msg":"bad ID","error_ext_msg":null}"#,
            r#"{"errorCode":"DCS.4070","errorMsg":"bad ID"}"#,
            r#"{"code":"DCS.4070","message":"bad ID"}"#,
            r#"{"error":{"code":"DCS.4070","message":"bad ID"}}"#,
        ] {
            let refusal = read_refusal(&reply(400, &[("x-request-id", "r1")], body));
            assert_eq!(refusal.fault.code, Some("DCS.4070".into()), "{body}");
            assert_eq!(refusal.fault.message, "bad ID");
            assert_eq!(refusal.fault.request_id, Some("r1".into()));
        }
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
