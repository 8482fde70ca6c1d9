//! What the daemon tells, as the events that the reporters render.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::daemon::http::shapes::{
    About, EventShape, FaultShape, ResultShape, WatchShape, WatchStateShape,
};
use crate::model::{
    Estimate, Fault, Job, JobId, JobStatus, JobType, WatchEvent, WatchEventKind, WatchReport,
};

/// An event of a watch, and that watch's ID. Nothing for an event of another kind, or of a job that
/// this version could not name.
pub(super) fn watch_event(shape: EventShape) -> Option<(String, WatchEvent)> {
    let (about, kind) = match shape {
        EventShape::Watch { .. } | EventShape::Delivery { .. } | EventShape::Lagged { .. } => {
            return None;
        }
        EventShape::Started { about } => (about, WatchEventKind::Started),
        EventShape::Polled {
            about,
            status,
            job_type,
            changed,
            next_ms,
            estimate,
        } => {
            let job = Job {
                status: JobStatus::from(status.raw()),
                job_type: job_type.map(JobType::from),
                begin_time: None,
                end_time: None,
                fail_reason: None,
            };
            let next = Duration::from_millis(next_ms);
            let job = Arc::new(job);
            let kind = WatchEventKind::Polled {
                job,
                changed,
                next,
                estimate: estimate.map(Estimate::from),
            };
            (about, kind)
        }
        EventShape::NotYetVisible {
            about,
            next_ms,
            grace_ms,
        } => (
            about,
            WatchEventKind::NotYetVisible {
                next: Duration::from_millis(next_ms),
                grace: Duration::from_millis(grace_ms),
            },
        ),
        EventShape::Trouble {
            about,
            error,
            in_a_row,
            next_ms,
        } => (
            about,
            WatchEventKind::Trouble {
                fault: fault(error),
                in_a_row,
                next: Duration::from_millis(next_ms),
            },
        ),
        EventShape::Throttled {
            about,
            limit,
            next_ms,
        } => (
            about,
            WatchEventKind::Throttled {
                limit: limit.map(|limit| (limit.requests, Duration::from_millis(limit.period_ms))),
                next: Duration::from_millis(next_ms),
            },
        ),
        EventShape::ClockCorrected {
            about,
            off_by_ms,
            ahead,
        } => (
            about,
            WatchEventKind::ClockCorrected {
                off_by: Duration::from_millis(off_by_ms),
                ahead,
            },
        ),
        EventShape::CredentialRefreshed { about } => (about, WatchEventKind::CredentialRefreshed),
        EventShape::Ended { about, result } => {
            let report = of_result(*result)?;
            (about, WatchEventKind::Ended(Box::new(report)))
        }
    };
    let About {
        watch_id,
        job_id,
        waited_ms,
        polls,
        ..
    } = about;
    let event = WatchEvent {
        job_id: job_id.parse().ok()?,
        waited: Duration::from_millis(waited_ms),
        polls,
        kind,
    };
    Some((watch_id, event))
}

fn of_result(result: ResultShape) -> Option<WatchReport> {
    Some(WatchReport {
        job_id: result.job_id.parse().ok()?,
        project_id: result.project_id.and_then(|id| id.parse().ok()),
        outcome: result.outcome.into(),
        job: result.status.map(|status| Job {
            status: JobStatus::from(status.raw()),
            job_type: result.job_type.map(JobType::from),
            begin_time: result.begin_time.as_deref().and_then(time),
            end_time: result.end_time.as_deref().and_then(time),
            fail_reason: result.fail_reason,
        }),
        polls: result.polls,
        waited: Duration::from_millis(result.waited_ms),
        fault: result.error.map(fault),
    })
}

/// The job of a watch, as the service described it last.
pub(super) fn job(watch: &WatchShape) -> Option<Job> {
    Some(Job {
        status: JobStatus::from(watch.status.as_ref()?.raw()),
        job_type: watch.job_type.clone().map(JobType::from),
        begin_time: watch.begin_time.as_deref().and_then(time),
        end_time: watch.end_time.as_deref().and_then(time),
        fail_reason: watch.fail_reason.clone(),
    })
}

/// How a watch ended, where it has.
pub(super) fn report(watch: &WatchShape) -> Option<WatchReport> {
    if watch.state != WatchStateShape::Ended {
        return None;
    }
    let accepted = time(&watch.accepted_at);
    let ended = watch.ended_at.as_deref().and_then(time);
    let waited = ended.zip(accepted);
    let waited = waited.and_then(|(ended, accepted)| ended.duration_since(accepted).ok());
    Some(WatchReport {
        job_id: job_id(watch)?,
        project_id: None,
        outcome: watch.outcome?.into(),
        job: job(watch),
        polls: watch.polls,
        waited: waited.unwrap_or_default(),
        fault: watch.error.clone().map(fault),
    })
}

pub(super) fn job_id(watch: &WatchShape) -> Option<JobId> {
    watch.job_id.parse().ok()
}

pub(super) fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

pub(super) fn fault(shape: FaultShape) -> Fault {
    Fault {
        http_status: shape.http_status,
        code: shape.code,
        message: shape.message,
        request_id: shape.request_id,
    }
}
