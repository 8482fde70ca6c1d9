//! SDK-HMAC-SHA256 from the verifier's side: what a request as it came over the wire must be
//! signed with.

use std::borrow::Cow;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// All that is encoded in a query: everything but `A-Za-z0-9-_.~`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// In a path, slashes stay.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// What an `Authorization` header claims.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) access_key: &'a str,
    /// Lower-case names, separated by semicolons.
    pub(super) signed_headers: &'a str,
    /// Lower-case hexadecimal.
    pub(super) signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
    pub(super) fn parse(authorization: &'a str) -> Option<Self> {
        let mut fields = authorization
            .strip_prefix(ALGORITHM)?
            .strip_prefix(' ')?
            .split(',')
            .map(str::trim);
        let claim = Self {
            access_key: fields.next()?.strip_prefix("Access=")?,
            signed_headers: fields.next()?.strip_prefix("SignedHeaders=")?,
            signature: fields.next()?.strip_prefix("Signature=")?,
        };
        fields.next().is_none().then_some(claim)
    }

    /// Whether the header is among the signed ones. `name` is in lower case.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }
}

/// The request in the form that is signed; none where a signed header is missing or isn't text.
pub(super) fn canonical_request(
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    signed_headers: &str,
    body: &[u8],
) -> Option<String> {
    let mut canonical = format!(
        "{method}\n{}\n{}\n",
        canonical_path(path),
        canonical_query(query)
    );
    for name in signed_headers.split(';') {
        let value = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?;
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value.trim());
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(signed_headers);
    canonical.push('\n');
    canonical.push_str(&hex(&Sha256::digest(body)));
    Some(canonical)
}

fn canonical_path(path: &str) -> String {
    let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
    let mut encoded = percent_encode(&decoded, PATH).to_string();
    if !encoded.ends_with('/') {
        encoded.push('/');
    }
    encoded
}

fn canonical_query(query: &str) -> String {
    let decode = |text| percent_decode_str(text).collect();
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort_unstable();
    let encode = |text| percent_encode(text, QUERY);
    let encoded: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    encoded.join("&")
}

/// What the secret key is applied to. `date` is the request's `X-Sdk-Date`, as it came.
pub(super) fn string_to_sign(date: &str, canonical_request: &str) -> String {
    let digest = hex(&Sha256::digest(canonical_request));
    format!("{ALGORITHM}\n{date}\n{digest}")
}

/// The signature, in lower-case hexadecimal.
pub(super) fn signature(secret_key: &str, string_to_sign: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).ok()?;
    mac.update(string_to_sign.as_bytes());
    Some(hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

/// The time of an `X-Sdk-Date`, which reads `20230516T063905Z`.
pub(super) fn parse_date(text: &str) -> Option<SystemTime> {
    let part = |from, to| text.get(from..to);
    if text.len() != 16 || part(8, 9)? != "T" || part(15, 16)? != "Z" {
        return None;
    }
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use hyper::header::{HeaderName, HeaderValue};
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        access_key: String,
        secret_key: String,
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        method: String,
        host: String,
        path: String,
        query: Vec<(String, String)>,
        headers: BTreeMap<String, String>,
        body: String,
        x_sdk_date: String,
        canonical_request: String,
        string_to_sign: String,
        authorization: String,
    }

    impl Vector {
        fn headers(&self) -> HeaderMap {
            let mut headers: HeaderMap = self
                .headers
                .iter()
                .map(|(name, value)| {
                    let name: HeaderName = name.parse().unwrap();
                    (name, HeaderValue::from_str(value).unwrap())
                })
                .collect();
            headers.insert("host", self.host.parse().unwrap());
            headers.insert("x-sdk-date", self.x_sdk_date.parse().unwrap());
            headers
        }

        fn query(&self) -> String {
            let encode = |text: &str| percent_encode(text.as_bytes(), QUERY).to_string();
            let pairs = self.query.iter();
            let encoded: Vec<_> = pairs
                .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
                .collect();
            encoded.join("&")
        }
    }

    #[test]
    fn every_request_that_the_vendors_sdk_signed_is_verified_stage_by_stage() {
        let file = include_str!("../../tests/vectors/sdk-hmac-sha256.json");
        let Vectors {
            access_key,
            secret_key,
            vectors,
        } = serde_json::from_str(file).unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let name = &vector.name;
            let claim = Claim::parse(&vector.authorization).unwrap();
            assert_eq!(claim.access_key, access_key, "{name}");
            let canonical = canonical_request(
                &vector.method,
                &vector.path,
                &vector.query(),
                &vector.headers(),
                claim.signed_headers,
                vector.body.as_bytes(),
            )
            .unwrap();
            assert_eq!(canonical, vector.canonical_request, "{name}");
            let to_sign = string_to_sign(&vector.x_sdk_date, &canonical);
            assert_eq!(to_sign, vector.string_to_sign, "{name}");
            let signature = signature(&secret_key, &to_sign).unwrap();
            assert_eq!(claim.signature, signature, "{name}");
        }
    }

    #[test]
    fn a_header_that_was_signed_and_did_not_arrive_is_noticed() {
        let headers = HeaderMap::new();
        assert_eq!(
            canonical_request("GET", "/", "", &headers, "host", b""),
            None
        );
    }

    #[test]
    fn an_authorization_in_another_form_is_no_claim() {
        for text in [
            "",
            "Bearer abc",
            "SDK-HMAC-SHA256",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=host",
            "SDK-HMAC-SHA256 SignedHeaders=host, Access=a, Signature=00",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=00, More=1",
        ] {
            assert_eq!(Claim::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_read_to_the_second_and_nothing_else_is() {
        assert_eq!(
            parse_date("20230516T063905Z"),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_684_219_145))
        );
        for text in [
            "",
            "20230516T063905",
            "20231316T063905Z",
            "2023-05-16T06:39Z",
            "日本日本日本Z",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
