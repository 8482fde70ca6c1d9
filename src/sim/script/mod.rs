//! What the jobs do: a list of steps each, built in Rust or read from JSON.

mod file;
mod id;

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::model::JobStatus;

use super::RateLimit;

pub use file::{ScriptError, parse};
pub use id::ScriptedId;

/// A job, or many of a kind, and what it does. Its time begins with the first request for it; one
/// without any step is unknown to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedJob {
    /// The job's ID, or what the IDs of all such jobs begin with.
    pub id: ScriptedId,
    /// What kind of operation it is.
    pub job_type: String,
    /// Whether its times are answered as numbers, in place of strings.
    pub numeric_times: bool,
    /// What it does, in order. The last step lasts for ever.
    pub steps: Vec<Step>,
}

impl ScriptedJob {
    /// A job without any step.
    #[must_use]
    pub fn new(id: ScriptedId, job_type: impl Into<String>) -> Self {
        Self {
            id,
            job_type: job_type.into(),
            numeric_times: false,
            steps: Vec::new(),
        }
    }

    /// Appends a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Answers times as numbers, in place of strings.
    #[must_use]
    pub fn with_numeric_times(mut self) -> Self {
        self.numeric_times = true;
        self
    }
}

/// What a job answers for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is answered.
    pub act: Act,
    /// How long.
    pub lasts: Lasts,
    /// The time that each answer takes, on top of the simulator's own latency.
    pub latency: Duration,
}

/// How long a step lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// For so many requests.
    Times(u32),
    /// For so long since the step before ended.
    For(Duration),
    /// For a time from the first to the second, which is not shorter, since the step before ended.
    /// Each job has its own time, by its ID; those of many jobs lie evenly between the two.
    Between(Duration, Duration),
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The job's description.
    Status {
        /// What the job is doing.
        status: JobStatus,
        /// Why it failed.
        fail_reason: Option<String>,
    },
    /// An error.
    Error(ErrorAnswer),
    /// No answer, or one that can't be used.
    Fault(Fault),
    /// A redirect to this URL.
    Redirect(HeaderValue),
}

/// An error of the service or of a gateway before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub http_status: StatusCode,
    /// The error code, such as `DCS.5000`.
    pub code: String,
    /// The message.
    pub message: String,
    /// How the body is laid out.
    pub shape: ErrorShape,
    /// More headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// How the body of an error is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ErrorShape {
    /// `{"error_code", "error_msg"}`, the service's own.
    #[default]
    #[serde(rename = "error_code/error_msg")]
    Snake,
    /// `{"errorCode", "errorMsg"}`.
    #[serde(rename = "errorCode/errorMsg")]
    Camel,
    /// `{"code", "message"}`.
    #[serde(rename = "code/message")]
    Short,
    /// `{"error": {"error_code", "error_msg"}}`.
    #[serde(rename = "nested")]
    Nested,
}

/// The lack of a usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// Half of the announced body is sent, then the connection is closed.
    Truncate,
    /// The answer never comes; the connection stays open.
    Stall,
    /// 200 with an empty body.
    Empty,
    /// 200 with a page of HTML.
    Html,
    /// 200 with a body that isn't JSON.
    Garbage,
    /// 200 with JSON that describes no job.
    WrongShape,
    /// 200 with another job that has succeeded.
    AnotherJob,
    /// 200 with a body of more than 10 MB, which begins as a job that has succeeded.
    Huge,
}

impl Step {
    /// The job's description with a status.
    #[must_use]
    pub fn status(status: &str) -> Self {
        Self::of(Act::Status {
            status: JobStatus::from(status),
            fail_reason: None,
        })
    }

    /// The job hasn't begun.
    #[must_use]
    pub fn init() -> Self {
        Self::status("INIT")
    }

    /// The job is under way.
    #[must_use]
    pub fn running() -> Self {
        Self::status("RUNNING")
    }

    /// The job has ended well.
    #[must_use]
    pub fn success() -> Self {
        Self::status("SUCCESS")
    }

    /// The job has ended badly.
    #[must_use]
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::of(Act::Status {
            status: JobStatus::Fail,
            fail_reason: Some(reason.into()),
        })
    }

    /// An error in the service's own shape.
    #[must_use]
    pub fn error(
        http_status: StatusCode,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::of(Act::Error(ErrorAnswer::new(http_status, code, message)))
    }

    /// The gateway's refusal of too many requests.
    #[must_use]
    pub fn throttled(limit: RateLimit) -> Self {
        Self::of(Act::Error(ErrorAnswer::throttled(limit)))
    }

    /// No answer, or one that can't be used.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self::of(Act::Fault(fault))
    }

    /// A step that lasts for one request.
    #[must_use]
    pub fn of(act: Act) -> Self {
        Self {
            act,
            lasts: Lasts::Times(1),
            latency: Duration::ZERO,
        }
    }

    /// Lasts for so many requests.
    #[must_use]
    pub fn times(mut self, requests: u32) -> Self {
        self.lasts = Lasts::Times(requests);
        self
    }

    /// Lasts for so long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasts = Lasts::For(time);
        self
    }

    /// Lasts for a time from the first to the second, which is not shorter; evenly so over many
    /// jobs.
    #[must_use]
    pub fn lasting_between(mut self, least: Duration, most: Duration) -> Self {
        self.lasts = Lasts::Between(least, most);
        self
    }

    /// Takes so long for each answer.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }
}

impl ErrorAnswer {
    /// An error in the service's own shape.
    #[must_use]
    pub fn new(
        http_status: StatusCode,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            http_status,
            code: code.into(),
            message: message.into(),
            shape: ErrorShape::default(),
            headers: Vec::new(),
        }
    }

    /// The gateway's refusal of too many requests, which names the limit.
    #[must_use]
    pub fn throttled(limit: RateLimit) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "APIGW.0308",
            format!(
                "The throttling threshold has been reached: policy user over ratelimit,{limit}"
            ),
        )
    }

    /// Lays the body out in another shape.
    #[must_use]
    pub fn shaped(mut self, shape: ErrorShape) -> Self {
        self.shape = shape;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
