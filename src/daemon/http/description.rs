//! The API's routes, and the OpenAPI description that is made of them.

use axum::Router;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::ErrorShape;
use super::{App, cluster, deliveries, events, job_types, problem, state, watches};

/// What every operation may answer.
const COMMON: [(&str, &str); 6] = [
    ("401", "`unauthorized`: over TCP, without the token"),
    (
        "403",
        "`foreign_origin`: over TCP, from another site's page",
    ),
    (
        "408",
        "`too_slow`: it didn't come in, or wasn't answered, in time",
    ),
    (
        "413",
        "`body_too_large`: more than 64 KiB, or 4 MiB of a batch",
    ),
    (
        "500",
        "`internal`: a fault of the daemon; its log has the rest",
    ),
    (
        "503",
        "`store_unavailable`, `stopping`, `too_many_streams`: try again after `Retry-After` seconds",
    ),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "dcs-wait",
        description = "The control API of the daemon that waits for Huawei Cloud DCS jobs.\n\n\
            Over the Unix socket, whoever may open it may ask. Over TCP a bearer token is needed. \
            Times are RFC 3339, UTC, with milliseconds; durations are whole milliseconds. Unknown \
            parameters and members are refused."
    ),
    components(schemas(ErrorShape)),
    security(("token" = [])),
    modifiers(&Common),
    tags(
        (name = "watches", description = "Jobs that are waited for."),
        (name = "deliveries", description = "What hooks owe for watches that have ended."),
        (name = "job types", description = "How long jobs took that have ended."),
        (name = "events", description = "What happens, as it happens."),
        (name = "state", description = "How the daemon is."),
    )
)]
struct Description;

struct Common;

impl Modify for Common {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", token);
    }
}

/// The routes, and their description in JSON.
pub(super) fn routes() -> (Router<App>, String) {
    let (router, mut openapi) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(watches::add, watches::list))
        .routes(routes!(watches::add_all))
        .routes(routes!(watches::show))
        .routes(routes!(watches::cancel))
        .routes(routes!(watches::poll))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::replay))
        .routes(routes!(job_types::list))
        .routes(routes!(cluster::show))
        .routes(routes!(events::follow))
        .routes(routes!(state::healthz))
        .routes(routes!(state::readyz))
        .routes(routes!(state::metrics))
        .routes(routes!(state::openapi))
        .split_for_parts();
    for item in openapi.paths.paths.values_mut() {
        operations(item).for_each(add_common);
    }
    (router, problem::text(&openapi))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [item.get.as_mut(), item.post.as_mut()]
        .into_iter()
        .flatten()
}

fn add_common(operation: &mut Operation) {
    // What is open to everybody says so.
    let is_open = operation.security.is_some();
    let responses = &mut operation.responses.responses;
    for (status, description) in COMMON {
        if is_open && status == "401" {
            continue;
        }
        let schema = Ref::from_schema_name("ErrorShape");
        let response = ResponseBuilder::new()
            .description(description)
            .content(
                "application/json",
                Content::new(Some(RefOr::<utoipa::openapi::Schema>::Ref(schema))),
            )
            .build();
        responses
            .entry(status.to_owned())
            .or_insert(RefOr::T(response));
    }
}
