//! Health, readiness, metrics, the description.

use serde_json::json;

use super::harness::Served;

#[tokio::test]
async fn a_daemon_is_ready_once_it_has_restored_and_until_it_drains() {
    let served = Served::new().await;
    let reasons = async || {
        let reply = served.get("/readyz").await;
        let json = reply.json();
        assert_eq!(json["ready"], reply.status == 200, "{json}");
        assert_eq!(json["projects"][0]["name"], "main");
        json["reasons"].to_string()
    };
    assert!(reasons().await.contains("taken up"));
    served.engine.restore().await.unwrap();
    assert_eq!(reasons().await, "[]");
    served.draining.cancel();
    assert!(reasons().await.contains("stopping"));
    assert_eq!(served.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_full_disk_is_said_where_a_watch_is_added_and_where_readiness_is_asked() {
    let served = Served::new().await;
    served.engine.restore().await.unwrap();
    served.store.fill_up();
    let reply = served.post("/v1/watches", r#"{"job_id": "a1"}"#).await;
    let message = reply.error(503, "store_unavailable");
    assert!(message.contains("no space left"), "{message}");
    assert_eq!(reply.header("retry-after"), Some("5"));
    let ready = served.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("no space left"), "{ready:?}");
    served.store.recover();
    assert_eq!(
        served
            .post("/v1/watches", r#"{"job_id": "a1"}"#)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_said_with_the_reason_and_what_to_do() {
    let served = Served::new().await;
    served.store.go_away();
    let reply = served.get("/v1/cluster").await;
    let message = reply.error(503, "store_unavailable");
    assert_eq!(
        message,
        "this daemon can't reach its database at the moment: Connection refused; it goes on polling \
         what it holds until its lease ends; try again"
    );
    assert_eq!(served.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn metrics_count_what_has_happened() {
    let served = Served::new().await;
    served.ended("a1").await;
    let reply = served.get("/metrics").await;
    let content_type = reply.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    for line in [
        "dcs_wait_stored_watches{state=\"ended\"} 1\n",
        "dcs_wait_delivery_attempts_total{hook=\"ci\",result=\"delivered\"} 1\n",
        "dcs_wait_http_connections 1.0\n",
    ] {
        assert!(reply.body.contains(line), "{line}\n{}", reply.body);
    }
    assert!(reply.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_daemon_with_a_store_of_its_own_is_the_only_one_and_holds_everything() {
    let served = Served::new().await;
    served.add("a1").await;
    let cluster = served.get("/v1/cluster").await.json();
    assert_eq!(cluster["shared"], false, "{cluster}");
    assert_eq!(cluster["lease_ms"], json!(null), "{cluster}");
    assert_eq!(cluster["orphans"], json!({"watches": 0, "deliveries": 0}));
    let [this] = cluster["instances"].as_array().unwrap().as_slice() else {
        panic!("{cluster}");
    };
    for (member, value) in [
        ("this", json!(true)),
        ("state", json!("alive")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("watches", json!(1)),
        ("watches_share", json!(1.0)),
        ("deliveries", json!(0)),
        ("renewed_ms_ago", json!(0)),
    ] {
        assert_eq!(this[member], value, "{member} in {this}");
    }
    let refused = served.get("/v1/cluster?name=x").await;
    refused.error(400, "invalid_query");
}

#[tokio::test]
async fn the_description_has_every_path_and_every_error() {
    let served = Served::new().await;
    let description = served.get("/openapi.json").await.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = description["paths"].as_object().unwrap();
    let names: Vec<&str> = paths.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "/healthz",
            "/metrics",
            "/openapi.json",
            "/readyz",
            "/v1/cluster",
            "/v1/deliveries",
            "/v1/deliveries/{id}",
            "/v1/deliveries/{id}/replay",
            "/v1/events",
            "/v1/job-types",
            "/v1/watches",
            "/v1/watches/batch",
            "/v1/watches/{id}",
            "/v1/watches/{id}/cancel",
            "/v1/watches/{id}/poll",
        ]
    );
    for (path, operations) in paths {
        for operation in operations.as_object().unwrap().values() {
            assert!(operation["summary"].is_string(), "{path}");
            for status in ["400", "401", "403", "408", "413", "500", "503"] {
                let response = &operation["responses"][status];
                let is_open = (path.as_str(), status) == ("/healthz", "401");
                assert_ne!(response["content"].is_object(), is_open, "{path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_and_ends_nothing() {
    let served = Served::new().await;
    served.store.break_down();
    served.get("/v1/watches").await.error(500, "internal");
    served.store.recover();
    assert_eq!(served.get("/v1/watches").await.status, 200);
}
