//! Progress for programs: a JSON object an event.

use std::io::Write;

use serde::Serialize;

use super::Reporter;
use super::delivery::{AttemptEvent, AttemptObject};
use super::results::{ErrorObject, ResultObject, json};
use super::sink::Sink;
use crate::forms::{EstimateShape, millis};
use crate::model::{JobType, WatchEvent, WatchEventKind};
use crate::sanitize::ForeignText;

/// The event that reports how many lines of progress were dropped, as they were not read in time.
#[must_use]
pub fn lines_dropped(lines: u64) -> String {
    json(&DroppedObject {
        event: "lines_dropped",
        lines,
    })
}

#[derive(Serialize)]
struct DroppedObject {
    event: &'static str,
    lines: u64,
}

pub(super) struct JsonLines {
    out: Sink,
}

impl JsonLines {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Sink(out) }
    }
}

impl Reporter for JsonLines {
    fn event(&mut self, event: &WatchEvent) {
        self.out.line(&json(&EventObject::from(event)));
    }

    fn delivery(&mut self, event: &AttemptEvent) {
        self.out.line(&json(&AttemptObject::from(event)));
    }
}

#[derive(Serialize)]
struct EventObject<'a> {
    event: &'static str,
    job_id: &'a str,
    waited_ms: u64,
    polls: u32,
    #[serde(flatten)]
    fields: Fields<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fields<'a> {
    None {},
    Polled {
        status: &'a str,
        job_type: Option<&'a ForeignText>,
        changed: bool,
        next_ms: u64,
        estimate: Option<EstimateShape>,
    },
    NotYetVisible {
        next_ms: u64,
        grace_ms: u64,
    },
    Trouble {
        error: ErrorObject<'a>,
        in_a_row: u32,
        next_ms: u64,
    },
    Throttled {
        limit: Option<Limit>,
        next_ms: u64,
    },
    ClockCorrected {
        off_by_ms: u64,
        ahead: bool,
    },
    Ended {
        result: Box<ResultObject<'a>>,
    },
}

#[derive(Serialize)]
struct Limit {
    requests: u32,
    period_ms: u64,
}

impl<'a> From<&'a WatchEvent> for EventObject<'a> {
    fn from(event: &'a WatchEvent) -> Self {
        let (name, fields) = match &event.kind {
            WatchEventKind::Started => ("started", Fields::None {}),
            WatchEventKind::Polled {
                job,
                changed,
                next,
                estimate,
            } => (
                "polled",
                Fields::Polled {
                    status: job.status.raw(),
                    job_type: job.job_type.as_ref().map(JobType::text),
                    changed: *changed,
                    next_ms: millis(*next),
                    estimate: estimate.map(EstimateShape::from),
                },
            ),
            WatchEventKind::NotYetVisible { next, grace } => (
                "not_yet_visible",
                Fields::NotYetVisible {
                    next_ms: millis(*next),
                    grace_ms: millis(*grace),
                },
            ),
            WatchEventKind::Trouble {
                fault,
                in_a_row,
                next,
            } => (
                "trouble",
                Fields::Trouble {
                    error: fault.into(),
                    in_a_row: *in_a_row,
                    next_ms: millis(*next),
                },
            ),
            WatchEventKind::Throttled { limit, next } => (
                "throttled",
                Fields::Throttled {
                    limit: limit.map(|(requests, period)| Limit {
                        requests,
                        period_ms: millis(period),
                    }),
                    next_ms: millis(*next),
                },
            ),
            WatchEventKind::ClockCorrected { off_by, ahead } => (
                "clock_corrected",
                Fields::ClockCorrected {
                    off_by_ms: millis(*off_by),
                    ahead: *ahead,
                },
            ),
            WatchEventKind::CredentialRefreshed => ("credential_refreshed", Fields::None {}),
            WatchEventKind::Ended(report) => (
                "ended",
                Fields::Ended {
                    result: Box::new(report.as_ref().into()),
                },
            ),
        };
        Self {
            event: name,
            job_id: event.job_id.as_str(),
            waited_ms: millis(event.waited),
            polls: event.polls,
            fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::super::samples::{
        FIRST, Written, ended, event, expected, failed, polled, seconds, trouble,
    };
    use super::*;
    use WatchEventKind::{ClockCorrected, CredentialRefreshed, NotYetVisible, Started, Throttled};

    #[test]
    fn each_event_is_an_object_on_a_line() {
        let (next, grace) = (Duration::from_millis(1500), seconds(28));
        let limit = Some((200, seconds(300)));
        let written = Written::default();
        let mut reporter = JsonLines::new(written.boxed());
        for kind in [
            Started,
            NotYetVisible { next, grace },
            polled("PAUSED\n", true),
            expected("RUNNING", true, Some(seconds(40))),
            expected("RUNNING", false, None),
            trouble(503, 2),
            Throttled { limit, next },
            Throttled { limit: None, next },
            ClockCorrected {
                off_by: seconds(1240),
                ahead: true,
            },
            CredentialRefreshed,
            ended(failed("no space left")),
        ] {
            reporter.event(&event(FIRST, 9, kind));
        }
        let text = written.text().replace(FIRST, "ID");
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert_snapshot!(text, @r#"
        {"event":"started","job_id":"ID","waited_ms":9000,"polls":7}
        {"event":"not_yet_visible","job_id":"ID","waited_ms":9000,"polls":7,"next_ms":1500,"grace_ms":28000}
        {"event":"polled","job_id":"ID","waited_ms":9000,"polls":7,"status":"PAUSED\n","job_type":"masterStandbySwapJob","changed":true,"next_ms":4000,"estimate":null}
        {"event":"polled","job_id":"ID","waited_ms":9000,"polls":7,"status":"RUNNING","job_type":"masterStandbySwapJob","changed":true,"next_ms":4000,"estimate":{"count":31,"median_ms":130312,"p90_ms":180000,"left_ms":40000}}
        {"event":"polled","job_id":"ID","waited_ms":9000,"polls":7,"status":"RUNNING","job_type":"masterStandbySwapJob","changed":false,"next_ms":4000,"estimate":{"count":31,"median_ms":130312,"p90_ms":180000,"left_ms":null}}
        {"event":"trouble","job_id":"ID","waited_ms":9000,"polls":7,"error":{"http_status":503,"code":"DCS.5000","message":"Internal service error.","request_id":"r2"},"in_a_row":2,"next_ms":4000}
        {"event":"throttled","job_id":"ID","waited_ms":9000,"polls":7,"limit":{"requests":200,"period_ms":300000},"next_ms":1500}
        {"event":"throttled","job_id":"ID","waited_ms":9000,"polls":7,"limit":null,"next_ms":1500}
        {"event":"clock_corrected","job_id":"ID","waited_ms":9000,"polls":7,"off_by_ms":1240000,"ahead":true}
        {"event":"credential_refreshed","job_id":"ID","waited_ms":9000,"polls":7}
        {"event":"ended","job_id":"ID","waited_ms":9000,"polls":7,"result":{"job_id":"ID","project_id":"0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e","outcome":"failed","status":"FAIL","job_type":"masterStandbySwapJob","begin_time":"2023-05-15T22:59:05.379Z","end_time":"2023-05-15T22:59:08.248Z","duration_ms":2869,"fail_reason":"no space left","polls":7,"waited_ms":65000,"error":null}}
        "#);
    }
}
