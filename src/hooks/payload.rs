//! The payload that all hooks carry: what is known of an ended watch, as versioned JSON with the
//! members of the command line's JSON results.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::forms::{millis, rfc3339};
use crate::model::{End, Fault, Job, Progress, ProjectId, Watch};
use crate::sanitize::{escape_json, is_active};

/// The version of [`Data`]. It rises when a member changes its meaning or goes, and stays when one
/// is added.
const VERSION: u32 = 1;

/// The longest reason or message, in bytes of JSON. With these the payload stays under the 20 kB
/// that the Standard Webhooks convention allows.
const LONG: usize = 7_500;

/// The longest other text of the service, in bytes of JSON.
const SHORT: usize = 500;

/// What a hook tells of a watch that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// `dcs.job.` and the outcome, such as `dcs.job.succeeded`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the watch ended, by this machine's clock: RFC 3339, UTC, milliseconds.
    pub timestamp: String,
    /// What is known of the watch.
    pub data: Data,
}

/// What is known of an ended watch. Texts of the service that are too long end in `…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// The version of these members: 1.
    pub version: u32,
    /// The watch's ID.
    pub watch_id: String,
    /// The project, by its name in the configuration.
    pub project: String,
    /// The project's ID, where it was known.
    pub project_id: Option<String>,
    /// The job that was waited for.
    pub job_id: String,
    /// How the watch ended, in the word of [`crate::model::Outcome::as_str`].
    pub outcome: String,
    /// The last status of the job, as it came.
    pub status: Option<String>,
    /// The kind of job, as it came.
    pub job_type: Option<String>,
    /// When the job began, by the service's clock: RFC 3339, UTC, milliseconds.
    pub begin_time: Option<String>,
    /// When the job ended, likewise.
    pub end_time: Option<String>,
    /// How long the job ran.
    pub duration_ms: Option<u64>,
    /// Why the job failed, in the service's words.
    pub fail_reason: Option<String>,
    /// How many requests were sent.
    pub polls: u32,
    /// How long the watch lasted.
    pub waited_ms: u64,
    /// The fault that ended the watch or, for one that timed out, the last since a good answer.
    pub error: Option<ErrorData>,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// The service's error code.
    pub code: Option<String>,
    /// The service's message, or this program's where it gave none.
    pub message: String,
    /// The service's ID of the request.
    pub request_id: Option<String>,
}

impl Payload {
    /// The payload for a watch that has ended.
    #[must_use]
    pub fn new(
        watch: &Watch,
        project_id: Option<&ProjectId>,
        progress: &Progress,
        end: &End,
    ) -> Self {
        let job = progress.job.as_deref();
        let waited = end.at.duration_since(watch.accepted_at).unwrap_or_default();
        Self {
            event_type: format!("dcs.job.{}", end.outcome.as_str()),
            timestamp: rfc3339(end.at).unwrap_or_default(),
            data: Data {
                version: VERSION,
                watch_id: watch.id.to_string(),
                project: watch.project.to_string(),
                project_id: project_id.map(ToString::to_string),
                job_id: watch.job_id.to_string(),
                outcome: end.outcome.as_str().to_owned(),
                status: job.map(|job| cut(job.status.raw(), SHORT)),
                job_type: job.and_then(|job| Some(cut(job.job_type.as_ref()?.raw(), SHORT))),
                begin_time: job.and_then(|job| rfc3339(job.begin_time?)),
                end_time: job.and_then(|job| rfc3339(job.end_time?)),
                duration_ms: job.and_then(Job::duration).map(millis),
                fail_reason: job.and_then(|job| Some(cut(job.fail_reason.as_ref()?.raw(), LONG))),
                polls: progress.polls,
                waited_ms: millis(waited),
                error: end.fault.as_ref().map(ErrorData::from),
            },
        }
    }

    /// The payload as JSON on one line, under 20 kB, with nothing in it that a terminal would act
    /// upon.
    #[must_use]
    pub fn to_body(&self) -> Arc<str> {
        // Maps with keys other than strings would fail, and there are none.
        escape_json(&serde_json::to_string(self).unwrap_or_default()).into()
    }
}

impl From<&Fault> for ErrorData {
    fn from(fault: &Fault) -> Self {
        Self {
            http_status: fault.http_status,
            code: fault.code.as_ref().map(|code| cut(code.raw(), SHORT)),
            message: cut(fault.message.raw(), LONG),
            request_id: fault.request_id.as_ref().map(|id| cut(id.raw(), SHORT)),
        }
    }
}

/// The text, of at most `limit` bytes as [`Payload::to_body`] writes it.
fn cut(text: &str, limit: usize) -> String {
    let mut length = 0;
    let mut fits = 0;
    for (at, c) in text.char_indices() {
        length += written(c);
        if length > limit {
            let kept = text.get(..fits).unwrap_or_default();
            return format!("{kept}…");
        }
        if length + '…'.len_utf8() <= limit {
            fits = at + c.len_utf8();
        }
    }
    text.to_owned()
}

/// How many bytes a character takes up in JSON, at most.
fn written(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        // It is escaped after another of its kind.
        '#' => r"\u0023".len(),
        c if is_active(c) => r"\u0000".len() * c.len_utf16(),
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests;
