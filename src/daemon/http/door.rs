//! Who may ask at all: decided on a request's head, before anything of its body is read.

use axum::http::{HeaderMap, Request, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::orders::{body_too_large, most};
use super::problem::Problem;
use crate::secret::{ExposeSecret, Secret};

/// The fewest characters of a token.
const SHORTEST: usize = 16;

/// The token that is asked for over TCP. It is kept as its hash, which is as long for any token: how
/// long a comparison takes says nothing.
#[derive(Clone)]
pub(super) struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Takes a token that is long enough, and can be sent.
    pub(super) fn new(secret: &Secret) -> Result<Self, &'static str> {
        let text = secret.expose_secret();
        if text.len() < SHORTEST {
            return Err("has fewer than 16 characters");
        }
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err("has characters other than visible ones of ASCII");
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

/// Whether a request may go on. Over TCP there is a token to have.
pub(super) fn admit<Body>(token: Option<&Token>, request: &Request<Body>) -> Result<(), Problem> {
    let headers = request.headers();
    if let Some(token) = token {
        if is_foreign(headers) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "foreign_origin",
                "a page of another site asks; this API is for programs, not for browsers",
            ));
        }
        let is_open = request.uri().path() == "/healthz";
        if !is_open && !given(headers).is_some_and(|given| token.is(given)) {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "give the token of [http] token_file, in the header Authorization: Bearer TOKEN",
            ));
        }
    }
    let most = most(request.uri().path());
    if declared(headers).is_some_and(|length| length > most as u64) {
        return Err(body_too_large(most));
    }
    Ok(())
}

/// The token that is given.
fn given(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Whether a browser asks for a page that is not of this server.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let site = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, site)| site);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    site.is_none() || site != host
}

/// How long the body is said to be.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn refusal(path: &str, headers: &[(&str, &str)]) -> Option<String> {
        let token = Token::new(&Secret::from(TOKEN)).unwrap();
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let result = admit(Some(&token), &request.body(()).unwrap());
        result.err().map(|problem| format!("{problem:?}"))
    }

    #[test]
    fn only_the_token_opens_the_door() {
        for value in [
            "Bearer 0123456789abcdef",
            "bearer 0123456789abcdef",
            "Bearer  0123456789abcdef",
        ] {
            assert_eq!(refusal("/metrics", &[("authorization", value)]), None);
        }
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            let why = refusal("/metrics", &[("authorization", value)]).unwrap();
            assert!(why.contains("unauthorized"), "{value}: {why}");
            assert!(!why.contains(TOKEN), "{why}");
        }
        assert!(refusal("/metrics", &[]).unwrap().contains("unauthorized"));
        let twice = [
            ("authorization", "Bearer 0123456789abcdef"),
            ("authorization", "Bearer x"),
        ];
        assert!(
            refusal("/metrics", &twice)
                .unwrap()
                .contains("unauthorized")
        );
    }

    #[test]
    fn whether_it_serves_is_told_to_everybody() {
        assert_eq!(refusal("/healthz", &[]), None);
        assert!(refusal("/readyz", &[]).is_some());
    }

    #[test]
    fn a_page_of_another_site_is_refused_even_with_the_token() {
        let good = ("authorization", "Bearer 0123456789abcdef");
        let host = ("host", "127.0.0.1:7070");
        for origin in ["https://evil.example", "null", "http://127.0.0.1:7071"] {
            let why = refusal("/v1/watches", &[good, host, ("origin", origin)]).unwrap();
            assert!(why.contains("foreign_origin"), "{origin}: {why}");
        }
        let own = ("origin", "http://127.0.0.1:7070");
        assert_eq!(refusal("/v1/watches", &[good, host, own]), None);
    }

    #[test]
    fn a_body_that_is_said_to_be_too_long_is_refused_unread() {
        let is_admitted = |path: &str, length: &str| {
            let request = Request::builder().uri(path);
            let request = request.header("content-length", length);
            admit(None, &request.body(()).unwrap()).is_ok()
        };
        assert!(is_admitted("/v1/watches", "65536"));
        assert!(!is_admitted("/v1/watches", "65537"));
        assert!(is_admitted("/v1/watches/batch", "4194304"));
        assert!(!is_admitted("/v1/watches/batch", "4194305"));
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_refused() {
        for (token, why) in [
            ("0123456789abcde", "fewer than 16"),
            ("0123456789abcdef g", "visible"),
            ("0123456789abcdefé", "visible"),
        ] {
            assert!(Token::new(&Secret::from(token)).unwrap_err().contains(why));
        }
    }
}
