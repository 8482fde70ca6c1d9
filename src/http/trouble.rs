//! What can go wrong between a request and a whole answer.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use super::body::BodyError;
use crate::sanitize::ForeignText;

/// The kinds of [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// The answer took too long.
    TimedOut,
    /// The server's host name could not be resolved.
    NoAddress,
    /// The host name of the proxy could not be resolved.
    NoProxyAddress,
    /// Nobody listens, or the network has no way there.
    NoConnection,
    /// The server's certificate doesn't verify.
    Certificate,
    /// TLS failed otherwise.
    Tls,
    /// The connection ended before the whole answer had come.
    CutShort,
    /// The answer is larger than any answer to this question.
    TooLarge,
    /// Anything else.
    Other,
}

/// The lack of an answer, and why. The message names no URL, as a URL's query may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind it is.
    pub kind: TroubleKind,
    /// What happened, for people.
    pub message: ForeignText,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.message, f)
    }
}

impl Error for Trouble {}

impl Trouble {
    pub(super) fn timed_out(after: Duration) -> Self {
        Self {
            kind: TroubleKind::TimedOut,
            message: format!("no answer within {}", humantime::format_duration(after)).into(),
        }
    }

    pub(super) fn no_path(path: &str) -> Self {
        Self {
            kind: TroubleKind::Other,
            message: format!("{path:?} is no path").into(),
        }
    }
}

impl From<BodyError> for Trouble {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge(_) => TroubleKind::TooLarge,
            BodyError::CutShort | BodyError::Damaged => TroubleKind::CutShort,
            BodyError::Unsupported(_) => TroubleKind::Other,
        };
        let message = error.to_string().into();
        Self { kind, message }
    }
}

/// Whose host name a connection needs an address for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer<'a> {
    Server(&'a str),
    Proxy(&'a str),
}

/// How far a request had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Asking,
    Answering,
}

impl Trouble {
    /// What an error means that ended a request to `peer`.
    pub(super) fn of(error: &(dyn Error + 'static), stage: Stage, peer: Peer<'_>) -> Self {
        let causes = causes(error);
        let root = causes
            .last()
            .map_or_else(|| error.to_string(), |cause| cause.to_string());
        let (kind, message) = match causes.iter().find_map(|cause| tls_error(*cause)) {
            Some(rustls::Error::InvalidCertificate(why)) => (
                TroubleKind::Certificate,
                format!("the server's certificate doesn't verify: {}", doubt(why)),
            ),
            Some(rustls::Error::InvalidMessage(_)) => (
                TroubleKind::Tls,
                "TLS failed: what answers there speaks no TLS; does the address begin with http://?"
                    .to_owned(),
            ),
            Some(why) => (TroubleKind::Tls, format!("TLS failed: {why}")),
            None if causes.iter().any(|cause| is_time_out(*cause)) => {
                (TroubleKind::TimedOut, "the connection timed out".to_owned())
            }
            None if causes.iter().any(|cause| is_dns(*cause)) => match peer {
                Peer::Server(host) => (
                    TroubleKind::NoAddress,
                    format!(
                        "the host name {host} could not be resolved ({root}); check DNS and the network"
                    ),
                ),
                Peer::Proxy(host) => (
                    TroubleKind::NoProxyAddress,
                    format!(
                        "the host name of the proxy, {host}, could not be resolved ({root}); check \
                         HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and DNS"
                    ),
                ),
            },
            None if stage == Stage::Connecting => {
                (TroubleKind::NoConnection, format!("can't connect: {root}"))
            }
            None if stage == Stage::Answering || causes.iter().any(|cause| is_cut(*cause)) => (
                TroubleKind::CutShort,
                format!("the connection ended before the whole answer had come: {root}"),
            ),
            None if causes.iter().any(|cause| is_garbled(*cause)) => (
                TroubleKind::Other,
                "what answers there speaks no HTTP; does the address begin with https://?"
                    .to_owned(),
            ),
            None => (TroubleKind::Other, format!("the request failed: {root}")),
        };
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl Trouble {
    /// What an error means that ended a request through this proxy.
    pub(super) fn through(proxy: &str, error: reqwest::Error) -> Self {
        Self::of_reqwest(error, Some(proxy))
    }

    fn of_reqwest(error: reqwest::Error, proxy: Option<&str>) -> Self {
        let stage = if error.is_connect() {
            Stage::Connecting
        } else if error.is_body() || error.is_decode() {
            Stage::Answering
        } else {
            Stage::Asking
        };
        let host = error.url().and_then(|url| url.host_str());
        let host = host.unwrap_or("the host").to_owned();
        let peer = proxy.map_or(Peer::Server(&host), Peer::Proxy);
        Self::of(&error.without_url(), stage, peer)
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::of_reqwest(error, None)
    }
}

/// The error and all that caused it, outermost first. An `io::Error` hides the error that it
/// wraps from `source()`, so that is looked for as well.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    causes
}

fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref()
}

/// What is wrong with a certificate, in words where rustls has only a name or a count of seconds.
fn doubt(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "it is signed by an unknown authority".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it isn't valid yet".to_owned()
        }
        CertificateError::Other(error) => match error.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "it is an authority's, and no server's: make one with basicConstraints=CA:FALSE"
                    .to_owned()
            }
            other => other.to_owned(),
        },
        other => other.to_string(),
    }
}

/// hyper-util names the stage only in the text of an error of its own.
fn is_dns(cause: &(dyn Error + 'static)) -> bool {
    cause.to_string() == "dns error"
}

fn is_time_out(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn is_garbled(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_parse)
}

fn is_cut(cause: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let by_kind = cause.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof
        )
    });
    by_kind
        || cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message)
}
