//! Whether an answer comes from the service itself, and not from a proxy, a cache or a log-in page.

use std::time::{Duration, SystemTime};

use super::{Content, Evidence, SignatureCheck, wire};
use crate::http::Reply;
use crate::model::Fault;

/// The headers in which caches say that an answer is a stored one.
const CACHE_HEADERS: [&str; 5] = [
    "x-cache",
    "x-cache-lookup",
    "x-cache-status",
    "x-proxy-cache",
    "cf-cache-status",
];

/// The codes in a `Warning` that mark a stored answer: stale, not revalidated, disconnected,
/// heuristically fresh.
const CACHE_WARNINGS: [&str; 4] = ["110", "111", "112", "113"];

/// The answer's `Date`, where the service itself has just written it.
pub(super) fn date_of_service(reply: &Reply, content: &Content) -> Option<SystemTime> {
    let is_services = match content {
        Content::Job(_) => true,
        Content::Refused(refusal) => has_services_code(&refusal.fault),
        _ => false,
    };
    reply.date().filter(|_| is_services && is_fresh(reply))
}

/// What the answer says about the signature of its request.
pub(super) fn signature_check(reply: &Reply, content: &Content) -> SignatureCheck {
    match content {
        Content::Job(_) if is_fresh(reply) => SignatureCheck::Accepted,
        Content::Refused(refusal) => match refusal.status {
            401 => SignatureCheck::Refused,
            400 | 403 | 404 if has_services_code(&refusal.fault) && is_fresh(reply) => {
                SignatureCheck::Accepted
            }
            _ => SignatureCheck::Unknown,
        },
        _ => SignatureCheck::Unknown,
    }
}

/// What an answer of IAM shows, where it `has_projects` or not.
// Its older error codes are bare numbers, so any JSON with one is taken for its own.
pub(super) fn of_iam(reply: &Reply, took: Duration, has_projects: bool) -> Evidence {
    let is_iams = has_projects || wire::read_refusal(reply).fault.code.is_some();
    Evidence {
        date: reply.date().filter(|_| is_iams && is_fresh(reply)),
        took,
        signature: match reply.status {
            200 if has_projects && is_fresh(reply) => SignatureCheck::Accepted,
            401 => SignatureCheck::Refused,
            _ => SignatureCheck::Unknown,
        },
    }
}

/// Whether no cache says that it has stored the answer.
pub(super) fn is_fresh(reply: &Reply) -> bool {
    let values = |name: &str| {
        let values = reply.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    };
    let is_stored = |value: &str| {
        let value = value.to_ascii_lowercase();
        value.contains("hit") || value.contains("stale")
    };
    let is_warning = |value: &str| {
        let code = value.split_ascii_whitespace().next();
        code.is_some_and(|code| CACHE_WARNINGS.contains(&code))
    };
    !reply.headers.contains_key("age")
        && !CACHE_HEADERS
            .iter()
            .flat_map(|name| values(name))
            .any(is_stored)
        && !values("warning")
            .flat_map(|list| list.split(','))
            .any(is_warning)
}

/// Whether the error code is one that the service, its gateway or IAM writes.
pub(super) fn has_services_code(fault: &Fault) -> bool {
    const PREFIXES: [&str; 4] = ["DCS.", "APIGW.", "APIG.", "IAM."];
    fault.code.as_ref().is_some_and(|code| {
        let code = code.raw();
        let is_legacy = code.starts_with("111") && code.bytes().all(|byte| byte.is_ascii_digit());
        is_legacy || PREFIXES.iter().any(|prefix| code.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const DATE: &str = "Tue, 16 May 2023 12:00:00 GMT";
    const JOB: &str = r#"{"job_id":"job","status":"RUNNING"}"#;

    fn is_trusted(status: u16, headers: &[(&str, &str)], body: &str) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .chain([&("date", DATE)])
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let reply = Reply {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        };
        let content = wire::read(&reply, &"job".parse().unwrap());
        date_of_service(&reply, &content).is_some()
    }

    #[test]
    fn the_service_and_its_gateway_are_known_by_what_they_write() {
        let error = |code: &str| format!(r#"{{"error_code":"{code}","error_msg":"x"}}"#);
        assert!(is_trusted(200, &[], JOB));
        for (status, code) in [
            (401, "APIGW.0301"),
            (401, "APIG.0301"),
            (401, "DCS.1001"),
            (401, "111401001"),
            (429, "APIGW.0308"),
            (500, "DCS.5000"),
        ] {
            assert!(is_trusted(status, &[], &error(code)), "{code}");
        }
        for (status, body) in [
            (502, "<html><h1>502</h1>".to_owned()),
            (401, String::new()),
            (401, "<html>log in</html>".to_owned()),
            (401, error("401")),
            (403, error("PROXY.1")),
            (200, "<html>log in</html>".to_owned()),
            (200, "{}".to_owned()),
            (200, r#"{"job_id":"another","status":"RUNNING"}"#.to_owned()),
        ] {
            assert!(!is_trusted(status, &[], &body), "{status} {body}");
        }
    }

    #[test]
    fn a_stored_answer_is_known_by_what_caches_write() {
        for header in [
            ("age", "0"),
            ("age", "86400"),
            ("x-cache", "HIT"),
            ("x-cache", "Hit from cloudfront"),
            ("x-cache", "MISS, HIT"),
            ("x-cache-status", "STALE"),
            ("cf-cache-status", "HIT"),
            ("warning", "110 proxy \"Response is stale\""),
            ("warning", "199 - \"x\", 113 - \"y\""),
        ] {
            assert!(!is_trusted(200, &[header], JOB), "{header:?}");
        }
        for header in [("x-cache", "MISS"), ("warning", "299 - \"deprecated\"")] {
            assert!(is_trusted(200, &[header], JOB), "{header:?}");
        }
    }
}
