//! The metadata service of a cloud server, which gives out temporary keys of the server's agency.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use tokio::net::TcpStream;

use super::{Presence, temporary};
use crate::auth::error::{AuthError, Service};
use crate::auth::found::{Found, Source};
use crate::decode;
use crate::http::{Client, Connector, Reply, Route, Trouble, is_transient_status};
use crate::sanitize::ForeignText;

/// Where every cloud server finds the service.
pub(in crate::auth) const DEFAULT_BASE: &str = "http://169.254.169.254";

const TOKEN_PATH: &str = "/meta-data/latest/api/token";
const KEY_PATH: &str = "/openstack/latest/securitykey";
const X_METADATA_TOKEN: HeaderName = HeaderName::from_static("x-metadata-token");
const X_METADATA_TOKEN_TTL_SECONDS: HeaderName =
    HeaderName::from_static("x-metadata-token-ttl-seconds");
const NO_AGENCY: &str = "Please configure Cloud Service Agency first";

/// On a cloud server the connection takes under a millisecond; elsewhere nobody may ever answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Looks for keys. Where something listens that gives no answer, it may be a metadata service in
/// trouble, or none at all: `has_next` says whether another source is set up, which decides that.
pub(in crate::auth) async fn look(
    base: &Url,
    connector: &Connector,
    has_next: bool,
) -> Result<Presence, AuthError> {
    if let Some(why) = silence(base).await {
        return Ok(Presence::Absent(why));
    }
    let client = connector.client(base, Route::Direct)?;
    let no_answer = |trouble| AuthError::NoAnswer {
        service: Service::Metadata,
        trouble,
    };
    let token = match ask_for_token(&client, base).await {
        Ok(token) => token,
        Err(trouble) if has_next => {
            return Ok(Presence::Absent(format!("{base}: {trouble}").into()));
        }
        Err(trouble) => return Err(no_answer(trouble)),
    };
    let reply = ask_for_keys(&client, base, token)
        .await
        .map_err(no_answer)?;
    match reply.status {
        200 => {
            let (credential, expires_at) = temporary::parse(&reply.body, Service::Metadata)?;
            let found = Found {
                expires_at: Some(expires_at),
                ..Found::new(credential, Source::Metadata)
            };
            Ok(found.into())
        }
        401 if decode::text(&reply.body).contains(NO_AGENCY) => {
            Ok(Presence::Absent("this server has no agency".into()))
        }
        // So answer the metadata services of other clouds, where many pipelines run.
        status @ 300..500 if !is_transient_status(status) => Ok(Presence::Absent(
            format!("{base} answers HTTP {status}: no server of this cloud").into(),
        )),
        _ => Err(temporary::refusal(&reply, Service::Metadata, None)),
    }
}

/// Why nobody can be asked at `base`, if so.
async fn silence(base: &Url) -> Option<ForeignText> {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = base.port_or_known_default().unwrap_or(80);
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(format!("{base}: {error}").into()),
        Err(_) => Some(format!("{base}: no connection within a second").into()),
    }
}

/// The token that newer servers want; older ones know of none, and go without.
async fn ask_for_token(client: &Client, base: &Url) -> Result<Option<HeaderValue>, Trouble> {
    let mut request = Request::new(Method::PUT, at(base, TOKEN_PATH));
    request.headers_mut().insert(
        X_METADATA_TOKEN_TTL_SECONDS,
        HeaderValue::from_static("21600"),
    );
    let reply = client.send(request, ANSWER_LIMIT).await?;
    let token = HeaderValue::from_bytes(reply.body.trim_ascii()).ok();
    Ok(token.filter(|token| reply.status == 200 && !token.is_empty()))
}

async fn ask_for_keys(
    client: &Client,
    base: &Url,
    token: Option<HeaderValue>,
) -> Result<Reply, Trouble> {
    let mut request = Request::new(Method::GET, at(base, KEY_PATH));
    if let Some(mut token) = token {
        token.set_sensitive(true);
        request.headers_mut().insert(X_METADATA_TOKEN, token);
    }
    client.send(request, ANSWER_LIMIT).await
}

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Server, key_pair, keys, present};

    async fn look_at(server: &Server) -> Result<Presence, AuthError> {
        look(server.url(), &Connector::default(), false).await
    }

    #[tokio::test]
    async fn the_keys_are_asked_for_with_a_token() {
        let server = Server::start(|request| match request {
            r if r.starts_with("PUT /meta-data/latest/api/token ") => (200, "t0ken".to_owned()),
            r if r.starts_with("GET /openstack/latest/securitykey ") => (200, keys("1")),
            _ => (400, String::new()),
        })
        .await;
        let found = present(look_at(&server).await);
        assert_eq!(
            key_pair(&found),
            ("AKOFSERVICE1", "s3cret", Some("t0ken1".to_owned()))
        );
        assert_eq!(found.source, Source::Metadata);
        assert!(found.expires_at.is_some());
        let requests = server.requests();
        assert!(requests[0].contains("x-metadata-token-ttl-seconds: 21600"));
        assert!(requests[1].contains("x-metadata-token: t0ken"));
    }

    #[tokio::test]
    async fn servers_without_tokens_are_asked_without_one() {
        for status in [404, 405, 503] {
            let server = Server::start(move |request| {
                if request.starts_with("PUT") {
                    (status, "not a token".to_owned())
                } else {
                    (200, keys("1"))
                }
            })
            .await;
            present(look_at(&server).await);
            assert!(!server.requests()[1].contains("x-metadata-token"));
        }
    }

    async fn answering(status: u16, body: &'static str) -> Result<Presence, AuthError> {
        let server = Server::start(move |request| {
            if request.starts_with("PUT") {
                (404, String::new())
            } else {
                (status, body.to_owned())
            }
        })
        .await;
        look_at(&server).await
    }

    #[tokio::test]
    async fn a_server_without_agency_is_no_source() {
        let body = "{\"error\": \"Please configure Cloud Service Agency first.\"}";
        match answering(401, body).await {
            Ok(Presence::Absent(why)) => assert!(why.raw().contains("no agency"), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_metadata_services_of_other_clouds_are_no_source() {
        for status in [302, 400, 401, 403, 404] {
            let answer = answering(status, "<html>").await;
            assert!(matches!(answer, Ok(Presence::Absent(_))), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_service_that_fails_is_broken_and_not_skipped() {
        let error = answering(500, "{\"error_msg\": \"busy\"}")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("HTTP 500: busy"), "{error}");
        assert!(error.is_transient());

        for body in ["", "{}", "<html>", "{\"credential\": {\"acc"] {
            let error = answering(200, body).await.unwrap_err();
            assert!(matches!(error, AuthError::Unreadable { .. }), "{error}");
            assert!(error.is_transient(), "{error}");
        }
        for status in [202, 204, 408, 421, 425, 429, 502] {
            let error = answering(status, "").await.unwrap_err();
            assert!(error.is_transient(), "{error}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_there_is_no_source() {
        let base = Server::nobody().await;
        let answer = look(&base, &Connector::default(), false).await;
        assert!(matches!(answer, Ok(Presence::Absent(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_service_that_ends_connections_is_in_trouble_unless_another_source_is_set_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base: Url = format!("http://{address}/").parse().unwrap();
        tokio::spawn(async move {
            loop {
                drop(listener.accept().await.unwrap());
            }
        });
        let error = look(&base, &Connector::default(), false).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let answer = look(&base, &Connector::default(), true).await;
        assert!(matches!(answer, Ok(Presence::Absent(_))), "{answer:?}");
    }
}
