//! Who may ask: signatures, tokens, the clock, and the lock on a key that failed too often.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use hyper::http::request::Parts;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::secret::{ExposeSecret, Secret};

use super::signature::{self, Claim};
use super::{SimOptions, lock};

/// The most that a request's date may differ from the service's clock.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(15 * 60);
/// The failures in a row that are still forgiven.
const FORGIVEN_FAILURES: u32 = 5;
/// How long a locked key stays locked.
const LOCKED_FOR: Duration = Duration::from_secs(5 * 60);

/// Why a request is refused. Its text is the gateway's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Incorrect IAM authentication information: x-auth-token not found")]
    NoCredential,
    #[error("Incorrect IAM authentication information: decrypt token fail")]
    BadToken,
    #[error(
        "Incorrect IAM authentication information: Get secretKey failed,ak:{0},err:ak not exist"
    )]
    UnknownKey(String),
    #[error(
        "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden"
    )]
    Locked,
    #[error(
        "Incorrect IAM authentication information: calc ak sk signature fail:signature expired"
    )]
    Expired,
    #[error("Incorrect IAM authentication information: verify aksk signature fail")]
    BadSignature,
}

/// Knows one credential, and counts the failures of its access key.
pub(super) struct Guard {
    access_key: String,
    secret_key: Secret,
    security_token: Option<Secret>,
    auth_token: Option<Secret>,
    locks: bool,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    failures: u32,
    locked_at: Option<Instant>,
}

impl Guard {
    pub(super) fn new(options: &SimOptions) -> Self {
        Self {
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone(),
            security_token: options.security_token.clone(),
            auth_token: options.auth_token.clone(),
            locks: options.lock,
            record: Mutex::default(),
        }
    }

    /// Lets a request pass or says why not. `wall` is the service's time, `now` the moment for the
    /// lock.
    pub(super) fn check(
        &self,
        head: &Parts,
        body: &[u8],
        wall: SystemTime,
        now: Instant,
    ) -> Result<(), Refusal> {
        if let Some(token) = header(head, "x-auth-token") {
            let known = self.auth_token.as_ref();
            return match known.is_some_and(|known| is_same(known.expose_secret(), token)) {
                true => Ok(()),
                false => Err(Refusal::BadToken),
            };
        }
        let authorization = header(head, "authorization").ok_or(Refusal::NoCredential)?;
        let claim = Claim::parse(authorization).ok_or(Refusal::BadSignature)?;
        if claim.access_key != self.access_key {
            return Err(Refusal::UnknownKey(claim.access_key.to_owned()));
        }
        if !self.locks {
            return self.verify(&claim, head, body, wall);
        }
        let mut record = lock(&self.record);
        if record.is_locked(now) {
            return Err(Refusal::Locked);
        }
        let verdict = self.verify(&claim, head, body, wall);
        record.note(verdict.is_ok(), now);
        verdict
    }

    fn verify(
        &self,
        claim: &Claim<'_>,
        head: &Parts,
        body: &[u8],
        wall: SystemTime,
    ) -> Result<(), Refusal> {
        let date = header(head, "x-sdk-date").ok_or(Refusal::BadSignature)?;
        let signed_at = signature::parse_date(date).ok_or(Refusal::BadSignature)?;
        if apart(signed_at, wall) > CLOCK_TOLERANCE {
            return Err(Refusal::Expired);
        }
        if !self.takes_security_token(claim, head)
            || !claim.signs("host")
            || !claim.signs("x-sdk-date")
        {
            return Err(Refusal::BadSignature);
        }
        let expected = signature::canonical_request(
            head.method.as_str(),
            head.uri.path(),
            head.uri.query().unwrap_or_default(),
            &head.headers,
            claim.signed_headers,
            body,
        )
        .map(|canonical| signature::string_to_sign(date, &canonical))
        .and_then(|text| signature::signature(self.secret_key.expose_secret(), &text));
        match expected.is_some_and(|expected| is_same(&expected, claim.signature)) {
            true => Ok(()),
            false => Err(Refusal::BadSignature),
        }
    }

    /// A temporary credential comes with its token, signed; a permanent one comes with none.
    fn takes_security_token(&self, claim: &Claim<'_>, head: &Parts) -> bool {
        match (&self.security_token, header(head, "x-security-token")) {
            (None, None) => true,
            (Some(known), Some(token)) => {
                claim.signs("x-security-token") && is_same(known.expose_secret(), token)
            }
            _ => false,
        }
    }
}

impl Record {
    fn is_locked(&self, now: Instant) -> bool {
        self.locked_at
            .is_some_and(|locked_at| now.duration_since(locked_at) < LOCKED_FOR)
    }

    fn note(&mut self, passed: bool, now: Instant) {
        self.failures = if passed { 0 } else { self.failures + 1 };
        self.locked_at = None;
        if self.failures > FORGIVEN_FAILURES {
            *self = Self {
                failures: 0,
                locked_at: Some(now),
            };
        }
    }
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}

fn is_same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|error| error.duration())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::sim::{ACCESS_KEY, SECRET_KEY};

    const DATE: &str = "20230516T063905Z";

    struct Asked {
        access_key: &'static str,
        secret_key: &'static str,
        signed_headers: &'static str,
        headers: Vec<(&'static str, &'static str)>,
    }

    impl Default for Asked {
        fn default() -> Self {
            Self {
                access_key: ACCESS_KEY,
                secret_key: SECRET_KEY,
                signed_headers: "host;x-sdk-date",
                headers: Vec::new(),
            }
        }
    }

    impl Asked {
        fn head(&self) -> Parts {
            let mut request = Request::get("/v2/p/jobs/j?b=1&a=%20")
                .header("host", "127.0.0.1:80")
                .header("x-sdk-date", DATE);
            for (name, value) in &self.headers {
                request = request.header(*name, *value);
            }
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            let canonical = signature::canonical_request(
                "GET",
                "/v2/p/jobs/j",
                "b=1&a=%20",
                &head.headers,
                self.signed_headers,
                b"",
            )
            .unwrap();
            let to_sign = signature::string_to_sign(DATE, &canonical);
            let authorization = format!(
                "SDK-HMAC-SHA256 Access={}, SignedHeaders={}, Signature={}",
                self.access_key,
                self.signed_headers,
                signature::signature(self.secret_key, &to_sign).unwrap()
            );
            head.headers
                .insert("authorization", authorization.parse().unwrap());
            head
        }
    }

    fn check(guard: &Guard, head: &Parts) -> Result<(), Refusal> {
        guard.check(head, b"", noon(), Instant::now())
    }

    fn noon() -> SystemTime {
        signature::parse_date(DATE).unwrap()
    }

    fn wrong() -> Parts {
        Asked {
            secret_key: "another",
            ..Asked::default()
        }
        .head()
    }

    #[test]
    fn a_request_passes_only_with_the_right_key_and_unchanged() {
        let guard = Guard::new(&SimOptions::default());
        assert_eq!(check(&guard, &Asked::default().head()), Ok(()));
        assert_eq!(check(&guard, &wrong()), Err(Refusal::BadSignature));

        let unknown = Asked {
            access_key: "NOBODY",
            ..Asked::default()
        };
        let refusal = check(&guard, &unknown.head()).unwrap_err();
        assert!(
            refusal.to_string().ends_with("ak:NOBODY,err:ak not exist"),
            "{refusal}"
        );

        let mut changed = Asked::default().head();
        changed.uri = "/v2/p/jobs/other?b=1&a=%20".parse().unwrap();
        assert_eq!(check(&guard, &changed), Err(Refusal::BadSignature));

        let head = Asked::default().head();
        let with_body = guard.check(&head, b"{}", noon(), Instant::now());
        assert_eq!(with_body, Err(Refusal::BadSignature));

        let mut bare = Asked::default().head();
        bare.headers.remove("authorization");
        assert_eq!(check(&guard, &bare), Err(Refusal::NoCredential));
    }

    #[test]
    fn the_host_and_the_date_have_to_be_signed() {
        let guard = Guard::new(&SimOptions::default());
        for signed_headers in ["host", "x-sdk-date"] {
            let asked = Asked {
                signed_headers,
                ..Asked::default()
            };
            assert_eq!(check(&guard, &asked.head()), Err(Refusal::BadSignature));
        }
    }

    #[test]
    fn a_date_is_taken_up_to_fifteen_minutes_off() {
        let guard = Guard::new(&SimOptions::default());
        let head = Asked::default().head();
        let second = Duration::from_secs(1);
        let at = |wall| guard.check(&head, b"", wall, Instant::now());
        assert_eq!(at(noon() + CLOCK_TOLERANCE), Ok(()));
        assert_eq!(at(noon() - CLOCK_TOLERANCE), Ok(()));
        assert_eq!(at(noon() + CLOCK_TOLERANCE + second), Err(Refusal::Expired));
        assert_eq!(at(noon() - CLOCK_TOLERANCE - second), Err(Refusal::Expired));
    }

    #[test]
    fn a_temporary_credential_needs_its_token_and_needs_it_signed() {
        const SIGNED: &str = "host;x-sdk-date;x-security-token";
        let temporary = Guard::new(&SimOptions {
            security_token: Some(Secret::from("t0ken")),
            ..SimOptions::default()
        });
        let asked = |signed_headers, headers| {
            Asked {
                signed_headers,
                headers,
                ..Asked::default()
            }
            .head()
        };
        let token = vec![("x-security-token", "t0ken")];
        assert_eq!(check(&temporary, &asked(SIGNED, token.clone())), Ok(()));
        for head in [
            asked("host;x-sdk-date", token.clone()),
            asked("host;x-sdk-date", vec![]),
            asked(SIGNED, vec![("x-security-token", "other")]),
        ] {
            assert_eq!(check(&temporary, &head), Err(Refusal::BadSignature));
        }
        let permanent = Guard::new(&SimOptions::default());
        assert_eq!(
            check(&permanent, &asked(SIGNED, token)),
            Err(Refusal::BadSignature)
        );
    }

    #[test]
    fn an_iam_token_stands_in_for_a_signature_where_one_is_known() {
        let head = |token: &str| {
            let request = Request::get("/").header("x-auth-token", token);
            request.body(()).unwrap().into_parts().0
        };
        let guard = Guard::new(&SimOptions {
            auth_token: Some(Secret::from("t0ken")),
            ..SimOptions::default()
        });
        assert_eq!(check(&guard, &head("t0ken")), Ok(()));
        assert_eq!(check(&guard, &head("other")), Err(Refusal::BadToken));
        let knows_none = Guard::new(&SimOptions::default());
        assert_eq!(check(&knows_none, &head("t0ken")), Err(Refusal::BadToken));
    }

    #[test]
    fn more_than_five_failures_in_a_row_lock_the_key_for_five_minutes() {
        let guard = Guard::new(&SimOptions::default());
        let (right, wrong) = (Asked::default().head(), wrong());
        let start = Instant::now();
        let ask = |head: &Parts, after: Duration| guard.check(head, b"", noon(), start + after);
        for _ in 0..5 {
            assert_eq!(ask(&wrong, Duration::ZERO), Err(Refusal::BadSignature));
        }
        assert_eq!(ask(&right, Duration::ZERO), Ok(()), "five are forgiven");
        for _ in 0..6 {
            assert_eq!(ask(&wrong, Duration::ZERO), Err(Refusal::BadSignature));
        }
        let just_before = LOCKED_FOR - Duration::from_millis(1);
        assert_eq!(ask(&right, Duration::ZERO), Err(Refusal::Locked));
        assert_eq!(ask(&right, just_before), Err(Refusal::Locked));
        assert_eq!(ask(&right, LOCKED_FOR), Ok(()));
    }

    #[test]
    fn without_the_lock_a_key_may_fail_for_ever() {
        let guard = Guard::new(&SimOptions {
            lock: false,
            ..SimOptions::default()
        });
        for _ in 0..20 {
            assert_eq!(check(&guard, &wrong()), Err(Refusal::BadSignature));
        }
        assert_eq!(check(&guard, &Asked::default().head()), Ok(()));
    }
}
