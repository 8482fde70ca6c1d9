//! Bodies of answers: decoded where something on the way has compressed them, within a limit that
//! counts after that.
//!
//! Every request asks for `identity`. Proxies and caches compress nevertheless.

mod deflate;
mod gzip;

use std::error::Error;
use std::fmt;

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::Reply;
use deflate::Deflate;
use gzip::Gzip;

/// The maximum number of nested codings that are decoded.
const MAX_CODINGS: usize = 4;

/// The longest name of a coding that is shown, in characters.
const MAX_NAME: usize = 64;

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It has more bytes than this.
    TooLarge(usize),
    /// Its compressed data ends too early.
    CutShort,
    /// Its data isn't in the named format, or its checksum is wrong.
    Damaged,
    /// It has a content coding that was not asked for and can't be decoded.
    Unsupported(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the answer has more than {limit} bytes"),
            Self::CutShort => f.write_str("the compressed answer was cut short"),
            Self::Damaged => f.write_str("the compressed answer is damaged"),
            Self::Unsupported(name) => write!(
                f,
                "the answer is encoded as {name:?}, which was not asked for and can't be read; a proxy may do that"
            ),
        }
    }
}

impl Error for BodyError {}

/// Takes pieces of what was decoded.
type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), BodyError> + 'a;

/// A content coding that can be decoded.
enum Coding {
    Gzip(Gzip),
    Deflate(Deflate),
}

impl Coding {
    fn decode(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), BodyError> {
        match self {
            Self::Gzip(gzip) => gzip.decode(input, sink),
            Self::Deflate(deflate) => deflate.decode(input, sink),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
        }
    }
}

/// A body that is being received.
pub(super) struct Body {
    /// The codings in the order of decoding.
    codings: Vec<Coding>,
    bytes: Vec<u8>,
    limit: usize,
    /// How many bytes came over the wire.
    received: usize,
    /// Why it can't be decoded. What follows is only counted, so that the connection can be used
    /// again.
    failed: Option<BodyError>,
}

impl Body {
    /// The body of an answer with these headers, of at most `limit` bytes.
    pub(super) fn new(headers: &HeaderMap, limit: usize) -> Self {
        let (codings, failed) = match codings(headers) {
            Ok(codings) => (codings, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Self {
            codings,
            bytes: Vec::new(),
            limit,
            received: 0,
            failed,
        }
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        // Some gateways compress and don't say so. No JSON begins with this byte.
        if self.received == 0 && self.codings.is_empty() && piece.first() == Some(&gzip::MAGIC[0]) {
            self.codings.push(Coding::Gzip(Gzip::default()));
        }
        self.received = self.received.saturating_add(piece.len());
        if self.failed.is_some() {
            return match self.received > self.limit {
                true => Err(BodyError::TooLarge(self.limit)),
                false => Ok(()),
            };
        }
        let (bytes, limit) = (&mut self.bytes, self.limit);
        let mut keep = |piece: &[u8]| {
            if piece.len() > limit.saturating_sub(bytes.len()) {
                return Err(BodyError::TooLarge(limit));
            }
            bytes.extend_from_slice(piece);
            Ok(())
        };
        match feed(&mut self.codings, piece, &mut keep) {
            Err(error @ BodyError::TooLarge(_)) => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns the answer with the whole body. Where an answer is an error by its status, that counts
    /// more than its body: one that can't be decoded is left empty then, and `Content-Encoding` stays.
    pub(super) fn finish(self, status: u16, mut headers: HeaderMap) -> Result<Reply, BodyError> {
        let is_complete = self.codings.iter().all(Coding::is_complete);
        let failed = self
            .failed
            .or((!is_complete).then_some(BodyError::CutShort));
        let body = match failed {
            None => {
                headers.remove(CONTENT_ENCODING);
                self.bytes
            }
            Some(_) if status >= 300 => Vec::new(),
            Some(error) => return Err(error),
        };
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

/// Passes a piece through the codings.
fn feed(codings: &mut [Coding], piece: &[u8], sink: &mut Sink<'_>) -> Result<(), BodyError> {
    match codings.split_first_mut() {
        None => sink(piece),
        Some((first, rest)) => first.decode(piece, &mut |piece| feed(rest, piece, sink)),
    }
}

/// The codings that `Content-Encoding` names, the last one first.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, BodyError> {
    let names = names(headers);
    if names.len() > MAX_CODINGS {
        return Err(unsupported(&names.join(", ")));
    }
    names
        .iter()
        .rev()
        .map(|name| match &**name {
            "gzip" | "x-gzip" => Ok(Coding::Gzip(Gzip::default())),
            "deflate" => Ok(Coding::Deflate(Deflate::default())),
            other => Err(unsupported(other)),
        })
        .collect()
}

fn unsupported(name: &str) -> BodyError {
    BodyError::Unsupported(name.chars().take(MAX_NAME).collect())
}

/// The names in `Content-Encoding`, without those that change nothing.
fn names(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    let values: Vec<String> = values.collect();
    let names = values.iter().flat_map(|value| value.split(','));
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !matches!(&**name, "" | "identity"))
        .collect()
}

/// Why a stream with these headers can't be read piece by piece.
pub(super) fn check_stream(headers: &HeaderMap) -> Result<(), BodyError> {
    match names(headers).first() {
        Some(name) => Err(unsupported(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
