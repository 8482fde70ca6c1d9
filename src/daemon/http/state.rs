//! How the daemon is: for service managers, load balancers and Prometheus.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use tokio::time::timeout;

use super::problem::{Problem, json};
use super::shapes::{AliveShape, ErrorShape, HealthShape};
use super::{App, ask};
use crate::daemon::care::COUNT_TIMEOUT;
use crate::daemon::metrics::Seen;

/// What Prometheus takes the text for.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process serves. The one thing that is answered over TCP without a token.
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "state", security(()),
    responses(
        (status = OK, description = "it serves", body = AliveShape),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn healthz(uri: Uri) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(json(StatusCode::OK, &AliveShape { version }))
}

/// Whether the daemon accepts watches and keeps them: all of the last run are taken up, the store
/// can be written, the lease goes on where it is shared, it is not stopping, and the credential and
/// the ID of every project are known. Watches are accepted for a project that isn't ready, too.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "state",
    responses(
        (status = OK, description = "it is ready", body = HealthShape),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
        (status = SERVICE_UNAVAILABLE, description = "it is not, for these reasons",
            body = HealthShape),
    )
)]
pub(super) async fn readyz(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let shape = HealthShape::new(
        &app.engine.health(),
        app.draining.is_cancelled(),
        app.clock.now(),
    );
    let status = if shape.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(json(status, &shape))
}

/// What is measured, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "state",
    responses(
        (status = OK, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text"),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn metrics(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    // A store that can't be read is what metrics are needed for: all else is shown without it.
    let counts = match timeout(COUNT_TIMEOUT, app.engine.store().counts()).await {
        Ok(Ok(counts)) => Some(counts),
        Ok(Err(error)) => {
            tracing::warn!(%error, "metrics lack what is counted in the store, which can't be asked");
            None
        }
        Err(_) => {
            tracing::warn!("metrics lack what is counted in the store, which doesn't answer");
            None
        }
    };
    let text = app.metrics.render(&Seen {
        health: app.engine.health(),
        counts,
        connections: app.connections(),
        now: app.clock.now(),
    });
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "state",
    responses(
        (status = OK, description = "an OpenAPI document", body = serde_json::Value,
            content_type = "application/json"),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn openapi(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, app.description.to_string()).into_response())
}
