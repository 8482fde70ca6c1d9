//! Signing many requests that differ in little.

use std::time::SystemTime;

use hmac::{Hmac, Mac};
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap};
use reqwest::{Method, Request, Url};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    ALGORITHM, SignError, X_SDK_DATE, authorization, authorize, canonical, date, encode, hex, host,
    mac, plain_value, secret_value,
};
use crate::auth::{Credential, KeyPair};

/// A date to be replaced by that of each request.
const NO_DATE: &str = "00000000T000000Z";

/// What a credential makes of `GET`s without query and body that differ in the last segment of
/// their path and in their time: everything that they have in common is done once.
pub struct Prepared {
    /// Those that don't change.
    headers: HeaderMap,
    /// A token signs nothing.
    signing: Option<Signing>,
}

struct Signing {
    /// Begun with the secret key.
    mac: Hmac<Sha256>,
    /// Begun with the canonical request up to the segment.
    digest: Sha256,
    /// The canonical request from the segment to the date, and from there on.
    rest: Zeroizing<(String, String)>,
    /// The header's value up to the signature.
    authorization: String,
}

impl Prepared {
    /// Prepares for requests to `url` with a segment after it, which ends in a slash therefore.
    /// `headers` are set, and signed.
    ///
    /// # Errors
    /// When a part of the credential can't be a header.
    pub fn new(credential: &Credential, url: &Url, headers: HeaderMap) -> Result<Self, SignError> {
        let mut request = Request::new(Method::GET, url.clone());
        *request.headers_mut() = headers;
        let signing = match credential {
            Credential::KeyPair(pair) => Some(Signing::new(&mut request, pair)?),
            Credential::Token(_) => {
                authorize(&mut request, credential, SystemTime::UNIX_EPOCH)?;
                let host = plain_value(host(url)?, "host")?;
                request.headers_mut().insert(HOST, host);
                None
            }
        };
        Ok(Self {
            headers: std::mem::take(request.headers_mut()),
            signing,
        })
    }

    /// The headers of the request for a segment.
    ///
    /// # Errors
    /// When the time can't be written.
    pub fn headers(&self, segment: &str, at: SystemTime) -> Result<HeaderMap, SignError> {
        let mut headers = self.headers.clone();
        if let Some(signing) = &self.signing {
            let date = date(at)?;
            let authorization = signing.authorization(segment, &date);
            headers.insert(AUTHORIZATION, secret_value(authorization, "access key")?);
            headers.insert(X_SDK_DATE, plain_value(date, "date")?);
        }
        Ok(headers)
    }
}

impl Signing {
    /// Sets the request's headers, and takes apart what is signed of it.
    fn new(request: &mut Request, pair: &KeyPair) -> Result<Self, SignError> {
        let (headers, canonical) = canonical(request, pair, NO_DATE)?;
        let canonical = Zeroizing::new(canonical);
        // The path has the second line.
        let path = canonical.match_indices('\n').nth(1);
        let (start, rest) = canonical.split_at(path.map_or(0, |(end, _)| end));
        let (before, after) = rest.split_once(NO_DATE).unwrap_or((rest, ""));
        Ok(Self {
            mac: mac(&pair.secret_key)?,
            digest: Sha256::new_with_prefix(start),
            rest: Zeroizing::new((format!("/{before}"), after.to_owned())),
            authorization: authorization(&pair.access_key, &headers, ""),
        })
    }

    fn authorization(&self, segment: &str, date: &str) -> String {
        let (before, after) = &*self.rest;
        let mut digest = self.digest.clone();
        for part in [&encode::segment(segment), before, date, after] {
            digest.update(part);
        }
        let digest = hex(&digest.finalize());
        let mut mac = self.mac.clone();
        for part in [ALGORITHM, "\n", date, "\n", &digest] {
            mac.update(part.as_bytes());
        }
        let signature = hex(&mac.finalize().into_bytes());
        [self.authorization.as_str(), &signature].concat()
    }
}
