//! SDK-HMAC-SHA256, stage by stage: the canonical request, the string to sign, the signature, the
//! header; [`authorize`], which does all of it to a request; and [`Prepared`], which does it to many.

mod encode;
mod prepared;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use reqwest::{Request, Url};
use sha2::{Digest, Sha256};

use super::credential::{Credential, KeyPair};
use crate::secret::{ExposeSecret, Secret};
pub use prepared::Prepared;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const X_SDK_DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const X_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// Why a request can't be authorized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A part of the credential can't be sent.
    #[error(
        "the {0} holds line breaks or control characters, which no request can carry; write it as one line"
    )]
    NoHeader(&'static str),
    /// A header of the request can't be signed.
    #[error("the header {0} is not text, and can't be signed")]
    NotText(HeaderName),
    /// The secret key can't be used as a key.
    #[error("the secret key has an impossible length; check the source that it comes from")]
    Key,
    /// The time can't be written.
    #[error(
        "this machine's clock shows a year of more than four digits, which no signature can carry; set the clock"
    )]
    Year,
    /// The URL has no host.
    #[error("the request's URL names no host")]
    NoHost,
}

/// The headers that a signature covers: all but those with an underscore in the name, sorted, with
/// names in lower case and values trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders(Vec<(String, String)>);

impl SignedHeaders {
    /// Those of `headers` that are signed.
    pub fn of<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut headers: Vec<(String, String)> = headers
            .into_iter()
            .filter(|(name, _)| !name.contains('_'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        headers.sort_unstable();
        Self(headers)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.join(";")
    }
}

/// Stage 1. The path may be encoded or not; keys and values of the query are decoded.
#[must_use]
pub fn canonical_request<S: AsRef<str>>(
    method: &str,
    path: &str,
    query: &[(S, S)],
    headers: &SignedHeaders,
    body: &[u8],
) -> String {
    let lines: String = headers
        .0
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    format!(
        "{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}",
        path = encode::path(path),
        query = encode::query(query),
        names = headers.names(),
        digest = hex(&Sha256::digest(body)),
    )
}

/// Stage 2. The date is that of `X-Sdk-Date`.
#[must_use]
pub fn string_to_sign(date: &str, canonical_request: &str) -> String {
    let digest = hex(&Sha256::digest(canonical_request));
    format!("{ALGORITHM}\n{date}\n{digest}")
}

/// Stage 3, in hexadecimal digits.
///
/// # Errors
/// When the secret key can't be a key.
pub fn signature(secret_key: &Secret, string_to_sign: &str) -> Result<String, SignError> {
    let mut mac = mac(secret_key)?;
    mac.update(string_to_sign.as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

fn mac(secret_key: &Secret) -> Result<Hmac<Sha256>, SignError> {
    let key = secret_key.expose_secret().as_bytes();
    Hmac::new_from_slice(key).map_err(|_| SignError::Key)
}

/// Stage 4: the value of the `Authorization` header.
#[must_use]
pub fn authorization(access_key: &str, headers: &SignedHeaders, signature: &str) -> String {
    let names = headers.names();
    format!("{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}")
}

/// Makes the request carry the credential. A key pair signs all headers that are set by now, so
/// this comes last; it may be done again to the same request, with another time or credential.
///
/// # Errors
/// When a part of the credential can't be a header, or the time can't be written.
pub fn authorize(
    request: &mut Request,
    credential: &Credential,
    at: SystemTime,
) -> Result<(), SignError> {
    for name in [AUTHORIZATION, X_AUTH_TOKEN, X_SECURITY_TOKEN] {
        request.headers_mut().remove(name);
    }
    match credential {
        Credential::KeyPair(pair) => sign(request, pair, at),
        Credential::Token(token) => {
            let token = secret_value(token.expose_secret(), "IAM token")?;
            request.headers_mut().insert(X_AUTH_TOKEN, token);
            Ok(())
        }
    }
}

/// Whether a request can carry the credential at all.
pub(super) fn check(credential: &Credential) -> Result<(), SignError> {
    match credential {
        Credential::KeyPair(pair) => {
            secret_value(pair.access_key.as_str(), "access key")?;
            if let Some(token) = &pair.security_token {
                secret_value(token.expose_secret(), "security token")?;
            }
        }
        Credential::Token(token) => {
            secret_value(token.expose_secret(), "IAM token")?;
        }
    }
    Ok(())
}

fn sign(request: &mut Request, pair: &KeyPair, at: SystemTime) -> Result<(), SignError> {
    let date = date(at)?;
    let (headers, canonical) = canonical(request, pair, &date)?;
    let signature = signature(&pair.secret_key, &string_to_sign(&date, &canonical))?;
    let authorization = authorization(&pair.access_key, &headers, &signature);
    let authorization = secret_value(authorization, "access key")?;
    request.headers_mut().insert(AUTHORIZATION, authorization);
    Ok(())
}

/// Sets the headers that every signature covers. Gives all that it covers, and stage 1.
fn canonical(
    request: &mut Request,
    pair: &KeyPair,
    date: &str,
) -> Result<(SignedHeaders, String), SignError> {
    let host = host(request.url())?;
    let headers = request.headers_mut();
    headers.insert(HOST, plain_value(host, "host")?);
    headers.insert(X_SDK_DATE, plain_value(date, "date")?);
    if let Some(token) = &pair.security_token {
        let token = secret_value(token.expose_secret(), "security token")?;
        headers.insert(X_SECURITY_TOKEN, token);
    }
    let headers = SignedHeaders::of(texts(request)?);
    let query: Vec<(Cow<'_, str>, Cow<'_, str>)> = request.url().query_pairs().collect();
    let body = request.body().and_then(reqwest::Body::as_bytes);
    let canonical = canonical_request(
        request.method().as_str(),
        request.url().path(),
        &query,
        &headers,
        body.unwrap_or_default(),
    );
    Ok((headers, canonical))
}

/// `YYYYMMDDTHHMMSSZ`.
fn date(at: SystemTime) -> Result<String, SignError> {
    let mut text = String::new();
    write!(
        text,
        "{}",
        humantime::format_rfc3339_seconds(at.max(UNIX_EPOCH))
    )
    .map_err(|_| SignError::Year)?;
    text.retain(|c| c != '-' && c != ':');
    Ok(text)
}

/// The host as HTTP sends it: with the port, unless it is the scheme's own.
fn host(url: &Url) -> Result<String, SignError> {
    let host = url.host_str().ok_or(SignError::NoHost)?;
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn texts(request: &Request) -> Result<Vec<(&str, &str)>, SignError> {
    request
        .headers()
        .iter()
        .map(|(name, value)| {
            let text = std::str::from_utf8(value.as_bytes());
            text.map(|text| (name.as_str(), text))
                .map_err(|_| SignError::NotText(name.clone()))
        })
        .collect()
}

fn plain_value(
    text: impl TryInto<HeaderValue>,
    what: &'static str,
) -> Result<HeaderValue, SignError> {
    text.try_into().map_err(|_| SignError::NoHeader(what))
}

/// A value that prints as nothing.
fn secret_value(
    text: impl TryInto<HeaderValue>,
    what: &'static str,
) -> Result<HeaderValue, SignError> {
    let mut value = plain_value(text, what)?;
    value.set_sensitive(true);
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

#[cfg(test)]
mod tests;
