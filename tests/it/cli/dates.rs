//! `Date`s that aren't the service's move no signature.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use dcs_wait::clock::{Clock, SystemClock};

use super::harness::{Invocation, dcs_wait};

const HOUR: i64 = 3600;
const DECEMBER_9999: &str = "Fri, 31 Dec 9999 23:59:59 GMT";

/// The answer to a request, from the service or from something before it.
#[derive(Clone)]
struct Reply {
    status: u16,
    date: Date,
    headers: &'static str,
    body: &'static str,
    /// Whether the service sees the request, and so its signature.
    is_checked: bool,
}

#[derive(Clone, Copy)]
enum Date {
    /// The service's time and this many seconds.
    Off(i64),
    Fixed(&'static str),
    Missing,
}

const RUNNING: Reply = Reply {
    status: 200,
    date: Date::Off(0),
    headers: "",
    body: r#"{"job_id":"job","status":"RUNNING"}"#,
    is_checked: true,
};
const SUCCESS: Reply = Reply {
    body: r#"{"job_id":"job","status":"SUCCESS"}"#,
    ..RUNNING
};
const BAD_GATEWAY: Reply = Reply {
    status: 502,
    body: "<html><h1>502 Bad Gateway</h1></html>",
    is_checked: false,
    ..RUNNING
};

impl Reply {
    fn dated(self, date: Date) -> Self {
        Self { date, ..self }
    }

    fn off(self, seconds: i64) -> Self {
        self.dated(Date::Off(seconds))
    }

    fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }
}

/// A service whose clock is the machine's, and that checks the dates of signatures.
struct DatedService {
    url: String,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl DatedService {
    /// One that gives these answers in turn, and then the last again and again.
    fn answering(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let statuses: Arc<Mutex<Vec<u16>>> = Arc::default();
        let shared = Arc::clone(&statuses);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (replies, statuses) = (replies.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(socket.unwrap(), &replies, &statuses));
            }
        });
        Self { url, statuses }
    }

    fn wait(&self) -> Invocation {
        dcs_wait(super::harness::IMPATIENT)
            .args(["job", "--timeout=30s", "--schedule=exponential"])
            .env("DCS_WAIT_ENDPOINT", &self.url)
            .env("DCS_WAIT_PROJECT_ID", "0f9a")
            .env("HUAWEICLOUD_SDK_AK", "access")
            .env("HUAWEICLOUD_SDK_SK", "secret")
    }

    fn refused(&self) -> usize {
        let statuses = self.statuses.lock().unwrap();
        statuses.iter().filter(|status| **status == 401).count()
    }
}

fn serve(socket: TcpStream, replies: &[Reply], statuses: &Mutex<Vec<u16>>) {
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut socket = socket;
    loop {
        let mut signed_at = None;
        loop {
            let Some(Ok(line)) = lines.next() else { return };
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("x-sdk-date")
            {
                signed_at = Some(time_of(value));
            }
        }
        let now = SystemClock.now();
        let mut statuses = statuses.lock().unwrap();
        let reply = replies.get(statuses.len()).or(replies.last()).unwrap();
        let (mut status, mut body) = (reply.status, reply.body);
        let off = signed_at.map(|at| {
            at.duration_since(now)
                .unwrap_or_else(|early| early.duration())
        });
        if reply.is_checked && off.is_none_or(|off| off > Duration::from_secs(900)) {
            status = 401;
            body = r#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: x-sdk-date has expired"}"#;
        }
        statuses.push(status);
        drop(statuses);
        let date = match reply.date {
            Date::Missing => String::new(),
            Date::Fixed(text) => format!("date: {text}\r\n"),
            Date::Off(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                let time = if seconds < 0 { now - by } else { now + by };
                format!("date: {}\r\n", httpdate::fmt_http_date(time))
            }
        };
        let text = format!(
            "HTTP/1.1 {status} X\r\n{date}{}content-length: {}\r\n\r\n{body}",
            reply.headers,
            body.len()
        );
        if socket.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// Of `20230516T063905Z`; what isn't a time is as far off as any.
fn time_of(text: &str) -> SystemTime {
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(9, 11), part(11, 13), part(13, 15));
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&text).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Waits for the job to its success. Says how many requests were refused.
#[track_caller]
fn refused_of(mut replies: Vec<Reply>) -> usize {
    replies.push(SUCCESS);
    let count = replies.len();
    let service = DatedService::answering(replies);
    service.wait().run().exits_with(0);
    assert!(service.statuses.lock().unwrap().len() >= count);
    service.refused()
}

#[test]
fn the_date_of_a_gateways_error_moves_no_signature() {
    let bad = BAD_GATEWAY.off(-5 * HOUR);
    let replies = vec![RUNNING, bad.clone(), bad.clone(), bad, RUNNING, RUNNING];
    assert_eq!(refused_of(replies), 0);
}

#[test]
fn the_date_of_a_stored_answer_moves_no_signature() {
    for marks in [
        "age: 86400\r\n",
        "x-cache: HIT\r\n",
        "warning: 110 - \"stale\"\r\n",
    ] {
        let stored = RUNNING.off(-20 * HOUR).with(marks);
        let replies = vec![RUNNING, stored.clone(), stored.clone(), stored, RUNNING];
        assert_eq!(refused_of(replies), 0, "{marks}");
    }
}

#[test]
fn dates_that_alternate_move_no_signature() {
    let replies = [RUNNING, RUNNING.off(5 * HOUR)];
    let replies = replies.iter().cycle().take(12).cloned().collect();
    assert_eq!(refused_of(replies), 0);
}

#[test]
fn a_proxy_that_writes_its_own_date_costs_one_refused_request() {
    for off in [-5 * HOUR, 5 * HOUR, 20 * HOUR] {
        assert_eq!(refused_of(vec![RUNNING.off(off); 12]), 1, "{off}");
    }
    assert_eq!(refused_of(vec![RUNNING.off(-48 * HOUR); 12]), 0);
}

#[test]
fn a_date_that_cannot_be_true_moves_no_signature() {
    for date in [
        Date::Fixed(DECEMBER_9999),
        Date::Fixed("Thu, 01 Jan 1970 00:00:00 GMT"),
        Date::Fixed("yesterday"),
        Date::Missing,
    ] {
        assert_eq!(refused_of(vec![RUNNING.dated(date); 6]), 0);
    }
}

#[test]
fn a_refusal_with_a_date_that_cannot_be_true_is_about_the_credential() {
    let refusal = Reply {
        status: 401,
        date: Date::Fixed(DECEMBER_9999),
        body: r#"{"error_code":"APIGW.0301","error_msg":"no"}"#,
        ..RUNNING
    };
    let service = DatedService::answering(vec![RUNNING, refusal]);
    service.wait().run().exits_with(4);
    assert_eq!(service.refused(), 1);
}
