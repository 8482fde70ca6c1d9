//! Events and reports for the tests of reporters, and a place for what these write.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use crate::model::{
    Estimate, Fault, Job, JobId, JobStatus, Outcome, WatchEvent, WatchEventKind, WatchReport,
};

pub(super) const FIRST: &str = "ff8080818822bbf70188235afc24141a";
pub(super) const SECOND: &str = "ff8080818822bbf70188235afc24141b";

/// A text that attacks a terminal, a log, a runner of GitHub and a Markdown table.
pub(super) const HOSTILE: &str =
    "a\u{1b}[2J\u{9b}1m\r\n::error::b%0A##[group]c | `<img>` \u{202E}d, e: f";

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn id(id: &str) -> JobId {
    id.parse().unwrap()
}

pub(super) fn job(status: &str) -> Job {
    Job {
        status: JobStatus::from(status),
        job_type: Some("masterStandbySwapJob".into()),
        begin_time: Some(UNIX_EPOCH + Duration::from_millis(1_684_191_545_379)),
        end_time: None,
        fail_reason: None,
    }
}

/// One that ran for 2.869 seconds.
pub(super) fn ended_job(status: &str) -> Job {
    Job {
        end_time: Some(UNIX_EPOCH + Duration::from_millis(1_684_191_548_248)),
        ..job(status)
    }
}

pub(super) fn polled(status: &str, changed: bool) -> WatchEventKind {
    WatchEventKind::Polled {
        job: Arc::new(job(status)),
        changed,
        next: seconds(4),
        estimate: None,
    }
}

/// One whose type usually takes 2m10s, with that much left.
pub(super) fn expected(status: &str, changed: bool, left: Option<Duration>) -> WatchEventKind {
    expected_from(31, status, changed, left)
}

/// One that so many before it let expect something of.
pub(super) fn expected_from(
    count: usize,
    status: &str,
    changed: bool,
    left: Option<Duration>,
) -> WatchEventKind {
    WatchEventKind::Polled {
        job: Arc::new(job(status)),
        changed,
        next: seconds(4),
        estimate: Some(Estimate {
            count,
            median: Duration::from_millis(130_312),
            p90: seconds(180),
            left,
        }),
    }
}

pub(super) fn fault(http_status: u16, request_id: &str) -> Fault {
    Fault {
        http_status: Some(http_status),
        code: Some("DCS.5000".into()),
        message: "Internal service error.".into(),
        request_id: Some(request_id.into()),
    }
}

pub(super) fn trouble(http_status: u16, in_a_row: u32) -> WatchEventKind {
    WatchEventKind::Trouble {
        fault: fault(http_status, &format!("r{in_a_row}")),
        in_a_row,
        next: seconds(4),
    }
}

pub(super) fn report(outcome: Outcome, job: Option<Job>, fault: Option<Fault>) -> WatchReport {
    WatchReport {
        job_id: id(FIRST),
        project_id: "0f9a9c1e2f0b4e079d2c0b7f6a1c2d3e".parse().ok(),
        outcome,
        job,
        polls: 7,
        waited: seconds(65),
        fault,
    }
}

pub(super) fn failed(reason: &str) -> WatchReport {
    let job = Job {
        fail_reason: Some(reason.into()),
        ..ended_job("FAIL")
    };
    report(Outcome::Failed, Some(job), None)
}

pub(super) fn ended(report: WatchReport) -> WatchEventKind {
    WatchEventKind::Ended(Box::new(report))
}

pub(super) fn event(job_id: &str, waited: u64, kind: WatchEventKind) -> WatchEvent {
    WatchEvent {
        job_id: id(job_id),
        waited: seconds(waited),
        polls: 7,
        kind,
    }
}

/// What was written. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn boxed(&self) -> Box<dyn Write + Send> {
        Box::new(self.clone())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A standard error that nobody reads any more.
pub(super) struct Broken;

impl Write for Broken {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}
