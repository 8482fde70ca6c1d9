//! Deliveries: list, show, replay.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::problem::{Problem, json};
use super::serve::whole;
use super::shapes::{
    AttemptShape, DeliveryDetail, DeliveryPage, DeliveryShape, DeliveryStateShape, ErrorShape,
};
use super::{App, ask};
use crate::model::DeliveryId;
use crate::store::{DeliveryFilter, Page};

/// A page of deliveries, the newest first.
#[utoipa::path(
    get, path = "/v1/deliveries", operation_id = "list_deliveries", tag = "deliveries",
    params(
        ("state" = Option<DeliveryStateShape>, Query, description = "Only those that stand so."),
        ("hook" = Option<String>, Query, description = "Only those of this hook.",
            pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64),
        ("watch_id" = Option<String>, Query, description = "Only those for this watch.",
            format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many at most; 100 unless given. A page \
            ends earlier where it would have more than a megabyte.",
            minimum = 1, maximum = 1000),
        ("before" = Option<String>, Query, description = "Only those before this one: the `next` \
            of the page before.", format = "uuid"),
    ),
    responses(
        (status = OK, description = "the page", body = DeliveryPage),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let names = ["state", "hook", "watch_id", "limit", "before"];
    let asked = ask::Asked::of(&uri, &names)?;
    let states = ["pending", "delivered", "dead"].map(|state| (state, state));
    let filter = DeliveryFilter {
        state: asked.one_of("state", &states)?,
        hook: asked.parsed("hook")?,
        watch_id: asked.parsed("watch_id")?,
        without_bodies: true,
    };
    let Page { before, limit } = asked.page::<DeliveryId>()?;
    // One more than asked tells whether there is a next page.
    let page = Page {
        before,
        limit: limit + 1,
    };
    let found = app.engine.store().deliveries(&filter, page).await?;
    let (deliveries, next) = ask::page_of(
        &found,
        limit,
        |one| one.into(),
        |one: &DeliveryShape| &one.id,
    );
    Ok(json(StatusCode::OK, &DeliveryPage { deliveries, next }))
}

/// A delivery with its attempts and what it carries.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", operation_id = "show_delivery", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's ID.", format = "uuid")),
    responses(
        (status = OK, description = "the delivery", body = DeliveryDetail),
        (status = BAD_REQUEST, description = "`invalid_id`, `invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_delivery`", body = ErrorShape),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let id: DeliveryId = ask::id(id)?;
    let found = app.engine.store().delivery(id).await?;
    let (delivery, attempts) = found.ok_or_else(|| unknown(id))?;
    let mut attempts = ask::within_page(attempts.iter().rev().map(AttemptShape::from));
    attempts.reverse();
    let detail = DeliveryDetail {
        delivery: (&delivery).into(),
        attempts,
        body: delivery.body.to_string(),
    };
    Ok(json(StatusCode::OK, &detail))
}

/// Carries a delivery out again, whether it arrived or was given up, under the same ID.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/replay", operation_id = "replay_delivery",
    tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's ID.", format = "uuid")),
    responses(
        (status = ACCEPTED, description = "it is carried out again", body = DeliveryShape),
        (status = BAD_REQUEST, description = "`invalid_id`, `invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_delivery`", body = ErrorShape),
    )
)]
pub(super) async fn replay(
    State(app): State<App>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let id: DeliveryId = ask::id(id)?;
    let engine = app.engine.clone();
    if !whole(async move { engine.replay(id).await }).await?? {
        return Err(unknown(id));
    }
    let found = app.engine.store().delivery(id).await?;
    let (delivery, _) = found.ok_or_else(|| unknown(id))?;
    Ok(json(StatusCode::ACCEPTED, &DeliveryShape::from(&delivery)))
}

fn unknown(id: DeliveryId) -> Problem {
    Problem::unknown(
        "unknown_delivery",
        format!("there is no delivery {id}; its watch may have been forgotten"),
    )
}
