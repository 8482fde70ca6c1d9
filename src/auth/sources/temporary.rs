//! Temporary keys, as the services that give them out answer.

use std::time::SystemTime;

use serde::Deserialize;

use crate::auth::credential::{Credential, KeyPair};
use crate::auth::error::{AuthError, Service};
use crate::decode::json;
use crate::http::{ErrorBody, Reply};
use crate::secret::{ExposeSecret, Secret};

/// The vendor's services name the same things in two ways.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "credentials")]
    credential: Keys,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(alias = "access_key_id")]
    access: String,
    #[serde(alias = "secret_access_key")]
    secret: String,
    #[serde(alias = "security_token")]
    securitytoken: String,
    #[serde(alias = "expiration")]
    expires_at: String,
}

/// The keys of an answer, and when they expire.
pub(super) fn parse(body: &[u8], service: Service) -> Result<(Credential, SystemTime), AuthError> {
    let unreadable = |why: String| AuthError::Unreadable {
        service,
        why: why.into(),
    };
    // The parser's own words may quote a secret.
    let Answer { credential: keys } = json::read(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        unreadable(json::other_content(body).map_or_else(
            || format!("unexpected at line {line}, column {column}"),
            str::to_owned,
        ))
    })?;
    let texts = [&keys.access, &keys.secret, &keys.securitytoken];
    if texts.iter().any(|text| text.is_empty()) {
        return Err(unreadable("the keys are empty".to_owned()));
    }
    if texts
        .iter()
        .any(|text| text.contains(char::REPLACEMENT_CHARACTER))
    {
        return Err(unreadable("the keys are no text".to_owned()));
    }
    let expires_at = humantime::parse_rfc3339_weak(&keys.expires_at)
        .map_err(|error| unreadable(format!("the time of their expiry: {error}")))?;
    let credential = Credential::KeyPair(KeyPair {
        access_key: keys.access,
        secret_key: keys.secret.into(),
        security_token: Some(Secret::from(keys.securitytoken)),
    });
    Ok((credential, expires_at))
}

/// A refusal in the service's own words, which may repeat the secret that was sent.
pub(super) fn refusal(reply: &Reply, service: Service, sent: Option<&Secret>) -> AuthError {
    let ErrorBody { code, message, .. } = ErrorBody::read(&reply.body);
    let words: Vec<String> = code.into_iter().chain(message).collect();
    let words = words.join(" ");
    let words = match sent {
        Some(secret) => words.replace(secret.expose_secret(), "***"),
        None => words,
    };
    AuthError::Refused {
        service,
        status: reply.status,
        retry_after: reply.pause_asked_for(),
        message: if words.is_empty() {
            words.into()
        } else {
            format!(": {words}").into()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn both_ways_to_name_the_keys_are_read() {
        for body in [
            r#"{"credential": {"access": "AK", "secret": "SK", "securitytoken": "T", "expires_at": "2026-01-01T00:00:00.000000Z"}}"#,
            r#"{"credentials": {"access_key_id": "AK", "secret_access_key": "SK", "security_token": "T", "expiration": "2026-01-01T00:00:00Z"}}"#,
        ] {
            let (credential, expires_at) = parse(body.as_bytes(), Service::Sts).unwrap();
            let Credential::KeyPair(pair) = credential else {
                panic!("{credential}")
            };
            assert_eq!(pair.access_key, "AK");
            assert_eq!(expires_at, UNIX_EPOCH + Duration::from_secs(1_767_225_600));
        }
    }

    #[test]
    fn text_that_is_not_needed_hides_no_keys() {
        let keys = br#""credential": {"access": "AK", "secret": "SK", "securitytoken": "T", "expires_at": "2026-01-01T00:00:00Z"}}"#;
        for before in [
            &b"\xEF\xBB\xBF{"[..],
            b"{\"note\": \"\xCA\xA7 \\ud83d \\q\n\", ",
        ] {
            let body = [before, keys].concat();
            parse(&body, Service::Metadata).unwrap();
        }
    }

    #[test]
    fn keys_that_are_no_text_are_not_used() {
        for [access, secret, token] in [
            [&b"\xFF"[..], b"SK", b"T"],
            [b"AK", b"S\\ud83dK", b"T"],
            [b"AK", b"SK", b"T\0"],
        ] {
            let body = [
                br#"{"credential": {"access": ""#,
                access,
                br#"", "secret": ""#,
                secret,
                br#"", "securitytoken": ""#,
                token,
                br#"", "expires_at": "2026-01-01T00:00:00Z"}}"#,
            ]
            .concat();
            let error = parse(&body, Service::Sts).unwrap_err();
            assert!(error.to_string().contains("no text"), "{error}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_refused_without_quoting_it() {
        for body in [
            "",
            "<html>s3cret</html>",
            r#"{"credential": "s3cret"}"#,
            r#"{"credential": {"access": "AK", "secret": "", "securitytoken": "s3cret", "expires_at": "2026-01-01T00:00:00Z"}}"#,
            r#"{"credential": {"access": "AK", "secret": "SK", "securitytoken": "s3cret", "expires_at": "s3cret"}}"#,
        ] {
            let error = parse(body.as_bytes(), Service::Metadata).unwrap_err();
            assert!(matches!(error, AuthError::Unreadable { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
