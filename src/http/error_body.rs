//! The body of an error, as the vendor's services and the gateways in front of them write it.

use serde_json::{Map, Value};

use crate::decode::json;

/// What the body of an error says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The error code, such as `DCS.4070`.
    pub code: Option<String>,
    /// The message.
    pub message: Option<String>,
    /// The ID of the request.
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// Reads a body under any of the names that are in use, at the top or one object deeper. A body
    /// that is something else says nothing.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        match json::read(body) {
            Ok(Value::Object(top)) => std::iter::once(&top)
                .chain(top.values().filter_map(Value::as_object))
                .map(Self::of)
                .find(|found| found.code.is_some() || found.message.is_some())
                .unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn of(object: &Map<String, Value>) -> Self {
        let find = |names: &[&str]| names.iter().find_map(|name| text(object.get(*name)?));
        Self {
            code: find(&["error_code", "errorCode", "code"]),
            message: find(&["error_msg", "errorMsg", "message"]),
            request_id: find(&["request_id", "requestId"]),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_under_all_the_names_that_gateways_use() {
        for body in [
            &br#"{"error_code":"DCS.4070","error_msg":"bad ID","error_ext_msg":null}"#[..],
            br#"{"errorCode":"DCS.4070","errorMsg":"bad ID"}"#,
            br#"{"code":"DCS.4070","message":"bad ID"}"#,
            br#"{"error_code":"DCS.4070","code":400,"error_msg":"bad ID","message":""}"#,
            br#"{"error":{"code":"DCS.4070","message":"bad ID"}}"#,
            b"\xEF\xBB\xBF{\"error_code\":\"DCS.4070\",\"error_msg\":\"bad ID\"}",
            b"{\"error_ext_msg\":\"\xCA\xA7\xB0\xDC \\ud83d\",\"error_code\":\"DCS.4070\",\"error_msg\":\"bad ID\"}",
            b"{\"x\":\"\n\x1b\\q\",\"n\":1e999,\"error\":{\"code\":\"DCS.4070\",\"message\":\"bad ID\"}}\0",
        ] {
            let found = ErrorBody::read(body);
            assert_eq!(found.code.as_deref(), Some("DCS.4070"), "{body:?}");
            assert_eq!(found.message.as_deref(), Some("bad ID"), "{body:?}");
        }
    }

    #[test]
    fn a_body_of_another_kind_says_nothing() {
        for body in [
            "",
            "<html><h1>502</h1>",
            "[1,2]",
            r#"{"error_code":"#,
            "{}",
            "7",
        ] {
            assert_eq!(
                ErrorBody::read(body.as_bytes()),
                ErrorBody::default(),
                "{body}"
            );
        }
    }
}
