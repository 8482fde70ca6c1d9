//! Types of jobs: list.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::problem::{Problem, json};
use super::shapes::{ErrorShape, JobTypeShape, JobTypesShape};
use super::{App, ask};
use crate::model::ProjectName;

/// How long jobs of each type took that have ended, by project and type.
#[utoipa::path(
    get, path = "/v1/job-types", operation_id = "list_job_types", tag = "job types",
    params(
        ("project" = Option<String>, Query, description = "Only those of this project.",
            pattern = "^[A-Za-z0-9_-]+$", min_length = 1, max_length = 64),
    ),
    responses(
        (status = OK, description = "the types", body = JobTypesShape),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let asked = ask::Asked::of(&uri, &["project"])?;
    let only: Option<ProjectName> = asked.parsed("project")?;
    let known = app.engine.known_types();
    let job_types = known
        .iter()
        .filter(|(project, ..)| only.as_ref().is_none_or(|only| only == project))
        .filter_map(|(project, job_type, durations)| {
            JobTypeShape::new(project.as_str(), job_type, durations)
        })
        .collect();
    Ok(json(StatusCode::OK, &JobTypesShape { job_types }))
}
