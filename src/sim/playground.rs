//! Jobs that every simulator knows, so that people can play without writing a script.

use std::time::Duration;

use crate::model::JobId;

use super::{RateLimit, ScriptedJob, Step};

/// A job that every simulator knows.
pub struct PlaygroundJob {
    /// Its ID.
    pub id: &'static str,
    /// What it does, in a few words.
    pub description: &'static str,
    job_type: &'static str,
    steps: fn() -> Vec<Step>,
}

/// The jobs that every simulator knows. The time of each begins with the first request for it.
pub const PLAYGROUND: [PlaygroundJob; 5] = [
    PlaygroundJob {
        id: "job-succeeds",
        description: "succeeds after 3 s",
        job_type: "masterStandbySwapJob",
        steps: || vec![running(3), Step::success()],
    },
    PlaygroundJob {
        id: "job-fails",
        description: "fails after 4 s, with a reason",
        job_type: "extendDCSInstance",
        steps: || {
            vec![
                running(4),
                Step::fail("Insufficient resources in the availability zone."),
            ]
        },
    },
    PlaygroundJob {
        id: "job-throttled",
        description: "succeeds after 4 s, refusing a request on the way for the rate limit",
        job_type: "modifyBandwidth",
        steps: || vec![running(1), throttled(), running(3), Step::success()],
    },
    PlaygroundJob {
        id: "job-slow",
        description: "succeeds after 10 min",
        job_type: "backupDCSInstance",
        steps: || vec![running(600), Step::success()],
    },
    PlaygroundJob {
        id: "job-finished",
        description: "has succeeded already",
        job_type: "modifyClientIpTransJob",
        steps: || vec![Step::success()],
    },
];

impl PlaygroundJob {
    pub(super) fn script(&self) -> ScriptedJob {
        ScriptedJob {
            id: JobId::built_in(self.id).into(),
            job_type: self.job_type.to_owned(),
            numeric_times: false,
            steps: (self.steps)(),
        }
    }
}

fn running(seconds: u64) -> Step {
    Step::running().lasting(Duration::from_secs(seconds))
}

fn throttled() -> Step {
    Step::throttled(RateLimit {
        requests: 200,
        per: Duration::from_secs(60),
    })
}
