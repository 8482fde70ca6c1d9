//! Receivers and programs don't decide how long a finished wait takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use dcs_wait::sim::Step;

use super::harness::{Service, dcs_wait, json_lines};
use super::streams::until;

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// It sends this, and closes the connection.
    Whole(&'static str),
    /// It sends a byte now and then, without an end.
    Dribbled,
    /// It never answers.
    None,
}

const OK: Answer = Answer::Whole("HTTP/1.1 204 No Content\r\n\r\n");

/// A receiver that answers with these in turn, and with the last one from then on.
struct Receiver {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Receiver {
    fn answering<const N: usize>(answers: [Answer; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("--webhook=http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let answer = answers[count.fetch_add(1, Ordering::Relaxed).min(N - 1)];
                thread::spawn(move || serve(connection.unwrap(), answer));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut connection: TcpStream, answer: Answer) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut length = 0;
    for line in reader.by_ref().lines().map_while(Result::ok) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    drop(reader.read_exact(&mut vec![0; length]));
    match answer {
        Answer::Whole(text) => drop(connection.write_all(text.as_bytes())),
        Answer::Dribbled => {
            let text = b"HTTP/1.1 200 OK\r\nx: "
                .iter()
                .chain([b'x'].iter().cycle());
            for byte in text {
                if connection.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::park_timeout(Duration::from_millis(20));
            }
        }
        Answer::None => drop(reader.read_to_end(&mut Vec::new())),
    }
}

#[test]
fn a_receiver_that_asks_for_a_long_wait_is_tried_again_as_soon_as_any_other() {
    for refusal in [
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
    ] {
        let receiver = Receiver::answering([Answer::Whole(refusal), OK]);
        let service = Service::playing([Step::success()]);
        let ended = service.wait_for(["job", receiver.url.as_str()]).run();
        ended.exits_with(0).says("hook webhook: delivered");
        assert_eq!(receiver.requests(), 2, "{refusal}");
    }
}

#[test]
fn no_receiver_keeps_a_finished_wait_for_longer_than_the_hook_time_out() {
    for answer in [
        Answer::None,
        Answer::Dribbled,
        Answer::Whole("HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"),
        Answer::Whole("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
        Answer::Whole("nonsense"),
    ] {
        for (step, code) in [(Step::success(), 5), (Step::fail("no room"), 1)] {
            let receiver = Receiver::answering([answer]);
            let service = Service::playing([step]);
            let ended = service
                .wait_for(["job", receiver.url.as_str(), "--hook-timeout=400ms"])
                .run();
            ended
                .exits_with(code)
                .says("hook webhook: given up after attempt ")
                .says("not delivered within 400ms after the end of the wait")
                .prints_line("job ");
        }
    }
}

#[test]
fn a_program_that_never_ends_is_ended_by_the_hook_time_out_and_reported_to_programs() {
    let service = Service::playing([Step::success()]).and("other", [Step::success()]);
    let ended = service
        .wait_for(["job", "other", "--exec=sleep 1000", "--hook-timeout=400ms"])
        .args(["--output=json"])
        .env("PATH", "/usr/bin:/bin")
        .run()
        .exits_with(5);
    let events = json_lines(&ended.stderr);
    let dead = events.iter().filter(|event| event["state"] == "dead");
    assert_eq!(dead.count(), 2, "{events:?}");
}

#[test]
fn hooks_of_a_job_that_ended_early_have_the_whole_time_out_after_the_last_one() {
    let refusal = Answer::Whole("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let receiver = Receiver::answering([refusal, OK]);
    let service = Service::playing([Step::success()]).and(
        "other",
        [
            Step::running().lasting(Duration::from_secs(2)),
            Step::success(),
        ],
    );
    let ended = service
        .wait_for(["job", "other", receiver.url.as_str(), "--hook-timeout=30s"])
        .run();
    ended.exits_with(0).says("job: hook webhook: delivered");
}

#[test]
fn a_signal_ends_the_wait_for_a_receiver_that_never_answers() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let receiver = Receiver::answering([Answer::None]);
        let service = Service::playing([Step::success()]);
        let wait = service.wait_for(["job", receiver.url.as_str()]);
        let started = wait.stderr_to(Stdio::piped()).begin();
        until(|| receiver.requests() == 1);
        started.signal(signal);
        started
            .ended()
            .exits_with(code)
            .says("interrupted before a hook had been delivered");
    }
}

#[test]
fn a_hook_time_out_of_nothing_or_for_no_hook_is_refused() {
    for (arguments, why) in [
        (
            &["--hook-timeout=1s"][..],
            "--hook-timeout is given and no hook",
        ),
        (
            &["--write=x", "--hook-timeout=0s"],
            "--hook-timeout is zero",
        ),
    ] {
        let ended = dcs_wait(["job"]).args(arguments).run();
        ended.exits_with(2).complains(why);
    }
}
