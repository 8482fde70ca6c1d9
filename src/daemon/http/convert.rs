//! The model in the shapes that go over the control API.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::shapes::{
    About, AcceptedOne, AnswersShape, AttemptShape, DeliveryShape, DeliveryStateShape,
    EstimateShape, EventShape, FaultShape, HealthShape, HoldReason, HoldShape, JobTypeShape,
    LimitShape, ProjectShape, ResultShape, WatchShape, WatchStateShape,
};
use crate::api::{RateHold, RateLimit};
use crate::clock::SaturatingAdd as _;
use crate::engine::{Accepted, Health, Hold, ProjectHealth, Told};
use crate::forms::{millis, rfc3339};
use crate::model::{
    Answers, Attempt, Delivery, DeliveryState, Durations, Estimate, Fault, Job, JobType,
    WatchEvent, WatchEventKind, WatchRecord, WatchReport,
};
use crate::sanitize::ForeignText;

/// A time of this machine's clock, which is always one that can be written.
pub(super) fn ours(time: SystemTime) -> String {
    rfc3339(time).unwrap_or_default()
}

impl WatchShape {
    /// A watch, with what is to be expected of its job.
    pub(super) fn new(record: &WatchRecord, estimate: Option<Estimate>) -> Self {
        let (watch, job) = (&record.watch, record.progress.job.as_deref());
        let end = record.end.as_ref();
        Self {
            id: watch.id.to_string(),
            project: watch.project.to_string(),
            job_id: watch.job_id.to_string(),
            state: match end {
                None => WatchStateShape::Active,
                Some(_) => WatchStateShape::Ended,
            },
            outcome: end.map(|end| end.outcome.into()),
            status: job.map(|job| job.status.raw().into()),
            job_type: job.and_then(job_type),
            begin_time: job.and_then(|job| rfc3339(job.begin_time?)),
            end_time: job.and_then(|job| rfc3339(job.end_time?)),
            duration_ms: job.and_then(Job::duration).map(millis),
            fail_reason: job.and_then(|job| job.fail_reason.clone()),
            estimate: estimate.map(EstimateShape::from),
            polls: record.progress.polls,
            accepted_at: ours(watch.accepted_at),
            deadline_at: watch.deadline_at.and_then(rfc3339),
            ended_at: end.map(|end| ours(end.at)),
            hooks: watch.hooks.iter().map(ToString::to_string).collect(),
            error: end.and_then(|end| end.fault.as_ref().map(FaultShape::from)),
            held_by: None,
        }
    }
}

impl From<&Accepted> for AcceptedOne {
    fn from(Accepted { record, joined, .. }: &Accepted) -> Self {
        Self {
            id: record.watch.id.to_string(),
            job_id: record.watch.job_id.to_string(),
            joined: *joined,
            outcome: record.end.as_ref().map(|end| end.outcome.into()),
        }
    }
}

impl From<&Fault> for FaultShape {
    fn from(fault: &Fault) -> Self {
        Self {
            http_status: fault.http_status,
            code: fault.code.clone(),
            message: fault.message.clone(),
            request_id: fault.request_id.clone(),
        }
    }
}

impl From<&Answers> for AnswersShape {
    fn from(answers: &Answers) -> Self {
        Self {
            answer: (*answers.answer).into(),
            count: answers.count,
            first_at: ours(answers.first_at),
            last_at: ours(answers.last_at),
        }
    }
}

fn job_type(job: &Job) -> Option<ForeignText> {
    Some(job.job_type.as_ref()?.text().clone())
}

/// How a delivery stands, and when it is tried next.
fn state(state: DeliveryState) -> (DeliveryStateShape, Option<String>) {
    match state {
        DeliveryState::Pending(due) => (DeliveryStateShape::Pending, rfc3339(due)),
        DeliveryState::Delivered => (DeliveryStateShape::Delivered, None),
        DeliveryState::Dead => (DeliveryStateShape::Dead, None),
    }
}

impl From<&Delivery> for DeliveryShape {
    fn from(delivery: &Delivery) -> Self {
        let (state, due_at) = state(delivery.state);
        Self {
            id: delivery.id.to_string(),
            watch_id: delivery.watch_id.to_string(),
            hook: delivery.hook.to_string(),
            state,
            due_at,
            attempts: delivery.attempts,
            created_at: ours(delivery.created_at),
        }
    }
}

impl From<&Attempt> for AttemptShape {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: ours(attempt.at),
            took_ms: millis(attempt.took),
            delivered: attempt.delivered,
            answer: attempt.answer.as_str().into(),
        }
    }
}

impl From<&WatchReport> for ResultShape {
    fn from(report: &WatchReport) -> Self {
        let job = report.job.as_ref();
        Self {
            job_id: report.job_id.to_string(),
            project_id: report.project_id.as_ref().map(ToString::to_string),
            outcome: report.outcome.into(),
            status: job.map(|job| job.status.raw().into()),
            job_type: job.and_then(job_type),
            begin_time: job.and_then(|job| rfc3339(job.begin_time?)),
            end_time: job.and_then(|job| rfc3339(job.end_time?)),
            duration_ms: job.and_then(Job::duration).map(millis),
            fail_reason: job.and_then(|job| job.fail_reason.clone()),
            polls: report.polls,
            waited_ms: millis(report.waited),
            error: report.fault.as_ref().map(FaultShape::from),
        }
    }
}

impl EventShape {
    /// What is told, where that is an event by itself.
    pub(super) fn of(told: &Told) -> Option<Self> {
        Some(match told {
            Told::Watch {
                watch_id,
                project,
                event,
            } => {
                let about = About {
                    watch_id: watch_id.to_string(),
                    project: project.to_string(),
                    job_id: event.job_id.to_string(),
                    waited_ms: millis(event.waited),
                    polls: event.polls,
                };
                of_watch(about, event)
            }
            Told::Delivery {
                delivery_id,
                watch_id,
                hook,
                attempt,
                answer,
                state: stands,
            } => {
                let (state, due_at) = state(*stands);
                Self::Delivery {
                    delivery_id: delivery_id.to_string(),
                    watch_id: watch_id.to_string(),
                    hook: hook.to_string(),
                    attempt: *attempt,
                    answer: answer.as_str().into(),
                    state,
                    due_at,
                }
            }
            Told::Missed => Self::Lagged { missed: 0 },
            Told::Elsewhere(_) => return None,
        })
    }
}

fn of_watch(about: About, event: &WatchEvent) -> EventShape {
    match &event.kind {
        WatchEventKind::Started => EventShape::Started { about },
        WatchEventKind::Polled {
            job,
            changed,
            next,
            estimate,
        } => EventShape::Polled {
            about,
            status: job.status.raw().into(),
            job_type: job_type(job),
            changed: *changed,
            next_ms: millis(*next),
            estimate: estimate.map(EstimateShape::from),
        },
        WatchEventKind::NotYetVisible { next, grace } => EventShape::NotYetVisible {
            about,
            next_ms: millis(*next),
            grace_ms: millis(*grace),
        },
        WatchEventKind::Trouble {
            fault,
            in_a_row,
            next,
        } => EventShape::Trouble {
            about,
            error: fault.into(),
            in_a_row: *in_a_row,
            next_ms: millis(*next),
        },
        WatchEventKind::Throttled { limit, next } => EventShape::Throttled {
            about,
            limit: limit.map(|(requests, period)| LimitShape {
                requests,
                period_ms: millis(period),
            }),
            next_ms: millis(*next),
        },
        WatchEventKind::ClockCorrected { off_by, ahead } => EventShape::ClockCorrected {
            about,
            off_by_ms: millis(*off_by),
            ahead: *ahead,
        },
        WatchEventKind::CredentialRefreshed => EventShape::CredentialRefreshed { about },
        WatchEventKind::Ended(report) => EventShape::Ended {
            about,
            result: Box::new(report.as_ref().into()),
        },
    }
}

impl EventShape {
    /// The word that names the event.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Watch { .. } => "watch",
            Self::Started { .. } => "started",
            Self::Polled { .. } => "polled",
            Self::NotYetVisible { .. } => "not_yet_visible",
            Self::Trouble { .. } => "trouble",
            Self::Throttled { .. } => "throttled",
            Self::ClockCorrected { .. } => "clock_corrected",
            Self::CredentialRefreshed { .. } => "credential_refreshed",
            Self::Ended { .. } => "ended",
            Self::Delivery { .. } => "delivery",
            Self::Lagged { .. } => "lagged",
        }
    }
}

impl JobTypeShape {
    /// A type of job; nothing where none of that type has ended.
    pub(crate) fn new(project: &str, job_type: &JobType, durations: &Durations) -> Option<Self> {
        let usual = EstimateShape::from(durations.ranked().estimate(Duration::ZERO)?);
        Some(Self {
            project: project.to_string(),
            job_type: job_type.text().clone(),
            count: usual.count,
            median_ms: usual.median_ms,
            p90_ms: usual.p90_ms,
            durations_ms: durations.iter().map(millis).collect(),
        })
    }
}

impl HealthShape {
    /// How the daemon is. It is ready while it can accept watches and keep them, and the credential
    /// and the ID of every project are known. Later trouble of a project is shown, but no reason:
    /// what is accepted meanwhile is polled once that is over.
    pub(super) fn new(health: &Health, draining: bool, now: SystemTime) -> Self {
        let mut reasons = Vec::new();
        if draining {
            reasons.push("it is stopping".to_owned());
        }
        if !health.restored {
            reasons.push("the watches of the last run are still being taken up".to_owned());
        }
        if health.cluster.is_some_and(|cluster| !cluster.holds_lease) {
            reasons.push(
                "its lease has ended: the store can't be reached, and other daemons take over"
                    .to_owned(),
            );
        }
        if let Some(trouble) = &health.store_trouble {
            reasons.push(trouble.clone());
        }
        for project in &health.projects {
            if let Some(why) = &project.not_ready {
                let name = &project.name;
                reasons.push(format!("project {name}: not ready, because {why}"));
            }
        }
        let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            ready: reasons.is_empty(),
            reasons: reasons.into_iter().map(ForeignText::from).collect(),
            unseen: count(health.unseen),
            running: count(health.running),
            in_trouble: count(health.in_trouble),
            held: count(health.held),
            projects: health
                .projects
                .iter()
                .map(|project| ProjectShape::new(project, now))
                .collect(),
        }
    }
}

impl ProjectShape {
    fn new(project: &ProjectHealth, now: SystemTime) -> Self {
        let limit = project.limit.as_ref();
        Self {
            name: project.name.to_string(),
            not_ready: project.not_ready.as_deref().map(ForeignText::from),
            refused: project.refused.as_deref().map(ForeignText::from),
            paused_ms: project.paused.map(millis),
            spacing_ms: millis(project.spacing),
            limit: limit.map(|(limit, _)| LimitShape {
                requests: limit.requests,
                period_ms: millis(limit.per),
            }),
            limit_expires_ms: limit.map(|(_, left)| millis(*left)),
            held_by: project.hold.as_ref().map(|hold| HoldShape::new(hold, now)),
        }
    }
}

impl HoldShape {
    /// What holds requests back, where the wall clock shows `now`.
    pub(super) fn new(hold: &Hold, now: SystemTime) -> Self {
        let left = hold.until().saturating_duration_since(Instant::now());
        let (reason, message) = match hold {
            Hold::Refused(refused) => (
                HoldReason::CredentialRefused,
                format!("the service refuses the credential: {}", refused.fault),
            ),
            Hold::Rate(RateHold { limit, .. }) => (HoldReason::RateLimit, rate_limit(*limit)),
        };
        Self {
            reason,
            message: message.into(),
            until: ours(now.saturating_add(left)),
        }
    }
}

fn rate_limit(limit: Option<RateLimit>) -> String {
    match limit {
        None => "the service asks for fewer requests".to_owned(),
        Some(RateLimit { requests, per }) => {
            let number = match requests {
                1 => "1 request".to_owned(),
                requests => format!("{requests} requests"),
            };
            let per = humantime::format_duration(per);
            format!("the service's limit is {number} in {per}")
        }
    }
}
