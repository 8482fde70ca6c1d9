//! Answers as they go over the wire.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::script::{ErrorAnswer, ErrorShape};

/// An answer.
pub(super) type Reply = Response<ReplyBody>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
/// How much is appended to an answer that is too large.
const HUGE: usize = 10 * 1024 * 1024;

/// A job as the service describes it.
pub(super) struct JobView<'a> {
    pub(super) id: &'a str,
    pub(super) job_type: &'a str,
    pub(super) status: &'a str,
    pub(super) begin_time: SystemTime,
    pub(super) end_time: Option<SystemTime>,
    pub(super) fail_reason: Option<&'a str>,
    /// Whether times are numbers, in place of strings.
    pub(super) numeric_times: bool,
}

impl JobView<'_> {
    fn to_json(&self) -> Vec<u8> {
        let stamp = |time| Stamp::new(time, self.numeric_times);
        let wire = WireJob {
            job_id: self.id,
            job_type: self.job_type,
            status: self.status,
            begin_time: stamp(self.begin_time),
            end_time: self.end_time.map(stamp),
            fail_reason: self.fail_reason,
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct WireJob<'a> {
    job_id: &'a str,
    job_type: &'a str,
    status: &'a str,
    begin_time: Stamp,
    end_time: Option<Stamp>,
    fail_reason: Option<&'a str>,
}

/// Milliseconds since the epoch.
#[derive(Serialize)]
#[serde(untagged)]
enum Stamp {
    Text(String),
    Number(u64),
}

impl Stamp {
    fn new(time: SystemTime, numeric: bool) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let millis = u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        if numeric {
            Self::Number(millis)
        } else {
            Self::Text(millis.to_string())
        }
    }
}

/// A job's description.
pub(super) fn job(view: &JobView<'_>) -> Reply {
    json_reply(StatusCode::OK, view.to_json())
}

/// The projects of an account.
pub(super) fn projects(found: Option<(&str, &str)>) -> Reply {
    let projects: Vec<Value> = found
        .into_iter()
        .map(|(id, name)| json!({"id": id, "name": name, "enabled": true, "is_domain": false}))
        .collect();
    let body = json!({"projects": projects, "links": {"next": null, "previous": null}});
    json_reply(StatusCode::OK, body.to_string())
}

/// An error. Gateways name the request in the body as well, the service doesn't.
pub(super) fn error(answer: &ErrorAnswer, request_id: &str) -> Reply {
    let ErrorAnswer { code, message, .. } = answer;
    let plain = if code.starts_with("APIG") {
        json!({"error_code": code, "error_msg": message, "request_id": request_id})
    } else {
        json!({"error_code": code, "error_msg": message, "error_ext_msg": null})
    };
    let body = match answer.shape {
        ErrorShape::Snake => plain,
        ErrorShape::Camel => json!({"errorCode": code, "errorMsg": message}),
        ErrorShape::Short => json!({"code": code, "message": message}),
        ErrorShape::Nested => json!({"error": plain}),
    };
    let mut reply = json_reply(answer.http_status, body.to_string());
    for (name, value) in &answer.headers {
        reply.headers_mut().insert(name, value.clone());
    }
    reply
}

/// A redirect.
pub(super) fn redirect(url: &HeaderValue) -> Reply {
    let mut reply = json_reply(StatusCode::TEMPORARY_REDIRECT, Bytes::new());
    reply.headers_mut().insert(LOCATION, url.clone());
    reply
}

/// 200 with an empty body.
pub(super) fn empty() -> Reply {
    json_reply(StatusCode::OK, Bytes::new())
}

/// 200 with a page.
pub(super) fn html() -> Reply {
    const PAGE: &[u8] =
        b"<html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>";
    let mut reply = json_reply(StatusCode::OK, Bytes::from_static(PAGE));
    reply.headers_mut().insert(CONTENT_TYPE, HTML);
    reply
}

/// 200 with something that isn't JSON.
pub(super) fn garbage() -> Reply {
    json_reply(StatusCode::OK, Bytes::from_static(b"{\"job_id\": ]\xff"))
}

/// 200 with JSON that describes no job.
pub(super) fn wrong_shape() -> Reply {
    json_reply(
        StatusCode::OK,
        Bytes::from_static(b"{\"job_id\":17,\"status\":[\"SUCCESS\"]}"),
    )
}

/// A job's description, followed by more white space than anybody should read.
pub(super) fn huge(view: &JobView<'_>) -> Reply {
    let mut body = view.to_json();
    body.resize(body.len() + HUGE, b' ');
    json_reply(StatusCode::OK, body)
}

/// Half of a job's description, announced as the whole.
pub(super) fn truncated(view: &JobView<'_>) -> Reply {
    let mut body = view.to_json();
    let announced = body.len();
    body.truncate(announced / 2);
    let mut reply = json_reply(StatusCode::OK, body);
    reply.headers_mut().insert(CONTENT_LENGTH, announced.into());
    reply.body_mut().ending = Ending::Flush;
    reply
}

fn json_reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(ReplyBody {
        data: Some(body.into()),
        ending: Ending::Whole,
    });
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// A body that is sent at once, and may end too early.
pub(super) struct ReplyBody {
    data: Option<Bytes>,
    ending: Ending,
}

enum Ending {
    /// The body is whole.
    Whole,
    /// More was announced; what there is goes out first.
    Flush,
    /// More was announced; the connection breaks now.
    Cut,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::Flush => {
                self.ending = Ending::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Cut => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && matches!(self.ending, Ending::Whole)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.ending, &self.data) {
            (Ending::Whole, data) => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(reply: Reply) -> Value {
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn an_error_has_the_shape_that_was_asked_for() {
        let dcs = ErrorAnswer::new(StatusCode::NOT_FOUND, "DCS.1", "no");
        let gateway = ErrorAnswer::new(StatusCode::NOT_FOUND, "APIGW.0101", "no");
        let shaped = |shape| error(&dcs.clone().shaped(shape), "r");
        for (reply, expected) in [
            (
                error(&dcs, "r"),
                json!({"error_code": "DCS.1", "error_msg": "no", "error_ext_msg": null}),
            ),
            (
                error(&gateway, "r"),
                json!({"error_code": "APIGW.0101", "error_msg": "no", "request_id": "r"}),
            ),
            (
                shaped(ErrorShape::Camel),
                json!({"errorCode": "DCS.1", "errorMsg": "no"}),
            ),
            (
                shaped(ErrorShape::Short),
                json!({"code": "DCS.1", "message": "no"}),
            ),
            (
                shaped(ErrorShape::Nested),
                json!({"error": {"error_code": "DCS.1", "error_msg": "no", "error_ext_msg": null}}),
            ),
        ] {
            assert_eq!(body(reply).await, expected);
        }
    }

    #[tokio::test]
    async fn times_are_strings_or_numbers_of_milliseconds() {
        let mut view = JobView {
            id: "a",
            job_type: "t",
            status: "RUNNING",
            begin_time: SystemTime::UNIX_EPOCH
                + std::time::Duration::from_millis(1_684_191_545_379),
            end_time: None,
            fail_reason: None,
            numeric_times: false,
        };
        assert_eq!(
            body(job(&view)).await,
            json!({"job_id": "a", "job_type": "t", "status": "RUNNING",
                "begin_time": "1684191545379", "end_time": null, "fail_reason": null})
        );
        view.numeric_times = true;
        assert_eq!(
            body(job(&view)).await["begin_time"],
            json!(1_684_191_545_379_u64)
        );
    }
}
