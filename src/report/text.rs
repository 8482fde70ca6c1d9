//! The wording: what people are told, whichever reporter tells them. All of it is neutralized.

use std::time::Duration;

use super::duration::duration;
use super::estimate;
use crate::model::{
    Estimate, Fault, Job, JobId, JobStatus, Outcome, TOKEN_ADVICE, WatchEvent, WatchEventKind,
    WatchReport,
};
use crate::sanitize::{SENTENCE, WORD, sanitize};

pub(super) fn started(job_id: &JobId) -> String {
    format!("waiting for job {job_id}")
}

pub(super) fn status(status: &JobStatus) -> String {
    format!("{status:.WORD$}")
}

/// The job's type, where the service named one.
pub(super) fn job_type(job: Option<&Job>) -> Option<String> {
    let job_type = format!("{:.WORD$}", job?.job_type.as_ref()?);
    (!job_type.is_empty()).then_some(job_type)
}

/// Status and type.
pub(super) fn job(job: &Job) -> String {
    format!("{}{}", status(&job.status), of_type(Some(job)))
}

/// Status and type, and what is to be expected.
pub(super) fn goes_on(job: &Job, estimate: Option<&Estimate>) -> String {
    let estimate = estimate.map(|estimate| format!(", {}", estimate::in_full(estimate)));
    format!("{}{}", self::job(job), estimate.unwrap_or_default())
}

pub(super) fn unknown_status(job: &Job) -> String {
    format!(
        "{}: not a status that this program knows, so it waits on",
        self::job(job)
    )
}

pub(super) const NOT_VISIBLE: &str = "not visible yet";

pub(super) fn not_visible(grace: Duration) -> String {
    format!(
        "{NOT_VISIBLE}; not found if that lasts for another {}",
        duration(grace)
    )
}

pub(super) fn trouble(fault: &Fault, next: Duration) -> String {
    format!(
        "trouble: {}; next try in {}",
        self::fault(fault),
        duration(next)
    )
}

/// Trouble in a few words.
pub(super) fn trouble_in_short(fault: &Fault, in_a_row: u32) -> String {
    let what = match fault.http_status {
        None => format!("{:.WORD$}", fault.message),
        Some(200) => "unusable answer".to_owned(),
        Some(status) => format!("HTTP {status}"),
    };
    match in_a_row {
        0 | 1 => what,
        _ => format!("{what}, {in_a_row} times in a row"),
    }
}

pub(super) fn recovered(state: &str) -> String {
    format!("recovered: {state}")
}

const THROTTLED: &str = "throttled";

/// The service asks for fewer requests, in a few words.
pub(super) fn throttled_in_short(limit: Option<(u32, Duration)>) -> String {
    limit.map_or_else(
        || THROTTLED.to_owned(),
        |limit| format!("{THROTTLED} to {}", rate_limit(limit)),
    )
}

fn rate_limit((requests, period): (u32, Duration)) -> String {
    let noun = if requests == 1 { "request" } else { "requests" };
    format!("{requests} {noun} in {}", duration(period))
}

pub(super) fn throttled(limit: Option<(u32, Duration)>, next: Duration) -> String {
    let limit = limit.map_or_else(
        || "the service asks for fewer requests".to_owned(),
        |limit| format!("the service's limit is {}", rate_limit(limit)),
    );
    format!("{THROTTLED}: {limit}; next request in {}", duration(next))
}

pub(super) fn clock_corrected(off_by: Duration, ahead: bool) -> String {
    format!(
        "this machine's clock is {} {} the service's; requests are signed with the service's time",
        duration(off_by),
        if ahead { "ahead of" } else { "behind" }
    )
}

pub(super) const CREDENTIAL_REFRESHED: &str =
    "the service refused the credential; it was read anew and is tried once more";

pub(super) fn polls(polls: u32) -> String {
    match polls {
        1 => "1 poll".to_owned(),
        _ => format!("{polls} polls"),
    }
}

/// When the next request is due, in whole seconds.
pub(super) fn next_poll(left: Duration) -> String {
    match left.as_millis().div_ceil(1000) {
        0 => "polling now".to_owned(),
        seconds => {
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            format!("next poll in {}", duration(Duration::from_secs(seconds)))
        }
    }
}

/// The job and how the watch for it ended, in one line without the newline.
#[must_use]
pub fn ended_line(report: &WatchReport) -> String {
    format!("{}: {}", report.job_id, ended(report))
}

/// The job and what happened to the watch for it, in one line without the newline; nothing where
/// that is no news.
#[must_use]
pub fn event_line(event: &WatchEvent) -> Option<String> {
    let text = match &event.kind {
        WatchEventKind::Started => return Some(started(&event.job_id)),
        WatchEventKind::Polled { changed: false, .. } => return None,
        WatchEventKind::Polled { job, .. } if matches!(job.status, JobStatus::Other(_)) => {
            unknown_status(job)
        }
        WatchEventKind::Polled { job, estimate, .. } => goes_on(job, estimate.as_ref()),
        WatchEventKind::NotYetVisible { grace, .. } => not_visible(*grace),
        WatchEventKind::Trouble { fault, next, .. } => trouble(fault, *next),
        WatchEventKind::Throttled { limit, next } => throttled(*limit, *next),
        WatchEventKind::ClockCorrected { off_by, ahead } => clock_corrected(*off_by, *ahead),
        WatchEventKind::CredentialRefreshed => CREDENTIAL_REFRESHED.to_owned(),
        WatchEventKind::Ended(report) => ended(report),
    };
    Some(format!("{}: {text}", event.job_id))
}

/// How the watch ended, and what can be done about it.
pub(super) fn ended(report: &WatchReport) -> String {
    let job = report.job.as_ref();
    let kind = of_type(job);
    let took = job.and_then(Job::duration).map(duration);
    let waited = duration(report.waited);
    let reason = reason(report);
    // Of a job that nobody has seen, nothing is known.
    let goes_on = if job.is_some() {
        ". The job goes on"
    } else {
        ""
    };
    match report.outcome {
        Outcome::Succeeded => match took {
            Some(took) => format!("succeeded in {took}{kind}"),
            None => format!("succeeded{kind}"),
        },
        Outcome::Failed => {
            let reason = reason.unwrap_or_else(|| "the service gives no reason".to_owned());
            match took {
                Some(took) => format!("failed after {took}{kind}: {reason}"),
                None => format!("failed{kind}: {reason}"),
            }
        }
        Outcome::NotFound => format!(
            "not found{}. IDs of background tasks, migration tasks and export jobs are not job \
             IDs; a job belongs to one project in one region, and is forgotten long after its end",
            because(reason)
        ),
        Outcome::Denied if is_token_refusal(report) => {
            format!("denied{}; {TOKEN_ADVICE}", because(reason))
        }
        Outcome::Denied if is_forbidden(report) => format!(
            "denied{}. The credential needs the permission dcs:job:get in this project",
            because(reason)
        ),
        Outcome::Denied if is_locked(report) => format!(
            "denied{}. The service has locked the access key: wait 5 minutes before the next try",
            because(reason)
        ),
        Outcome::Denied => format!(
            "denied{}. Look at credential and project with: dcs-wait credentials. More than 5 \
             refusals in a row lock an access key for 5 minutes",
            because(reason)
        ),
        Outcome::TimedOut => {
            format!("timed out after {waited}{}{goes_on}", because(reason))
        }
        Outcome::Rejected => format!(
            "can't be waited for{}; {}",
            because(reason),
            advice(report.fault.as_ref())
        ),
        Outcome::Cancelled => format!("no longer waited for after {waited}{goes_on}"),
    }
}

/// Why the watch ended as it did, where there is more to say than its outcome.
pub(super) fn reason(report: &WatchReport) -> Option<String> {
    let fault = report.fault.as_ref().map(fault);
    let job = report.job.as_ref();
    match report.outcome {
        Outcome::Succeeded => None,
        Outcome::Failed => job
            .and_then(|job| job.fail_reason.as_ref())
            .map(|reason| format!("{reason:.SENTENCE$}"))
            .filter(|reason| !reason.is_empty()),
        Outcome::NotFound | Outcome::Denied | Outcome::Rejected => fault,
        Outcome::Cancelled => None,
        Outcome::TimedOut => {
            let status = job.map(|job| format!("last status {}", status(&job.status)));
            let error = fault.map(|fault| format!("last error: {fault}"));
            let known: Vec<String> = status.into_iter().chain(error).collect();
            Some(if known.is_empty() {
                "never an answer".to_owned()
            } else {
                known.join("; ")
            })
        }
    }
}

/// What to do about a fault that another request won't get around.
fn advice(fault: Option<&Fault>) -> &'static str {
    match fault.and_then(|fault| fault.http_status) {
        None => "check --endpoint; an authority of your own is trusted with --ca-file",
        Some(404) => "there is no DCS API at this address: check --region and --endpoint",
        Some(300..=399) => "the service is elsewhere: check --region and --endpoint",
        Some(_) => "the service rejects this request: check the job ID and --project-id",
    }
}

/// Whether it is the message of a locked key: "AK access failed to reach the limit,forbidden".
fn is_locked(report: &WatchReport) -> bool {
    let fault = report.fault.as_ref();
    fault.is_some_and(|fault| fault.message.raw().contains("failed to reach the limit"))
}

fn is_token_refusal(report: &WatchReport) -> bool {
    report.fault.as_ref().is_some_and(Fault::is_token_refusal)
}

fn is_forbidden(report: &WatchReport) -> bool {
    report.fault.as_ref().and_then(|fault| fault.http_status) == Some(403)
}

fn because(reason: Option<String>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

pub(super) fn fault(fault: &Fault) -> String {
    sanitize(&fault.to_string(), SENTENCE)
}

fn of_type(job: Option<&Job>) -> String {
    job_type(job)
        .map(|job_type| format!(" ({job_type})"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::samples::{self, HOSTILE, ended_job, failed, report};
    use super::*;

    #[test]
    fn an_end_is_told_with_its_cause_and_what_can_be_done() {
        use Outcome::{Cancelled, Denied, NotFound, Rejected, Succeeded, TimedOut};
        let running = || Some(samples::job("RUNNING"));
        let fault = |status| Some(samples::fault(status, "r1"));
        let reports = [
            report(Succeeded, Some(ended_job("SUCCESS")), None),
            failed("no space left on the device"),
            report(Outcome::Failed, Some(samples::job("FAIL")), None),
            report(NotFound, None, fault(404)),
            report(Denied, None, fault(401)),
            report(Denied, None, fault(403)),
            report(TimedOut, running(), None),
            report(TimedOut, running(), fault(503)),
            report(TimedOut, None, Some(Fault::local("no answer within 15s"))),
            report(TimedOut, None, None),
            report(Cancelled, running(), None),
            report(Rejected, None, fault(404)),
        ];
        let told: Vec<String> = reports.iter().map(ended).collect();
        assert_snapshot!(told.join("\n"), @"
        succeeded in 2.9s (masterStandbySwapJob)
        failed after 2.9s (masterStandbySwapJob): no space left on the device
        failed (masterStandbySwapJob): the service gives no reason
        not found: Internal service error. (HTTP 404, DCS.5000, request r1). IDs of background tasks, migration tasks and export jobs are not job IDs; a job belongs to one project in one region, and is forgotten long after its end
        denied: Internal service error. (HTTP 401, DCS.5000, request r1). Look at credential and project with: dcs-wait credentials. More than 5 refusals in a row lock an access key for 5 minutes
        denied: Internal service error. (HTTP 403, DCS.5000, request r1). The credential needs the permission dcs:job:get in this project
        timed out after 1m05s: last status RUNNING. The job goes on
        timed out after 1m05s: last status RUNNING; last error: Internal service error. (HTTP 503, DCS.5000, request r1). The job goes on
        timed out after 1m05s: last error: no answer within 15s
        timed out after 1m05s: never an answer
        no longer waited for after 1m05s. The job goes on
        can't be waited for: Internal service error. (HTTP 404, DCS.5000, request r1); there is no DCS API at this address: check --region and --endpoint
        ");
    }

    #[test]
    fn an_event_that_is_news_takes_a_line() {
        use samples::{FIRST, event, expected, polled};
        let line = |kind| event_line(&event(FIRST, 1, kind));
        assert_eq!(
            line(WatchEventKind::Started).unwrap(),
            format!("waiting for job {FIRST}")
        );
        assert_eq!(
            line(polled("RUNNING", true)).unwrap(),
            format!("{FIRST}: RUNNING (masterStandbySwapJob)")
        );
        assert_eq!(
            line(expected("RUNNING", true, None)).unwrap(),
            format!("{FIRST}: RUNNING (masterStandbySwapJob), usually 2m10s, longer than ever")
        );
        assert_eq!(line(polled("RUNNING", false)), None);
        assert_eq!(
            line(samples::ended(failed("no room"))).unwrap(),
            ended_line(&failed("no room"))
        );
    }

    #[test]
    fn trouble_in_short_counts_its_row() {
        let fault = samples::fault(503, "r1");
        assert_eq!(trouble_in_short(&fault, 1), "HTTP 503");
        assert_eq!(trouble_in_short(&fault, 3), "HTTP 503, 3 times in a row");
        let fault = Fault::local("can't connect: refused");
        assert_eq!(trouble_in_short(&fault, 1), "can't connect: refused");
    }

    #[test]
    fn the_next_poll_is_counted_down_in_whole_seconds() {
        for (millis, expected) in [
            (3_001, "next poll in 4s"),
            (3_000, "next poll in 3s"),
            (1, "next poll in 1s"),
            (0, "polling now"),
            (59_500, "next poll in 1m00s"),
        ] {
            assert_eq!(next_poll(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn a_hostile_server_puts_nothing_active_into_any_text() {
        let hostile = Job {
            status: HOSTILE.into(),
            job_type: Some(HOSTILE.into()),
            ..failed(HOSTILE).job.unwrap()
        };
        let fault = Fault {
            code: Some(HOSTILE.into()),
            request_id: Some(HOSTILE.into()),
            ..Fault::local(HOSTILE)
        };
        let reports = [Outcome::Failed, Outcome::NotFound, Outcome::TimedOut]
            .map(|outcome| report(outcome, Some(hostile.clone()), Some(fault.clone())));
        let mut texts: Vec<String> = reports.iter().map(ended).collect();
        texts.extend(reports.iter().filter_map(reason));
        texts.extend([
            job(&hostile),
            unknown_status(&hostile),
            trouble(&fault, Duration::ZERO),
            trouble_in_short(&fault, 2),
        ]);
        for text in texts {
            assert!(!text.contains(char::is_control), "{text:?}");
            assert!(!text.contains(['\u{202E}', '\r', '\n']), "{text:?}");
            assert!(!text.contains("##"), "{text:?}");
        }
    }
}
