//! What went wrong with a request, in the form that people and programs are told.

use std::fmt;

use crate::sanitize::ForeignText;

/// An answer that was an error, or the lack of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// The service's error code, such as `DCS.4070` or `APIGW.0301`.
    pub code: Option<ForeignText>,
    /// The service's message, or this program's where the service gave none. Never a secret,
    /// never a URL's query.
    pub message: ForeignText,
    /// The service's ID of the request, to be named to its support.
    pub request_id: Option<ForeignText>,
}

impl Fault {
    /// A fault without an answer: a network's trouble, or a body that can't be read.
    #[must_use]
    pub fn local(message: impl Into<ForeignText>) -> Self {
        Self {
            http_status: None,
            code: None,
            message: message.into(),
            request_id: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.message, f)?;
        let status = self.http_status.map(|status| format!("HTTP {status}"));
        let request = self.request_id.as_ref().map(|id| format!("request {id}"));
        let code = self.code.as_ref().map(ToString::to_string);
        let details: Vec<String> = [status, code, request].into_iter().flatten().collect();
        if details.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", details.join(", "))
        }
    }
}
