//! TCP, and the token that it asks for.

use dcs_wait::daemon::http::Listeners;
use dcs_wait::secret::Secret;

use super::client::{Reply, send};
use super::harness::{JSON, Served, TOKEN};

async fn ask(served: &Served, path: &str, headers: &[(&str, &str)]) -> Reply {
    send(served.connect_tcp().await, "GET", path, headers, "").await
}

#[tokio::test]
async fn over_tcp_everything_but_health_needs_the_token() {
    let served = Served::new().await;
    let authorization = format!("Bearer {TOKEN}");
    let good = ("authorization", authorization.as_str());
    for path in [
        "/v1/watches",
        "/metrics",
        "/openapi.json",
        "/v1/events",
        "/nowhere",
    ] {
        for headers in [&[][..], &[("authorization", "Bearer a-token-of-the-testS")]] {
            let reply = ask(&served, path, headers).await;
            reply.error(401, "unauthorized");
            assert_eq!(
                reply.header("www-authenticate"),
                Some("Bearer realm=\"dcs-wait\"")
            );
            assert!(!reply.body.contains(TOKEN));
        }
    }
    assert_eq!(ask(&served, "/v1/watches", &[good]).await.status, 200);
    assert_eq!(ask(&served, "/healthz", &[]).await.status, 200);
    let body = r#"{"job_id": "a1"}"#;
    let socket = served.connect_tcp().await;
    assert_eq!(
        send(socket, "POST", "/v1/watches", &[JSON, good], body)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_browser_on_another_site_is_refused_and_gets_no_permission() {
    let served = Served::new().await;
    let authorization = format!("Bearer {TOKEN}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("origin", "https://evil.example"),
    ];
    let reply = ask(&served, "/v1/watches", &headers).await;
    reply.error(403, "foreign_origin");
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_weak_token_is_refused_before_anything_listens() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("control.sock");
    let tcp = (([127, 0, 0, 1], 0).into(), Secret::from("too-short"));
    let error = Listeners::bind(socket.clone(), Some(tcp))
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("fewer than 16 characters"), "{message}");
    assert!(!message.contains("too-short") && !socket.exists());
}
