//! Result lines: what standard output carries, for scripts.

use serde::Serialize;

use super::choose::Results;
use super::duration::duration;
use super::text;
use crate::forms::{millis, rfc3339};
use crate::model::{Fault, Job, JobType, ProjectId, WatchReport};
use crate::sanitize::{self, ForeignText};

/// The watch's result in one line, without a newline.
///
/// In text: `JOB_ID OUTCOME DURATION JOB_TYPE[: REASON]`, each of the first four without white
/// space, and `-` for what isn't known. In JSON: an object whose members are part of this
/// program's contract.
#[must_use]
pub fn result_line(report: &WatchReport, results: Results) -> String {
    match results {
        Results::Text => text_line(report),
        Results::Json => json(&ResultObject::from(report)),
    }
}

fn text_line(report: &WatchReport) -> String {
    let job = report.job.as_ref();
    let took = job.and_then(Job::duration).map(duration);
    let job_type = text::job_type(job).map(|job_type| job_type.replace(' ', "_"));
    let absent = || "-".to_owned();
    format!(
        "{} {} {} {}{}",
        report.job_id,
        report.outcome.as_str(),
        took.unwrap_or_else(absent),
        job_type.unwrap_or_else(absent),
        text::reason(report)
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    )
}

/// The value as JSON in one line that is safe to show: it means the same, and holds nothing that a
/// terminal or a CI runner would act upon. Maps have to have texts for keys.
#[must_use]
pub fn json(value: &impl Serialize) -> String {
    sanitize::escape_json(&serde_json::to_string(value).unwrap_or_default())
}

/// A result in JSON.
#[derive(Serialize)]
pub(super) struct ResultObject<'a> {
    job_id: &'a str,
    project_id: Option<&'a str>,
    outcome: &'static str,
    status: Option<&'a str>,
    job_type: Option<&'a ForeignText>,
    begin_time: Option<String>,
    end_time: Option<String>,
    duration_ms: Option<u64>,
    fail_reason: Option<&'a ForeignText>,
    polls: u32,
    waited_ms: u64,
    error: Option<ErrorObject<'a>>,
}

/// A fault in JSON.
#[derive(Serialize)]
pub(super) struct ErrorObject<'a> {
    http_status: Option<u16>,
    code: Option<&'a ForeignText>,
    message: &'a ForeignText,
    request_id: Option<&'a ForeignText>,
}

impl<'a> From<&'a WatchReport> for ResultObject<'a> {
    fn from(report: &'a WatchReport) -> Self {
        let job = report.job.as_ref();
        Self {
            job_id: report.job_id.as_str(),
            project_id: report.project_id.as_ref().map(ProjectId::as_str),
            outcome: report.outcome.as_str(),
            status: job.map(|job| job.status.raw()),
            job_type: job.and_then(|job| job.job_type.as_ref().map(JobType::text)),
            begin_time: job.and_then(|job| rfc3339(job.begin_time?)),
            end_time: job.and_then(|job| rfc3339(job.end_time?)),
            duration_ms: job.and_then(Job::duration).map(millis),
            fail_reason: job.and_then(|job| job.fail_reason.as_ref()),
            polls: report.polls,
            waited_ms: millis(report.waited),
            error: report.fault.as_ref().map(ErrorObject::from),
        }
    }
}

impl<'a> From<&'a Fault> for ErrorObject<'a> {
    fn from(fault: &'a Fault) -> Self {
        Self {
            http_status: fault.http_status,
            code: fault.code.as_ref(),
            message: &fault.message,
            request_id: fault.request_id.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::samples::{self, HOSTILE, ended_job, failed, fault, report};
    use super::*;
    use crate::model::Outcome;

    fn reports() -> [WatchReport; 6] {
        let running = || Some(samples::job("RUNNING"));
        [
            report(Outcome::Succeeded, Some(ended_job("SUCCESS")), None),
            failed("no space left"),
            report(Outcome::NotFound, None, Some(fault(404, "r1"))),
            report(Outcome::Denied, None, Some(fault(403, "r1"))),
            report(Outcome::TimedOut, running(), None),
            report(Outcome::Cancelled, running(), None),
        ]
    }

    fn lines(reports: &[WatchReport], results: Results) -> String {
        let lines: Vec<String> = reports
            .iter()
            .map(|report| result_line(report, results))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_line_of_text_has_four_columns_and_the_reason() {
        assert_snapshot!(lines(&reports(), Results::Text), @"
        ff8080818822bbf70188235afc24141a succeeded 2.9s masterStandbySwapJob
        ff8080818822bbf70188235afc24141a failed 2.9s masterStandbySwapJob: no space left
        ff8080818822bbf70188235afc24141a not_found - -: Internal service error. (HTTP 404, DCS.5000, request r1)
        ff8080818822bbf70188235afc24141a denied - -: Internal service error. (HTTP 403, DCS.5000, request r1)
        ff8080818822bbf70188235afc24141a timed_out - masterStandbySwapJob: last status RUNNING
        ff8080818822bbf70188235afc24141a cancelled - masterStandbySwapJob
        ");
    }

    #[test]
    fn a_line_of_json_has_the_members_of_the_contract_in_their_order() {
        assert_snapshot!(lines(&reports(), Results::Json), @r#"
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"succeeded","status":"SUCCESS","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":"2023-05-15T22:59:08.248Z","duration_ms":2869,"fail_reason":null,"polls":7,"waited_ms":65000,"error":null}
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"failed","status":"FAIL","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":"2023-05-15T22:59:08.248Z","duration_ms":2869,"fail_reason":"no space left","polls":7,"waited_ms":65000,"error":null}
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"not_found","status":null,"job_type":null,"begin_time":null,"end_time":null,"duration_ms":null,"fail_reason":null,"polls":7,"waited_ms":65000,"error":{"http_status":404,"code":"DCS.5000","message":"Internal service error.","request_id":"r1"}}
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"denied","status":null,"job_type":null,"begin_time":null,"end_time":null,"duration_ms":null,"fail_reason":null,"polls":7,"waited_ms":65000,"error":{"http_status":403,"code":"DCS.5000","message":"Internal service error.","request_id":"r1"}}
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"timed_out","status":"RUNNING","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":null,"duration_ms":null,"fail_reason":null,"polls":7,"waited_ms":65000,"error":null}
        {"job_id":"ff8080818822bbf70188235afc24141a","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"cancelled","status":"RUNNING","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":null,"duration_ms":null,"fail_reason":null,"polls":7,"waited_ms":65000,"error":null}
        "#);
    }

    #[test]
    fn a_hostile_job_neither_breaks_the_line_nor_adds_a_column() {
        let job = Job {
            job_type: Some(HOSTILE.into()),
            ..failed(HOSTILE).job.unwrap()
        };
        let report = report(Outcome::Failed, Some(job), None);
        assert_snapshot!(result_line(&report, Results::Text), @"ff8080818822bbf70188235afc24141a failed 2.9s a�[2J�1m_::error::b%0A#_#[group]c_|_`<img>`_�d,_e:_f: a�[2J�1m ::error::b%0A# #[group]c | `<img>` �d, e: f");
        let json = result_line(&report, Results::Json);
        assert!(!json.contains(char::is_control), "{json:?}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["fail_reason"], HOSTILE);
    }
}
