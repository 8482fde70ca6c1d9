//! Reads the orders in a body. Nothing in it that isn't understood is passed over.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::shapes::{NewWatch, NewWatches};
use super::watches::BATCH;
use crate::config::instead;
use crate::config::values::parse_limit;
use crate::decode::{bytes_without_bom, is_utf16};
use crate::engine::Order;
use crate::sanitize::{SENTENCE, WORD, sanitize};

/// The largest body that is read, in bytes; that of a batch of watches, and that of any other.
const MAX_BATCH: usize = 4 * 1024 * 1024;
const MAX_BODY: usize = 64 * 1024;

/// The largest body that is read at this path, in bytes.
pub(super) fn most(path: &str) -> usize {
    if path == BATCH { MAX_BATCH } else { MAX_BODY }
}

/// The order in a body.
pub(super) async fn order(head: &Parts, body: Body) -> Result<Order, Problem> {
    let bytes = read_to_end(head, body).await?;
    to_order(read(text(&bytes)?, &WATCH)?)
}

/// The orders in the body of a batch.
pub(super) async fn orders(head: &Parts, body: Body) -> Result<Vec<Order>, Problem> {
    let bytes = read_to_end(head, body).await?;
    let Batch { watches } = read(text(&bytes)?, &WATCHES)?;
    if !(1..=NewWatches::MOST).contains(&watches.len()) {
        let message = format!(
            "a batch has from 1 to {} watches, and this one has {}; send as many batches as it takes",
            NewWatches::MOST,
            watches.len()
        );
        return Err(Problem::bad("invalid_body", message));
    }
    let orders = watches.iter().enumerate().map(|(index, watch)| {
        let order = read(watch.get(), &WATCH).and_then(to_order);
        order.map_err(|problem| problem.of_watch(index))
    });
    orders.collect()
}

/// A batch whose watches are still to be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with watches")]
struct Batch<'a> {
    #[serde(borrow)]
    watches: Vec<&'a RawValue>,
}

/// What a body is to be.
struct Expected {
    what: &'static str,
    members: &'static [&'static str],
    example: &'static str,
}

const WATCH: Expected = Expected {
    what: "watch",
    members: &NewWatch::MEMBERS,
    example: r#"{"job_id": "ID"}"#,
};

const WATCHES: Expected = Expected {
    what: "batch of watches",
    members: &NewWatches::MEMBERS,
    example: r#"{"watches": [{"job_id": "ID"}]}"#,
};

/// A body to its end.
async fn read_to_end(head: &Parts, body: Body) -> Result<Bytes, Problem> {
    let (headers, most) = (&head.headers, most(head.uri.path()));
    if !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "no_json",
            "send the body as JSON, with the header Content-Type: application/json",
        ));
    }
    to_bytes(body, most).await.map_err(|error| {
        let too_long = error
            .source()
            .is_some_and(|why| why.is::<LengthLimitError>());
        if too_long {
            body_too_large(most)
        } else {
            Problem::bad("invalid_body", "the body broke off; send it again")
        }
    })
}

/// A body of more than so many bytes.
pub(super) fn body_too_large(most: usize) -> Problem {
    let kib = most / 1024;
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body has more than {kib} KiB; a watch needs a few hundred bytes"),
    )
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let media_type = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

/// The text of a body. Nothing in it is replaced, as it names what is to be done.
fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let refused = |message: String| Problem::bad("invalid_body", message);
    if is_utf16(bytes) {
        return Err(refused("the body is UTF-16; send it as UTF-8".to_owned()));
    }
    std::str::from_utf8(bytes_without_bom(bytes)).map_err(|error| {
        let at = error.valid_up_to();
        refused(format!(
            "the body is no UTF-8: byte {at}, counted from 0, begins no character; send it as UTF-8"
        ))
    })
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, expected: &Expected) -> Result<T, Problem> {
    let Expected { what, members, .. } = expected;
    // serde would take a list for its members in their order.
    if text.trim_start().starts_with('[') {
        let message = format!("the body is no {what}: it is a list; send one object");
        return Err(Problem::bad("invalid_body", message));
    }
    serde_json::from_str(text).map_err(|error| {
        let given: HashMap<String, IgnoredAny> = serde_json::from_str(text).unwrap_or_default();
        let unknown = |name: &&String| !members.contains(&name.as_str());
        let message = match given.keys().find(unknown) {
            Some(name) => format!(
                "there is no member {:?} here; {}",
                sanitize(name, WORD),
                instead(name, members.iter().copied())
            ),
            None => what_is_wrong(&error, expected),
        };
        Problem::bad("invalid_body", message)
    })
}

fn what_is_wrong(error: &serde_json::Error, expected: &Expected) -> String {
    let Expected { what, example, .. } = expected;
    let why = match error.classify() {
        Category::Eof => "it ends too early".to_owned(),
        Category::Syntax | Category::Io => "it is no JSON".to_owned(),
        Category::Data => {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            let text = text.strip_prefix("invalid type: ").unwrap_or(text);
            sanitize(
                &text.replace('`', "").replace(" field ", " member "),
                SENTENCE,
            )
        }
    };
    let (line, column) = (error.line(), error.column());
    format!(
        "the body is no {what}: line {line}, column {column}: {why}; \
         send an object such as {example}"
    )
}

fn to_order(asked: NewWatch) -> Result<Order, Problem> {
    fn named<T: FromStr<Err: Display>>(text: &str, what: &str) -> Result<T, String> {
        text.parse()
            .map_err(|why| format!("{:?} is no {what}: {why}", sanitize(text, WORD)))
    }
    // What is no name at all is unknown like one that isn't in the configuration.
    let unknown =
        |code| move |message: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    Ok(Order {
        job_id: named(&asked.job_id, "job ID")
            .map_err(|message| Problem::bad("invalid_job_id", message))?,
        project: asked
            .project
            .map(|text| named(&text, "project name"))
            .transpose()
            .map_err(unknown("unknown_project"))?,
        hooks: asked
            .hooks
            .map(|texts| texts.iter().map(|text| named(text, "hook name")).collect())
            .transpose()
            .map_err(unknown("unknown_hook"))?,
        timeout: asked
            .timeout
            .map(|text| {
                parse_limit(&text).map_err(|why| {
                    let quoted = sanitize(&text, WORD);
                    Problem::bad(
                        "invalid_timeout",
                        format!("{quoted:?} is no time-out: {why}"),
                    )
                })
            })
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(problem: &Problem) -> String {
        format!("{problem:?}")
    }

    fn order_of(body: &str) -> Result<Order, Problem> {
        read(body, &WATCH).and_then(to_order)
    }

    #[test]
    fn an_order_is_read_with_all_its_members() {
        let order = order_of(
            r#"{"job_id": "a1", "project": "main", "hooks": ["x", "y"], "timeout": "1h 30m"}"#,
        )
        .unwrap();
        assert_eq!(order.job_id.as_str(), "a1");
        assert_eq!(order.project.unwrap().as_str(), "main");
        assert_eq!(order.hooks.unwrap().len(), 2);
        assert_eq!(order.timeout, Some(Some(Duration::from_secs(5400))));
        let order = order_of(r#"{"job_id": "a1", "timeout": "none"}"#).unwrap();
        assert_eq!(order.timeout, Some(None));
        assert_eq!((order.project, order.hooks), (None, None));
    }

    #[test]
    fn a_body_that_is_no_watch_is_refused_with_the_reason() {
        for (body, code, expected) in [
            ("", "invalid_body", "ends too early"),
            (r#" ["a"]"#, "invalid_body", "send one object"),
            ("{}", "invalid_body", "missing member job_id"),
            (r#"{"job_id": 7}"#, "invalid_body", "expected a string"),
            (
                r#"{"job_id": "a", "job_id": "b"}"#,
                "invalid_body",
                "duplicate",
            ),
            (r#"{"jobid": "a"}"#, "invalid_body", "did you mean job_id?"),
            (r#"{"job_id": "a/b"}"#, "invalid_job_id", "position 2"),
            (r#"{"job_id": ""}"#, "invalid_job_id", "it is empty"),
            (
                r#"{"job_id": "a", "hooks": ["a b"]}"#,
                "unknown_hook",
                "no hook name",
            ),
            (
                r#"{"job_id": "a", "project": "é"}"#,
                "unknown_project",
                "no project name",
            ),
            (
                r#"{"job_id": "a", "timeout": "soon"}"#,
                "invalid_timeout",
                "such as 90s",
            ),
        ] {
            let message = message(&order_of(body).unwrap_err());
            assert!(message.contains(code), "{body}: {message}");
            assert!(message.contains(expected), "{body}: {message}");
        }
    }

    #[test]
    fn a_body_is_json_only_where_it_says_so() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/jsonx", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(is_json(&headers), expected, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
