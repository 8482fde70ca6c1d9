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

/// What to do about a refused IAM token.
pub const TOKEN_ADVICE: &str = "the IAM token has expired, is invalid or belongs to another project; \
     get a new one and write it into its file (--auth-token-file, or auth_token_file in the \
     configuration)";

impl Fault {
    /// Whether the service refused an IAM token as expired, as invalid or as another project's.
    #[must_use]
    pub fn is_token_refusal(&self) -> bool {
        let code = self.code.as_ref().map_or("", ForeignText::raw);
        let is_code = matches!(
            code,
            "APIGW.0307"
                | "APIG.0307"
                | "DCS.1001"
                | "DCS.1002"
                | "DCS.1003"
                | "DCS.1004"
                | "111401001"
                | "111401002"
                | "111401003"
                | "111401004"
        );
        is_code || self.message.raw().contains("decrypt token fail")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, message: &str) -> Fault {
        Fault {
            http_status: Some(401),
            code: Some(code.into()),
            ..Fault::local(message)
        }
    }

    #[test]
    fn a_refused_token_is_known_by_its_code_or_its_message() {
        for code in [
            "APIGW.0307",
            "APIG.0307",
            "DCS.1001",
            "DCS.1004",
            "111401003",
        ] {
            assert!(refused(code, "no").is_token_refusal(), "{code}");
        }
        let message = "Incorrect IAM authentication information: decrypt token fail";
        assert!(refused("APIGW.0301", message).is_token_refusal());
        for code in ["APIGW.0301", "DCS.10010", "DCS.1005", ""] {
            assert!(!refused(code, "no").is_token_refusal(), "{code}");
        }
    }

    #[test]
    fn a_fault_is_one_line_whatever_the_service_says() {
        let fault = Fault {
            request_id: Some("r\n\u{1b}[2J".into()),
            ..refused("c\u{202E}", "a\nERROR b\u{1b}]0;t\u{7}")
        };
        assert_eq!(
            fault.to_string(),
            "a ERROR b\u{FFFD}]0;t\u{FFFD} (HTTP 401, c\u{FFFD}, request r \u{FFFD}[2J)"
        );
    }
}
