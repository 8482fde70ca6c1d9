//! Scripts as people write them: JSON.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

use crate::model::JobStatus;

use super::{Act, ErrorAnswer, ErrorShape, Fault, Lasts, ScriptedJob, Step};

/// Why a script can't be used, and where.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there or just before it.
    pub why: String,
}

/// Reads a script.
///
/// ```json
/// {"jobs": [{"id": "job-1", "job_type": "masterStandbySwapJob", "steps": [
///   {"status": "RUNNING", "for": "3s"},
///   {"error": {"http_status": 500, "error_code": "DCS.5000", "error_msg": "busy"}, "times": 2},
///   {"fault": "reset"},
///   {"status": "FAIL", "fail_reason": "no room"}
/// ]}]}
/// ```
///
/// A step has exactly one of `status` (with an optional `fail_reason`), `error` (with an optional
/// [`shape`](ErrorShape) and `headers`), [`fault`](Fault) and `redirect`. It lasts for one
/// request unless `times` or `for` says otherwise; the last one lasts for ever. `for` is a time, or
/// the shortest and the longest of the times that many jobs take. `latency` delays its answers. A
/// job may set `numeric_times`, and leave out its type. An `id` that ends in `*` is of all jobs whose
/// IDs begin so.
///
/// # Errors
/// When it isn't JSON, has a member that isn't known or lacks one that is needed, describes a step
/// that contradicts itself, or names a job twice.
pub fn parse(text: &str) -> Result<Vec<ScriptedJob>, ScriptError> {
    serde_json::from_str(text)
        .map(|script: RawScript| script.jobs)
        .map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let why = error.to_string();
            let place = format!(" at line {line} column {column}");
            ScriptError {
                line,
                column,
                why: why.strip_suffix(&place).unwrap_or(&why).to_owned(),
            }
        })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(deserialize_with = "jobs")]
    jobs: Vec<ScriptedJob>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJob {
    id: String,
    #[serde(default = "usual_job_type")]
    job_type: String,
    #[serde(default)]
    numeric_times: bool,
    steps: Vec<ParsedStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    status: Option<String>,
    fail_reason: Option<String>,
    error: Option<RawError>,
    fault: Option<Fault>,
    redirect: Option<String>,
    times: Option<u32>,
    #[serde(rename = "for")]
    lasts_for: Option<For>,
    latency: Option<Time>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    http_status: u16,
    error_code: String,
    error_msg: String,
    #[serde(default)]
    shape: ErrorShape,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

struct Time(Duration);

/// How long a step lasts, by time.
struct For(Lasts);

struct ParsedJob(ScriptedJob);

struct ParsedStep(Step);

impl<'de> Deserialize<'de> for ParsedJob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checked::<RawJob, Self>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for ParsedStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checked::<RawStep, Self>(PhantomData))
    }
}

/// Checks an object before the reader goes on, so that an error names the object's own place:
/// `#[serde(try_from)]` would name that of whatever follows.
struct Checked<Raw, T>(PhantomData<(Raw, T)>);

impl<'de, Raw, T> Visitor<'de> for Checked<Raw, T>
where
    Raw: Deserialize<'de>,
    T: TryFrom<Raw, Error = String>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        let raw = Raw::deserialize(MapAccessDeserializer::new(object))?;
        T::try_from(raw).map_err(A::Error::custom)
    }
}

impl TryFrom<RawJob> for ParsedJob {
    type Error = String;

    fn try_from(raw: RawJob) -> Result<Self, String> {
        if raw.steps.is_empty() {
            return Err(format!(
                "job {:?} has no steps; give it at least one",
                raw.id
            ));
        }
        let id = raw.id.parse();
        Ok(Self(ScriptedJob {
            id: id.map_err(|why| {
                let id = &raw.id;
                format!("{id:?} is no job ID, with or without a '*' at its end: {why}")
            })?,
            job_type: raw.job_type,
            numeric_times: raw.numeric_times,
            steps: raw.steps.into_iter().map(|step| step.0).collect(),
        }))
    }
}

impl TryFrom<RawStep> for ParsedStep {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let lasts = match (raw.times, raw.lasts_for) {
            (None, None) => Lasts::Times(1),
            (Some(0), _) => return Err("\"times\" is 0; a step answers at least once".to_owned()),
            (Some(times), None) => Lasts::Times(times),
            (None, Some(For(lasts))) => lasts,
            (Some(_), Some(_)) => {
                return Err("a step has both \"times\" and \"for\"; keep one of them".to_owned());
            }
        };
        if raw.fail_reason.is_some() && raw.status.is_none() {
            return Err("\"fail_reason\" belongs beside a \"status\"".to_owned());
        }
        let act = match (raw.status, raw.error, raw.fault, raw.redirect) {
            (Some(status), None, None, None) => Act::Status {
                status: JobStatus::from(status.as_str()),
                fail_reason: raw.fail_reason,
            },
            (None, Some(error), None, None) => Act::Error(error.try_into()?),
            (None, None, Some(fault), None) => Act::Fault(fault),
            (None, None, None, Some(url)) => Act::Redirect(
                HeaderValue::try_from(url).map_err(|_| "\"redirect\" is no URL".to_owned())?,
            ),
            _ => {
                return Err(
                    "a step has exactly one of \"status\", \"error\", \"fault\" and \"redirect\""
                        .to_owned(),
                );
            }
        };
        Ok(Self(Step {
            act,
            lasts,
            latency: raw.latency.map_or(Duration::ZERO, |time| time.0),
        }))
    }
}

impl TryFrom<RawError> for ErrorAnswer {
    type Error = String;

    fn try_from(raw: RawError) -> Result<Self, String> {
        let status = raw.http_status;
        let http_status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| status.as_u16() >= 200)
            .ok_or_else(|| format!("{status} is no HTTP status of an answer; write 200 to 999"))?;
        let mut answer = Self::new(http_status, raw.error_code, raw.error_msg).shaped(raw.shape);
        for (name, value) in raw.headers {
            let parsed = HeaderName::try_from(&name).ok();
            let (name, value) = parsed
                .zip(HeaderValue::try_from(value).ok())
                .ok_or_else(|| format!("the header {name:?} can't be sent"))?;
            answer = answer.with_header(name, value);
        }
        Ok(answer)
    }
}

fn usual_job_type() -> String {
    "masterStandbySwapJob".to_owned()
}

fn jobs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ScriptedJob>, D::Error> {
    let jobs: Vec<ParsedJob> = Vec::deserialize(deserializer)?;
    let jobs: Vec<ScriptedJob> = jobs.into_iter().map(|job| job.0).collect();
    let mut seen = HashSet::new();
    match jobs.iter().find(|job| !seen.insert(&job.id)) {
        Some(twice) => Err(D::Error::custom(format!(
            "job {:?} is there twice; give each its own ID",
            twice.id.to_string()
        ))),
        None => Ok(jobs),
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|why| {
            D::Error::custom(format!("{text:?} is no duration such as \"3s\": {why}"))
        })
    }
}

impl<'de> Deserialize<'de> for For {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeOrTwo)
    }
}

/// Reads `"3s"` and `["10s", "20s"]`.
struct TimeOrTwo;

impl<'de> Visitor<'de> for TimeOrTwo {
    type Value = For;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"3s\", or the shortest and the longest of many")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<For, E> {
        let time = Time::deserialize(text.into_deserializer())?;
        Ok(For(Lasts::For(time.0)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut times: A) -> Result<For, A::Error> {
        let mut next = |at| {
            let time: Option<Time> = times.next_element()?;
            time.ok_or_else(|| A::Error::invalid_length(at, &self))
        };
        let (least, most) = (next(0)?.0, next(1)?.0);
        if times.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(3, &self));
        }
        if least > most {
            let why = "the first time of \"for\" is longer than the second; swap them";
            return Err(A::Error::custom(why));
        }
        Ok(For(Lasts::Between(least, most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_written_by_hand_is_read_as_it_is_meant() {
        let script = r#"{"jobs": [
            {"id": "a", "job_type": "modifyBandwidth", "numeric_times": true, "steps": [
                {"status": "RUNNING", "for": "1m 30s", "latency": "20ms"},
                {"error": {"http_status": 429, "error_code": "APIG.0308", "error_msg": "slow down",
                    "shape": "code/message", "headers": {"Retry-After": "2"}}, "times": 2},
                {"fault": "another-job"},
                {"redirect": "https://example.com/"},
                {"status": "FAIL", "fail_reason": "no room"}
            ]},
            {"id": "b-*", "steps": [{"status": "RUNNING", "for": ["10s", "20s"]}, {"status": "SUCCESS"}]}
        ]}"#;
        let throttled = ErrorAnswer::new(StatusCode::TOO_MANY_REQUESTS, "APIG.0308", "slow down")
            .shaped(ErrorShape::Short)
            .with_header(hyper::header::RETRY_AFTER, HeaderValue::from_static("2"));
        let redirect = HeaderValue::from_static("https://example.com/");
        let a = ScriptedJob::new("a".parse().unwrap(), "modifyBandwidth")
            .with_numeric_times()
            .then(
                Step::running()
                    .lasting(Duration::from_secs(90))
                    .with_latency(Duration::from_millis(20)),
            )
            .then(Step::of(Act::Error(throttled)).times(2))
            .then(Step::fault(Fault::AnotherJob))
            .then(Step::of(Act::Redirect(redirect)))
            .then(Step::fail("no room"));
        let b = ScriptedJob::new("b-*".parse().unwrap(), "masterStandbySwapJob")
            .then(Step::running().lasting_between(Duration::from_secs(10), Duration::from_secs(20)))
            .then(Step::success());
        assert_eq!(parse(script).unwrap(), [a, b]);
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_column() {
        let step =
            |step: &str| format!("{{\"jobs\": [{{\"id\": \"a\", \"steps\": [\n{step}\n]}}]}}");
        let cases = [
            ("{\"jobs\": [\n  oops\n]}".to_owned(), 2, "expected"),
            (step(r#"{"statu": "INIT"}"#), 2, "unknown field `statu`"),
            (step(r#"{"status": "INIT", "for": "3 parsecs"}"#), 2, "3 parsecs"),
            (step(r#"{"status": "INIT", "for": 3}"#), 2, "expected a duration such as"),
            (step(r#"{"status": "INIT", "for": ["3s"]}"#), 2, "expected a duration such as"),
            (step(r#"{"status": "INIT", "for": ["3s", "4s", "5s"]}"#), 2, "shortest and the longest"),
            (step(r#"{"status": "INIT", "for": ["3s", "4"]}"#), 2, "\"4\" is no duration"),
            (step(r#"{"status": "INIT", "for": ["4s", "3s"]}"#), 2, "swap them"),
            (step(r#"{"status": "INIT", "for": "1s", "times": 1}"#), 2, "keep one of them"),
            (step(r#"{"status": "INIT", "times": 0}"#), 2, "at least once"),
            (step(r#"{"status": "INIT", "fault": "reset"}"#), 2, "exactly one of"),
            (step("{}"), 2, "exactly one of"),
            (step(r#"{"fault": "flood"}"#), 2, "unknown variant `flood`"),
            (step(r#"{"fault": "reset", "fail_reason": "x"}"#), 2, "belongs beside"),
            (
                step(r#"{"error": {"http_status": 42, "error_code": "", "error_msg": ""}}"#),
                2,
                "42 is no HTTP status",
            ),
            ("{\"jobs\": [{\"id\": \"a b\", \"steps\": [{\"status\": \"INIT\"}]}]}".to_owned(), 1, "is no job ID"),
            ("{\"jobs\": [{\"id\": \"a*b\", \"steps\": [{\"status\": \"INIT\"}]}]}".to_owned(), 1, "'*' at its end"),
            ("{\"jobs\": [{\"id\": \"a\", \"steps\": []}]}".to_owned(), 1, "has no steps"),
            (
                "{\"jobs\": [{\"id\": \"a\", \"steps\": [{\"status\": \"INIT\"}]},\n{\"id\": \"a\", \"steps\": [{\"status\": \"INIT\"}]}]}".to_owned(),
                2,
                "is there twice",
            ),
        ];
        for (script, line, why) in cases {
            let error = parse(&script).unwrap_err();
            assert_eq!(error.line, line, "{error}: {script}");
            assert!(error.column > 0, "{error}: {script}");
            assert!(error.why.contains(why), "{error}: {script}");
            assert!(!error.why.contains("at line"), "{error}");
        }
    }
}
