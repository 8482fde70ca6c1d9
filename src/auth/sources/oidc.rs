//! An ID token of a pipeline or a pod, exchanged for temporary keys at the security token service.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Presence, project_id, temporary, variable};
use crate::auth::error::{AuthError, Service};
use crate::auth::found::{Found, Source};
use crate::decode::without_bom;
use crate::environment::Environment;
use crate::http::{Connector, Route};
use crate::secret::{ExposeSecret, Secret};

const PROVIDER_URN: &str = "HUAWEICLOUD_OIDC_PROVIDER_URN";
const AGENCY_URN: &str = "HUAWEICLOUD_OIDC_AGENCY_URN";
const ID_TOKEN: &str = "HUAWEICLOUD_OIDC_ID_TOKEN";
const TOKEN_FILE: &str = "HUAWEICLOUD_OIDC_TOKEN_FILE";
const SESSION_NAME: &str = "HUAWEICLOUD_OIDC_SESSION_NAME";
const DURATION_SECONDS: &str = "HUAWEICLOUD_OIDC_DURATION_SECONDS";
const STS_ENDPOINT: &str = "HUAWEICLOUD_SDK_STS_ENDPOINT";
const PROJECT_ID: &str = "HUAWEICLOUD_SDK_PROJECT_ID";

const DEFAULT_STS_ENDPOINT: &str = "https://sts.cn-north-4.myhuaweicloud.com";
const ASSUME_PATH: &str = "/v5/agencies/assume-with-oidc";
const DEFAULT_SESSION_NAME: &str = "dcs-wait";
const DEFAULT_DURATION_SECONDS: u32 = 3600;
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// The largest ID token that is read, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// What is asked for, all but the ID token itself.
#[derive(Debug)]
struct Plan {
    url: Url,
    provider_urn: String,
    agency_urn: String,
    session_name: String,
    duration_seconds: u32,
}

#[derive(Serialize)]
struct Body<'a> {
    provider_urn: &'a str,
    agency_urn: &'a str,
    agency_session_name: &'a str,
    id_token: &'a str,
    duration_seconds: u32,
}

pub(in crate::auth) async fn look(
    environment: &dyn Environment,
    connector: &Connector,
) -> Result<Presence, AuthError> {
    let Some(plan) = plan(environment)? else {
        return Ok(Presence::Absent(format!("{PROVIDER_URN} isn't set").into()));
    };
    let project_id = variable(environment, PROJECT_ID)
        .map(|text| project_id(&text, || PROJECT_ID.to_owned()))
        .transpose()?;
    let token = id_token(environment)?;
    let client = connector.client(&plan.url, Route::ProxyOfEnvironment)?;
    let reply = client
        .send(request(&plan, &token), ANSWER_LIMIT)
        .await
        .map_err(|trouble| AuthError::NoAnswer {
            service: Service::Sts,
            trouble,
        })?;
    if !(200..300).contains(&reply.status) {
        return Err(temporary::refusal(&reply, Service::Sts, Some(&token)));
    }
    let (credential, expires_at) = temporary::parse(&reply.body, Service::Sts)?;
    let found = Found {
        project_id,
        expires_at: Some(expires_at),
        ..Found::new(credential, Source::Oidc)
    };
    Ok(found.into())
}

/// Whether the variables ask for this source.
pub(in crate::auth) fn is_set_up(environment: &dyn Environment) -> bool {
    first_variable(environment).is_some()
}

fn first_variable(environment: &dyn Environment) -> Option<&'static str> {
    [PROVIDER_URN, AGENCY_URN, ID_TOKEN, TOKEN_FILE]
        .into_iter()
        .find(|name| variable(environment, name).is_some())
}

/// What the variables ask for; nothing, where none of them is set.
fn plan(environment: &dyn Environment) -> Result<Option<Plan>, AuthError> {
    let Some(set) = first_variable(environment) else {
        return Ok(None);
    };
    let needed =
        |missing| variable(environment, missing).ok_or(AuthError::MissingVariable { set, missing });
    Ok(Some(Plan {
        url: url(environment)?,
        provider_urn: needed(PROVIDER_URN)?,
        agency_urn: needed(AGENCY_URN)?,
        session_name: variable(environment, SESSION_NAME)
            .unwrap_or_else(|| DEFAULT_SESSION_NAME.to_owned()),
        duration_seconds: duration_seconds(environment)?,
    }))
}

fn url(environment: &dyn Environment) -> Result<Url, AuthError> {
    let endpoint = variable(environment, STS_ENDPOINT);
    let endpoint = endpoint.as_deref().unwrap_or(DEFAULT_STS_ENDPOINT);
    match Url::parse(endpoint) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            url.set_path(ASSUME_PATH);
            Ok(url)
        }
        _ => Err(AuthError::Variable {
            name: STS_ENDPOINT,
            why: format!("is no http or https URL; set one like {DEFAULT_STS_ENDPOINT}").into(),
        }),
    }
}

/// The service itself judges the number, as each agency has a limit of its own.
fn duration_seconds(environment: &dyn Environment) -> Result<u32, AuthError> {
    match variable(environment, DURATION_SECONDS) {
        None => Ok(DEFAULT_DURATION_SECONDS),
        Some(text) => text.parse().map_err(|_| AuthError::Variable {
            name: DURATION_SECONDS,
            why: "is no number of seconds; set one from 900 to 43200".into(),
        }),
    }
}

fn id_token(environment: &dyn Environment) -> Result<Secret, AuthError> {
    if let Some(token) = variable(environment, ID_TOKEN) {
        return Ok(token.into());
    }
    match variable(environment, TOKEN_FILE) {
        Some(path) => read_token(Path::new(&path)),
        None => Err(AuthError::MissingVariable {
            set: PROVIDER_URN,
            missing: "HUAWEICLOUD_OIDC_ID_TOKEN or _TOKEN_FILE",
        }),
    }
}

/// The file may be open to others: Kubernetes projects it so, and the token lives for minutes.
fn read_token(path: &Path) -> Result<Secret, AuthError> {
    let unreadable = |why: String| AuthError::TokenFile {
        path: path.to_owned(),
        why: why.into(),
    };
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(MAX_TOKEN).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    match without_bom(&text).trim() {
        "" => Err(unreadable("it is empty".to_owned())),
        token => Ok(token.into()),
    }
}

fn request(plan: &Plan, token: &Secret) -> Request {
    let body = Body {
        provider_urn: &plan.provider_urn,
        agency_urn: &plan.agency_urn,
        agency_session_name: &plan.session_name,
        id_token: token.expose_secret(),
        duration_seconds: plan.duration_seconds,
    };
    let mut request = Request::new(Method::POST, plan.url.clone());
    request.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=UTF-8"),
    );
    *request.body_mut() = Some(serde_json::json!(body).to_string().into());
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Folder, Server, key_pair, keys, present, variables};

    const WHOLE: [(&str, &str); 3] = [
        (PROVIDER_URN, "iam::1:oidcProvider:github"),
        (AGENCY_URN, "iam::1:agency:ci"),
        (ID_TOKEN, "t0ken.of.ci"),
    ];

    async fn look_with(more: &[(&str, &str)]) -> Result<Presence, AuthError> {
        let environment = variables(&[&WHOLE[..], more].concat());
        look(&environment, &Connector::default()).await
    }

    #[tokio::test]
    async fn the_token_is_exchanged_for_temporary_keys() {
        let server = Server::start(|_| (200, keys("1"))).await;
        let found = present(
            look_with(&[
                (STS_ENDPOINT, server.url().as_str()),
                (PROJECT_ID, "project"),
                (DURATION_SECONDS, "900"),
            ])
            .await,
        );
        assert_eq!(
            key_pair(&found),
            ("AKOFSERVICE1", "s3cret", Some("t0ken1".to_owned()))
        );
        assert_eq!(found.source, Source::Oidc);
        assert_eq!(found.project_id.unwrap().as_str(), "project");
        assert!(found.expires_at.is_some());

        let request = server.requests().remove(0);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /v5/agencies/assume-with-oidc "),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let expected = serde_json::json!({
            "provider_urn": "iam::1:oidcProvider:github",
            "agency_urn": "iam::1:agency:ci",
            "agency_session_name": "dcs-wait",
            "id_token": "t0ken.of.ci",
            "duration_seconds": 900,
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn the_token_s_file_is_read_anew_each_time_and_may_be_open_to_others() {
        let server = Server::start(|_| (200, keys("1"))).await;
        let folder = Folder::new();
        let file = folder.open("token", "\u{FEFF}t0ken.one\n");
        let environment = variables(&[
            WHOLE[0],
            WHOLE[1],
            (TOKEN_FILE, file.to_str().unwrap()),
            (STS_ENDPOINT, server.url().as_str()),
        ]);
        present(look(&environment, &Connector::default()).await);
        folder.open("token", "t0ken.two\n");
        present(look(&environment, &Connector::default()).await);
        assert!(server.requests()[0].contains("\"t0ken.one\""));
        assert!(server.requests()[1].contains("\"t0ken.two\""));
    }

    #[tokio::test]
    async fn without_its_variables_there_is_no_source() {
        let environment = variables(&[(SESSION_NAME, "x"), (STS_ENDPOINT, "https://x")]);
        let answer = look(&environment, &Connector::default()).await;
        assert!(matches!(answer, Ok(Presence::Absent(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_missing_variable_is_an_error_that_names_it() {
        for (missing, expected) in [
            (PROVIDER_URN, PROVIDER_URN),
            (AGENCY_URN, AGENCY_URN),
            (ID_TOKEN, "HUAWEICLOUD_OIDC_ID_TOKEN or _TOKEN_FILE"),
        ] {
            let mut environment = variables(&WHOLE);
            environment.remove(missing);
            let error = look(&environment, &Connector::default()).await.unwrap_err();
            assert!(
                error.to_string().contains(&format!("{expected} isn't")),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn values_that_make_no_sense_are_named() {
        for (name, value) in [
            (STS_ENDPOINT, "sts.example.com"),
            (DURATION_SECONDS, "1h"),
            (PROJECT_ID, "a/b"),
        ] {
            let error = look_with(&[(name, value)]).await.unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[tokio::test]
    async fn a_token_file_that_is_not_there_is_named() {
        let mut environment = variables(&WHOLE);
        environment.remove(ID_TOKEN);
        environment.insert(TOKEN_FILE.to_owned(), "/nowhere/token".to_owned());
        let error = look(&environment, &Connector::default()).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_service_s_words_without_the_token() {
        let body = r#"{"error_code": "STS.0012", "error_msg": "token t0ken.of.ci expired"}"#;
        let server = Server::start(move |_| (403, body.to_owned())).await;
        let error = look_with(&[(STS_ENDPOINT, server.url().as_str())])
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("HTTP 403: STS.0012 token *** expired"),
            "{message}"
        );
        assert!(!error.is_transient());
    }

    #[tokio::test]
    async fn a_service_that_cannot_be_reached_may_be_reached_later() {
        let nobody = Server::nobody().await;
        let error = look_with(&[(STS_ENDPOINT, nobody.as_str())])
            .await
            .unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(!error.to_string().contains("t0ken"), "{error}");
    }
}
