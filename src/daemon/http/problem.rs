//! Why a request was not done, as it is answered.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::shapes::{ErrorBody, ErrorShape};
use crate::engine::{AcceptError, Refused};
use crate::sanitize::{escape_json, sanitize_message};
use crate::store::StoreError;

/// Why a request was not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// What kind, for programs.
    code: &'static str,
    /// For people; it may quote what was asked.
    message: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The same of one of several watches.
    pub(super) fn of_watch(mut self, index: usize) -> Self {
        self.message = format!("watches[{index}]: {}", self.message);
        self
    }

    /// What was asked can't be understood.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// What was asked names something that isn't there.
    pub(super) fn unknown(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let shape = ErrorShape {
            error: ErrorBody {
                code: self.code.to_owned(),
                message: sanitize_message(&self.message).into(),
            },
        };
        let mut response = json(self.status, &shape);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"dcs-wait\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let message = match &error {
            StoreError::NotNow {
                doing: StoreError::REACHED,
                why,
            } => format!(
                "this daemon can't reach its database at the moment: {why}; it goes on polling what \
                 it holds until its lease ends; try again"
            ),
            _ => error.to_string(),
        };
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            message,
        )
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        let (status, code) = match error {
            AcceptError::UnknownProject(..) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unknown_project")
            }
            AcceptError::WhichProject(_) => (StatusCode::UNPROCESSABLE_ENTITY, "project_needed"),
            AcceptError::UnknownHook(..) => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_hook"),
            AcceptError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            AcceptError::Store(error) => return error.into(),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<Refused> for Problem {
    fn from(Refused { index, why }: Refused) -> Self {
        let problem = Self::from(why);
        match index {
            Some(index) => problem.of_watch(index),
            None => problem,
        }
    }
}

/// An answer in JSON, with nothing in it that a terminal would act upon: much of it may be a
/// server's words.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text(value)).into_response()
}

/// The value as JSON on one line.
pub(super) fn text(value: &impl Serialize) -> String {
    // Maps with keys other than strings would fail, and there are none.
    escape_json(&serde_json::to_string(value).unwrap_or_default())
}
