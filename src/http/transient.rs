//! The one definition of a transient error, for polls, IAM, STS and the metadata service. Webhooks
//! have the rule of their convention: every answer that is no 2xx is retried.

use std::time::Duration;

use super::{Reply, Trouble, TroubleKind};

/// The longest wait that a service may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Whether an answer with this status, where a good one was expected, is a transient error: the same
/// request may be answered well in a moment. Redirects and the other 4xx are about the request
/// itself. A 1xx, or a 2xx that the question has no use for, comes from something on the way.
#[must_use]
pub fn is_transient_status(status: u16) -> bool {
    match status {
        408 | 421 | 425 | 429 => true,
        300..=499 => false,
        _ => true,
    }
}

impl Trouble {
    /// Whether it is a transient error. Only a certificate that doesn't verify is not: it stays invalid
    /// until it is replaced.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind != TroubleKind::Certificate
    }
}

impl Reply {
    /// How long a service asks to wait with `Retry-After`, at most an hour.
    #[must_use]
    pub fn pause_asked_for(&self) -> Option<Duration> {
        self.retry_after().map(|wait| wait.min(MAX_RETRY_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_transient_or_about_the_request() {
        for status in [100, 101, 103, 200, 201, 202, 204, 206, 299] {
            assert!(is_transient_status(status), "{status}");
        }
        for status in [408, 421, 425, 429, 500, 501, 502, 503, 504, 511, 599, 999] {
            assert!(is_transient_status(status), "{status}");
        }
        for status in [300, 301, 302, 307, 308, 399] {
            assert!(!is_transient_status(status), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 407, 409, 410, 418, 422, 451, 499] {
            assert!(!is_transient_status(status), "{status}");
        }
    }

    #[test]
    fn only_a_certificate_is_no_transient_error() {
        for (kind, expected) in [
            (TroubleKind::TimedOut, true),
            (TroubleKind::NoAddress, true),
            (TroubleKind::NoProxyAddress, true),
            (TroubleKind::NoConnection, true),
            (TroubleKind::Tls, true),
            (TroubleKind::CutShort, true),
            (TroubleKind::TooLarge, true),
            (TroubleKind::Other, true),
            (TroubleKind::Certificate, false),
        ] {
            let trouble = Trouble {
                kind,
                message: "as it happened".into(),
            };
            assert_eq!(trouble.is_transient(), expected, "{kind:?}");
        }
    }
}
