//! Messages for the tests of hooks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Message, Payload};
use crate::model::{End, Fault, Job, JobStatus, Outcome, Progress, Watch};

pub(super) const WATCH_ID: &str = "01936c2f-5e00-7000-8000-000000000000";
pub(super) const DELIVERY_ID: &str = "01936c2f-5e00-7000-8000-000000000001";
pub(super) const JOB_ID: &str = "ff8080818822bbf70188235afc24141a";

pub(super) fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// A job that ran for 2.869 seconds, and has this text wherever it can have one.
pub(super) fn job(text: &str) -> Job {
    Job {
        status: JobStatus::from(text),
        job_type: Some(text.into()),
        begin_time: Some(at(1_684_191_545_379)),
        end_time: Some(at(1_684_191_548_248)),
        fail_reason: Some(text.into()),
    }
}

pub(super) fn payload(outcome: Outcome, job: Option<Job>, fault: Option<Fault>) -> Payload {
    let watch = Watch {
        id: WATCH_ID.parse().unwrap(),
        project: "north".parse().unwrap(),
        job_id: JOB_ID.parse().unwrap(),
        hooks: [].into(),
        accepted_at: at(1_684_191_540_000),
        deadline_at: None,
    };
    let at = at(1_684_191_550_001);
    Payload::new(
        &watch,
        "0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e".parse().ok().as_ref(),
        &Progress {
            polls: 7,
            job: job.map(std::sync::Arc::new),
        },
        &End { outcome, fault, at },
    )
}

pub(super) fn message(outcome: Outcome) -> Message {
    message_of(&payload(outcome, Some(job("FAIL")), None))
}

pub(super) fn message_of(payload: &Payload) -> Message {
    Message {
        id: DELIVERY_ID.parse().unwrap(),
        at: at(1_684_191_551_000),
        body: payload.to_body(),
    }
}
