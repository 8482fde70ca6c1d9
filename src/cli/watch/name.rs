//! Which watch is meant: one is named by its own ID, or by its job's.

use crate::cli::control::{ControlError, Daemon};
use crate::cli::error::CliError;
use crate::daemon::http::shapes::{WatchDetail, WatchPage, WatchShape};
use crate::model::{Exit, JobId, ProjectName, WatchId};

/// How many watches of one job are looked at. That many projects have no job in common.
const LOOKED_AT: usize = 100;

/// The watch of this ID or, where there is none, the newest one for the job of this ID.
pub(in crate::cli) async fn find(
    daemon: &Daemon,
    text: &str,
    project: Option<&ProjectName>,
) -> Result<WatchShape, CliError> {
    if let Ok(id) = text.parse::<WatchId>() {
        match daemon
            .get::<WatchDetail>(&format!("v1/watches/{id}"), &[])
            .await
        {
            Ok(detail) => return Ok(detail.watch),
            // A job's ID may look the same.
            Err(ControlError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let job_id: JobId = text.parse().map_err(|why| {
        let shown: String = text.chars().take(80).collect();
        CliError::usage(format!(
            "{shown:?} is the ID of no watch and of no job: {why}; see what there is with: dcs-wait watch list"
        ))
    })?;
    let mut filter = vec![("job_id", job_id.to_string())];
    filter.extend(project.map(|project| ("project", project.to_string())));
    let mut watches: Vec<WatchShape> = Vec::new();
    let mut before = None;
    loop {
        let mut query = filter.clone();
        let limit = LOOKED_AT.saturating_sub(watches.len());
        query.push(("limit", limit.to_string()));
        query.extend(before.map(|before| ("before", before)));
        let page: WatchPage = daemon.get("v1/watches", &query).await?;
        watches.extend(page.watches);
        before = page.next;
        // A page may end before its limit.
        if before.is_none() || watches.len() >= LOOKED_AT {
            return newest(&job_id, watches);
        }
    }
}

/// The first of these, which are the newest first, unless they are of several projects.
fn newest(job_id: &JobId, watches: Vec<WatchShape>) -> Result<WatchShape, CliError> {
    let mut projects: Vec<&str> = watches.iter().map(|watch| watch.project.as_str()).collect();
    projects.sort_unstable();
    projects.dedup();
    if projects.len() > 1 {
        return Err(CliError::usage(format!(
            "{job_id} is watched in several projects; name one with --project: {}",
            projects.join(", ")
        )));
    }
    watches.into_iter().next().ok_or_else(|| {
        CliError::new(
            Exit::NotFound,
            format!(
                "the daemon has no watch {job_id}, and none for a job of this ID; see what there is with: dcs-wait watch list"
            ),
        )
    })
}
