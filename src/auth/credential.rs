//! What a request is authenticated with.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::{ExposeSecret, Secret};

/// The shortest access key of which some characters are shown. The service's own have 20 or more.
const SHORTEST_SHOWN: usize = 12;

/// An access key, permanent or temporary. Its `Debug` shows the access key masked, and no secret.
#[derive(Clone)]
pub struct KeyPair {
    /// The public half, which names the key.
    pub access_key: String,
    /// The half that signs.
    pub secret_key: Secret,
    /// What a temporary key is sent with.
    pub security_token: Option<Secret>,
}

/// What a request is authenticated with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Signs the request.
    KeyPair(KeyPair),
    /// An IAM token, sent as `X-Auth-Token`; such a request is not signed.
    Token(Secret),
}

impl KeyPair {
    /// The access key with its middle left out.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.access_key)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("access_key", &self.masked())
            .field("temporary", &self.security_token.is_some())
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Identifies the credential at an endpoint. It is keyed with the secret: another secret makes another
    /// fingerprint, and neither secret nor access key can be told from it.
    #[must_use]
    pub fn fingerprint(&self, endpoint: &str) -> Option<String> {
        let (secret, public, token) = match self {
            Self::KeyPair(pair) => (
                &pair.secret_key,
                pair.access_key.as_str(),
                pair.security_token.as_ref(),
            ),
            Self::Token(token) => (token, "", None),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
        let token = token.map_or("", ExposeSecret::expose_secret);
        for part in ["credential hold", endpoint, public, token] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        let digest = mac.finalize().into_bytes();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether both are the same, secrets included.
    #[must_use]
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::KeyPair(one), Self::KeyPair(two)) => {
                one.access_key == two.access_key
                    && one.secret_key.expose_secret() == two.secret_key.expose_secret()
                    && one.security_token.as_ref().map(ExposeSecret::expose_secret)
                        == two.security_token.as_ref().map(ExposeSecret::expose_secret)
            }
            (Self::Token(one), Self::Token(two)) => one.expose_secret() == two.expose_secret(),
            _ => false,
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyPair(pair) if pair.security_token.is_some() => {
                write!(f, "temporary access key {}", pair.masked())
            }
            Self::KeyPair(pair) => write!(f, "access key {}", pair.masked()),
            Self::Token(_) => f.write_str("IAM token"),
        }
    }
}

/// The first four characters and the last two. What is too short for that, or holds characters
/// that no access key has (a secret put in its place, say), shows nothing.
fn mask(access_key: &str) -> String {
    let is_usual = access_key.len() >= SHORTEST_SHOWN
        && access_key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends = access_key
        .split_at_checked(4)
        .zip(access_key.split_at_checked(access_key.len().saturating_sub(2)));
    match ends {
        Some(((start, _), (_, end))) if is_usual => format!("{start}...{end}"),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_shows_its_ends_alone() {
        for (access_key, expected) in [
            ("QTWAOYTTINDUT2QVKYUC", "QTWA...UC"),
            ("ABCDEFGHIJKL", "ABCD...KL"),
            ("ABCDEFGHIJK", "***"),
            ("", "***"),
            ("ABCDEFGHIJKL+/=", "***"),
            ("键键键键键键键键", "***"),
        ] {
            assert_eq!(mask(access_key), expected, "{access_key:?}");
        }
    }

    #[test]
    fn nothing_that_is_printed_holds_a_secret() {
        let pair = Credential::KeyPair(KeyPair {
            access_key: "QTWAOYTTINDUT2QVKYUC".to_owned(),
            secret_key: Secret::from("s3cret"),
            security_token: Some(Secret::from("t0ken")),
        });
        let token = Credential::Token(Secret::from("t0ken"));
        for text in [
            format!("{pair} {pair:?} {pair:#?}"),
            format!("{token} {token:?}"),
        ] {
            for secret in ["s3cret", "t0ken", "OYTT"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    #[test]
    fn a_fingerprint_is_of_secret_key_and_endpoint_and_shows_none() {
        let pair = |access_key: &str, secret: &str, token: Option<&str>| {
            Credential::KeyPair(KeyPair {
                access_key: access_key.to_owned(),
                secret_key: Secret::from(secret),
                security_token: token.map(Secret::from),
            })
        };
        let prints = [
            pair("AK", "a", None).fingerprint("https://one"),
            pair("AK", "a", None).fingerprint("https://two"),
            pair("AK", "b", None).fingerprint("https://one"),
            pair("KA", "a", None).fingerprint("https://one"),
            pair("AK", "a", Some("1")).fingerprint("https://one"),
            Credential::Token(Secret::from("a")).fingerprint("https://one"),
        ];
        let different: std::collections::HashSet<_> = prints.iter().flatten().collect();
        assert_eq!(different.len(), prints.len());
        assert!(different.iter().all(|print| print.len() == 64));
        assert_eq!(prints[0], pair("AK", "a", None).fingerprint("https://one"));
    }

    #[test]
    fn another_secret_makes_another_credential() {
        let pair = |secret: &str, token: Option<&str>| {
            Credential::KeyPair(KeyPair {
                access_key: "AK".to_owned(),
                secret_key: Secret::from(secret),
                security_token: token.map(Secret::from),
            })
        };
        assert!(pair("a", None).is_same_as(&pair("a", None)));
        assert!(!pair("a", None).is_same_as(&pair("b", None)));
        assert!(!pair("a", Some("1")).is_same_as(&pair("a", Some("2"))));
        assert!(!pair("a", None).is_same_as(&Credential::Token(Secret::from("a"))));
    }
}
