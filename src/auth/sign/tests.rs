//! The vendor's own signatures, stage by stage, and what a whole request looks like.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct File {
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
    fn signed_headers(&self) -> SignedHeaders {
        let set = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let own = [("Host", &*self.host), ("X-Sdk-Date", &*self.x_sdk_date)];
        SignedHeaders::of(set.chain(own))
    }
}

fn vectors() -> File {
    serde_json::from_str(include_str!("../../../tests/vectors/sdk-hmac-sha256.json")).unwrap()
}

fn pair(security_token: Option<&str>) -> Credential {
    let file = vectors();
    Credential::KeyPair(KeyPair {
        access_key: file.access_key,
        secret_key: Secret::from(file.secret_key),
        security_token: security_token.map(Secret::from),
    })
}

/// 2023-05-16T06:39:05Z, the date of all vectors.
fn then() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_684_219_145)
}

#[test]
fn every_stage_gives_what_the_vendor_gives() {
    let file = vectors();
    let secret_key = Secret::from(file.secret_key);
    assert!(!file.vectors.is_empty());
    for vector in file.vectors {
        let name = &vector.name;
        let headers = vector.signed_headers();
        let canonical = canonical_request(
            &vector.method,
            &vector.path,
            &vector.query,
            &headers,
            vector.body.as_bytes(),
        );
        assert_eq!(
            canonical, vector.canonical_request,
            "canonical request of {name:?}"
        );
        let to_sign = string_to_sign(&vector.x_sdk_date, &canonical);
        assert_eq!(to_sign, vector.string_to_sign, "string to sign of {name:?}");
        let signature = signature(&secret_key, &to_sign).unwrap();
        assert_eq!(
            authorization(&file.access_key, &headers, &signature),
            vector.authorization,
            "authorization of {name:?}"
        );
    }
}

#[test]
fn a_whole_request_is_signed_as_the_vendor_signs_it() {
    for vector in vectors().vectors {
        let mut url: Url = format!("https://{}{}", vector.host, vector.path)
            .parse()
            .unwrap();
        if !vector.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&vector.query);
        }
        let mut request = Request::new(Method::from_bytes(vector.method.as_bytes()).unwrap(), url);
        *request.body_mut() = Some(vector.body.clone().into());
        for (name, value) in &vector.headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let token = vector.headers.get("X-Security-Token");
        authorize(&mut request, &pair(token.map(String::as_str)), then()).unwrap();
        assert_eq!(request.headers()[HOST], vector.host);
        assert_eq!(request.headers()[X_SDK_DATE], vector.x_sdk_date);
        assert_eq!(
            request.headers()[AUTHORIZATION],
            vector.authorization,
            "{:?}",
            vector.name
        );
    }
}

#[test]
fn what_is_prepared_once_is_signed_as_a_request_of_its_own_is() {
    let base: Url = "https://dcs.example:8443/a%20b/v2/p/jobs/".parse().unwrap();
    let of_project = HeaderMap::from_iter([(
        HeaderName::from_static("x-project-id"),
        HeaderValue::from_static("p"),
    )]);
    for credential in [pair(None), pair(Some("t0ken"))] {
        let prepared = Prepared::new(&credential, &base, of_project.clone()).unwrap();
        for (segment, seconds) in [("j", 0), ("ff8080818822bbf7", 1), ("k-_~", 86_400)] {
            let at = then() + Duration::from_secs(seconds);
            let mut whole = Request::new(Method::GET, base.join(segment).unwrap());
            *whole.headers_mut() = of_project.clone();
            authorize(&mut whole, &credential, at).unwrap();
            assert_eq!(prepared.headers(segment, at).unwrap(), *whole.headers());
        }
    }
    let token = Credential::Token(Secret::from("t0ken"));
    let headers = Prepared::new(&token, &base, HeaderMap::new()).unwrap();
    let headers = headers.headers("j", then()).unwrap();
    assert_eq!(headers[X_AUTH_TOKEN], "t0ken");
    assert_eq!(headers[HOST], "dcs.example:8443");
    assert_eq!(headers.len(), 2);
}

fn request() -> Request {
    Request::new(
        Method::GET,
        "http://127.0.0.1:8080/v2/p/jobs/j".parse().unwrap(),
    )
}

#[test]
fn a_token_is_sent_and_not_signed() {
    let mut request = request();
    let token = Credential::Token(Secret::from("t0ken"));
    authorize(&mut request, &token, then()).unwrap();
    assert_eq!(request.headers()[X_AUTH_TOKEN], "t0ken");
    assert_eq!(request.headers().len(), 1);
}

#[test]
fn a_request_can_be_authorized_again_with_another_credential() {
    let mut again = request();
    authorize(&mut again, &pair(Some("t0ken")), then()).unwrap();
    authorize(
        &mut again,
        &Credential::Token(Secret::from("t0ken")),
        then(),
    )
    .unwrap();
    authorize(&mut again, &pair(None), then()).unwrap();
    let mut once = request();
    authorize(&mut once, &pair(None), then()).unwrap();
    assert_eq!(again.headers(), once.headers());
}

#[test]
fn the_secret_headers_print_as_nothing() {
    let mut request = request();
    authorize(&mut request, &pair(Some("t0ken")), then()).unwrap();
    let text = format!("{request:?}");
    assert!(
        !text.contains("t0ken") && !text.contains("Signature"),
        "{text}"
    );
}

#[test]
fn a_credential_that_no_header_can_carry_is_refused_without_showing_it() {
    let token = Credential::Token(Secret::from("t0ken\n"));
    let error = authorize(&mut request(), &token, then()).unwrap_err();
    assert_eq!(error, SignError::NoHeader("IAM token"));
    assert!(!error.to_string().contains("t0ken"), "{error}");
    let error = authorize(&mut request(), &pair(Some("t0ken\r\nX: y")), then()).unwrap_err();
    assert_eq!(error, SignError::NoHeader("security token"));
}

#[test]
fn the_date_is_written_without_punctuation() {
    assert_eq!(date(then()).unwrap(), "20230516T063905Z");
    assert_eq!(
        date(UNIX_EPOCH - Duration::from_secs(1)).unwrap(),
        "19700101T000000Z"
    );
    let year_10000 = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    assert_eq!(date(year_10000), Err(SignError::Year));
}

proptest! {
    #[test]
    fn the_order_and_case_of_headers_make_no_difference(
        headers in prop::collection::btree_map("[a-z][a-z_-]{0,8}", " {0,2}[!-~]{0,8} {0,2}", 0..8)
            .prop_map(|map| map.into_iter().collect::<Vec<_>>())
            .prop_shuffle(),
    ) {
        let given = SignedHeaders::of(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let mut sorted = headers.clone();
        sorted.sort();
        let upper: Vec<_> = sorted.iter().map(|(n, v)| (n.to_uppercase(), v.clone())).collect();
        let other = SignedHeaders::of(upper.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        prop_assert_eq!(&given, &other);
        prop_assert!(!given.names().contains('_'));
    }
}
