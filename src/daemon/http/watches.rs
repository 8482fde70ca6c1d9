//! Watches: add, list, show, cancel, poll now.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::problem::{Problem, json};
use super::serve::whole;
use super::shapes::{
    AcceptedBatch, AcceptedOne, AcceptedShape, AnswersShape, DeliveryShape, ErrorShape, HoldShape,
    NewWatch, NewWatches, OutcomeShape, WatchDetail, WatchPage, WatchShape, WatchStateShape,
};
use super::{App, ask, orders};
use crate::engine::Heard;
use crate::model::{Estimate, Outcome, WatchId, WatchRecord};
use crate::store::{DeliveryFilter, Page, WatchFilter};

/// Where batches are added.
pub(super) const BATCH: &str = "/v1/watches/batch";

/// How many deliveries a watch is shown with at most.
const SHOWN: u32 = 1000;

/// Waits for a job. It is durable when this is answered. Adding it again joins the watch that goes
/// on, or that ended as the job itself did; hooks that it doesn't have are added.
#[utoipa::path(
    post, path = "/v1/watches", operation_id = "add_watch", tag = "watches",
    request_body = NewWatch,
    responses(
        (status = CREATED, description = "a new watch", body = AcceptedShape,
            headers(("Location" = String, description = "Where the watch is."))),
        (status = OK, description = "the watch that there was", body = AcceptedShape),
        (status = BAD_REQUEST, description = "`invalid_body`, `invalid_job_id`, `invalid_timeout`, \
            `invalid_query`", body = ErrorShape),
        (status = UNSUPPORTED_MEDIA_TYPE, description = "`no_json`", body = ErrorShape),
        (status = UNPROCESSABLE_ENTITY, description = "`unknown_project`, `project_needed`, \
            `unknown_hook`", body = ErrorShape),
    )
)]
pub(super) async fn add(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    ask::Asked::of(&head.uri, &[])?;
    let order = orders::order(&head, body).await?;
    let engine = app.engine.clone();
    let accepted = whole(async move { engine.accept(order).await }).await??;
    let status = if accepted.joined {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let watch = shape(&app, &accepted.record);
    let location = HeaderValue::try_from(format!("/v1/watches/{}", watch.id));
    let joined = accepted.joined;
    let mut response = json(status, &AcceptedShape { joined, watch });
    if let (false, Ok(location)) = (joined, location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Waits for many jobs. All of the watches are durable when this is answered, or none is: one that
/// can't be accepted refuses them all, and the message says which, counted from 0. Each is added or
/// joined as it is alone, and one that is named twice joins itself.
#[utoipa::path(
    post, path = "/v1/watches/batch", operation_id = "add_watches", tag = "watches",
    request_body = NewWatches,
    responses(
        (status = OK, description = "the watches", body = AcceptedBatch),
        (status = BAD_REQUEST, description = "`invalid_body`, `invalid_job_id`, `invalid_timeout`, \
            `invalid_query`", body = ErrorShape),
        (status = UNSUPPORTED_MEDIA_TYPE, description = "`no_json`", body = ErrorShape),
        (status = UNPROCESSABLE_ENTITY, description = "`unknown_project`, `project_needed`, \
            `unknown_hook`", body = ErrorShape),
    )
)]
pub(super) async fn add_all(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    ask::Asked::of(&head.uri, &[])?;
    // It is never closed.
    let turn = Arc::clone(&app.batches).acquire_owned().await.ok();
    let orders = orders::orders(&head, body).await?;
    let engine = app.engine.clone();
    let accepted = whole(async move {
        let accepted = engine.accept_all(orders).await;
        drop(turn);
        accepted
    });
    let watches = accepted.await??.iter().map(AcceptedOne::from).collect();
    Ok(json(StatusCode::OK, &AcceptedBatch { watches }))
}

/// A page of watches, the newest first.
#[utoipa::path(
    get, path = "/v1/watches", operation_id = "list_watches", tag = "watches",
    params(
        ("state" = Option<WatchStateShape>, Query, description = "Only those that go on, or only \
            those that have ended."),
        ("outcome" = Option<OutcomeShape>, Query, description = "Only those that ended so."),
        ("project" = Option<String>, Query, description = "Only those of this project.",
            pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64),
        ("job_id" = Option<String>, Query, description = "Only those for this job.",
            pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64),
        ("limit" = Option<u32>, Query, description = "How many at most; 100 unless given. A page \
            ends earlier where it would have more than a megabyte.",
            minimum = 1, maximum = 1000),
        ("before" = Option<String>, Query, description = "Only those before this one: the `next` \
            of the page before.", format = "uuid"),
    ),
    responses(
        (status = OK, description = "the page", body = WatchPage),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let names = ["state", "outcome", "project", "job_id", "limit", "before"];
    let asked = ask::Asked::of(&uri, &names)?;
    let outcomes = Outcome::ALL.map(|outcome| (outcome.as_str(), outcome));
    let filter = WatchFilter {
        ended: asked.one_of("state", &[("active", false), ("ended", true)])?,
        outcome: asked.one_of("outcome", &outcomes)?,
        project: asked.parsed("project")?,
        job_id: asked.parsed("job_id")?,
    };
    let Page { before, limit } = asked.page::<WatchId>()?;
    // One more than asked tells whether there is a next page.
    let page = Page {
        before,
        limit: limit + 1,
    };
    let records = app.engine.store().watches(&filter, page).await?;
    let (watches, next) = ask::page_of(
        &records,
        limit,
        |one| shape(&app, one),
        |one: &WatchShape| &one.id,
    );
    Ok(json(StatusCode::OK, &WatchPage { watches, next }))
}

/// A watch with its history and its deliveries.
#[utoipa::path(
    get, path = "/v1/watches/{id}", operation_id = "show_watch", tag = "watches",
    params(("id" = String, Path, description = "The watch's ID.", format = "uuid")),
    responses(
        (status = OK, description = "the watch", body = WatchDetail),
        (status = BAD_REQUEST, description = "`invalid_id`, `invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_watch`", body = ErrorShape),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let id: WatchId = ask::id(id)?;
    let store = app.engine.store();
    let (record, mut answers) = store.watch(id).await?.ok_or_else(|| unknown(id))?;
    if record.end.is_none() {
        answers.extend(app.engine.open_answers(id));
    }
    let filter = DeliveryFilter {
        watch_id: Some(id),
        without_bodies: true,
        ..DeliveryFilter::default()
    };
    let page = Page {
        before: None,
        limit: SHOWN,
    };
    let deliveries = store.deliveries(&filter, page).await?;
    let mut answers = ask::within_page(answers.iter().rev().map(AnswersShape::from));
    answers.reverse();
    let detail = WatchDetail {
        watch: shape(&app, &record),
        answers,
        deliveries: ask::within_page(deliveries.iter().map(DeliveryShape::from)),
    };
    Ok(json(StatusCode::OK, &detail))
}

/// Calls a watch off. The job itself goes on.
#[utoipa::path(
    post, path = "/v1/watches/{id}/cancel", operation_id = "cancel_watch", tag = "watches",
    params(("id" = String, Path, description = "The watch's ID.", format = "uuid")),
    responses(
        (status = ACCEPTED, description = "it ends as cancelled, unless it ended otherwise in that \
            moment", body = WatchShape),
        (status = BAD_REQUEST, description = "`invalid_id`, `invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_watch`", body = ErrorShape),
        (status = CONFLICT, description = "`already_ended`", body = ErrorShape),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let id = ask::id(id)?;
    let engine = app.engine.clone();
    let heard = whole(async move { engine.cancel(id).await }).await??;
    answer(&app, id, heard).await
}

/// Asks the service for a watch's job now, or as soon as the configured limits allow. A pause that the
/// service asked for, and a limit that it named, are over; a refused credential is tried again, though
/// not more often than every 2.5 minutes, as refusals lock the key. `held_by` says what still holds it
/// back.
#[utoipa::path(
    post, path = "/v1/watches/{id}/poll", operation_id = "poll_watch", tag = "watches",
    params(("id" = String, Path, description = "The watch's ID.", format = "uuid")),
    responses(
        (status = ACCEPTED, description = "it is asked", body = WatchShape),
        (status = BAD_REQUEST, description = "`invalid_id`, `invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_watch`", body = ErrorShape),
        (status = CONFLICT, description = "`already_ended`", body = ErrorShape),
    )
)]
pub(super) async fn poll(
    State(app): State<App>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let id = ask::id(id)?;
    let engine = app.engine.clone();
    let heard = whole(async move { engine.poll_now(id).await }).await??;
    answer(&app, id, heard).await
}

async fn answer(app: &App, id: WatchId, heard: Heard) -> Result<Response, Problem> {
    let record = match heard {
        Heard::Unknown => None,
        Heard::Yes | Heard::Ended => app.engine.store().watch(id).await?,
    };
    let (record, _) = record.ok_or_else(|| unknown(id))?;
    match &record.end {
        Some(end) if heard == Heard::Ended => Err(Problem::new(
            StatusCode::CONFLICT,
            "already_ended",
            format!("the watch has ended already: {}", end.outcome.as_str()),
        )),
        _ => Ok(json(StatusCode::ACCEPTED, &shape(app, &record))),
    }
}

/// The watch as it is shown now.
pub(super) fn shape(app: &App, record: &WatchRecord) -> WatchShape {
    let hold = record.end.is_none().then(|| {
        let hold = app.engine.hold(&record.watch.project)?;
        Some(HoldShape::new(&hold, app.clock.now()))
    });
    WatchShape {
        held_by: hold.flatten(),
        ..WatchShape::new(record, estimate(app, record))
    }
}

/// What is to be expected of the job of a watch that goes on.
fn estimate(app: &App, record: &WatchRecord) -> Option<Estimate> {
    let job = record.progress.job.as_deref();
    let job = job.filter(|_| record.end.is_none())?;
    let now = app.clock.now();
    let waited = now.duration_since(record.watch.accepted_at);
    let project = &record.watch.project;
    app.engine
        .estimate(project, job, now, waited.unwrap_or_default())
}

/// There is no such watch.
pub(super) fn unknown(id: WatchId) -> Problem {
    Problem::unknown(
        "unknown_watch",
        format!("there is no watch {id}; it may have ended and been forgotten"),
    )
}
