//! Readers that stall: of standard output, of standard error, of both; and streams that don't block.

use std::io::pipe;
use std::process::Stdio;
use std::thread;

use dcs_wait::sim::Step;
use hyper::StatusCode;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::harness::{Invocation, Service, json_lines};
use super::receiver::Receiver;
use super::streams::{resumed, stalled, until};

/// More than pipes take, and more than a queue keeps of progress.
const JOBS: usize = 400;

/// Many jobs that all go on as the steps say.
fn many(steps: impl Into<Vec<Step>>) -> Service {
    let steps = steps.into();
    (0..JOBS).fold(Service::default(), |service, number| {
        service.and(&format!("job-{number}"), steps.clone())
    })
}

/// The wait for all of them.
fn waiting(service: &Service, options: &[&str]) -> Invocation {
    let wait = service.wait_for(options);
    (0..JOBS).fold(wait, |wait, number| wait.arg(&format!("job-{number}")))
}

#[test]
fn hooks_fire_and_the_end_comes_though_the_progress_is_not_read() {
    let receiver = Receiver::answering([]);
    let service = many([Step::running(), Step::success()]);
    let (_reader, stderr) = stalled();
    let wait = waiting(&service, &["--output=json", "--webhook", receiver.url()]);
    let ended = wait.stderr_to(stderr).stdout_to(Stdio::piped()).begin();
    let results = ended.ended().exits_with(0).results();
    assert_eq!(results.len(), JOBS);
    assert_eq!(receiver.received().len(), JOBS);
}

#[test]
fn the_time_out_comes_though_nothing_is_read() {
    let service = many([Step::running()]);
    for options in [&["--output=json"][..], &["-v"], &["--output=github"]] {
        let ((_out, stdout), (_err, stderr)) = (stalled(), stalled());
        let wait = waiting(&service, options).arg("--timeout=300ms");
        let started = wait.stdout_to(stdout).stderr_to(stderr).begin();
        started.ended().exits_with(124);
    }
}

#[test]
fn jobs_that_succeed_time_out_where_their_results_are_not_read() {
    let service = many([Step::success()]);
    let (_reader, stdout) = stalled();
    let wait = waiting(&service, &["-q", "--timeout=10s"]).stdout_to(stdout);
    wait.stderr_to(Stdio::piped())
        .begin()
        .ended()
        .exits_with(124)
        .says("timed out: standard output was not read");
}

#[test]
fn a_job_that_failed_says_so_by_its_code_where_its_result_is_not_read() {
    let service = Service::playing([Step::fail("no room")]);
    let (_reader, stdout) = stalled();
    let wait = service.wait_for(["job", "-q", "--timeout=5s"]);
    wait.stdout_to(stdout)
        .stderr_to(Stdio::piped())
        .begin()
        .ended()
        .exits_with(1)
        .says("standard output was not read");
}

#[test]
fn signals_end_a_wait_though_nothing_is_read() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let service = many([Step::running()]);
        let ((_out, stdout), (_err, stderr)) = (stalled(), stalled());
        let wait = waiting(&service, &["--output=json"]);
        let started = wait.stdout_to(stdout).stderr_to(stderr).begin();
        until(|| service.requests().len() > JOBS);
        started.signal(signal);
        started.ended().exits_with(code);
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_reader_of_the_results() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let service = Service::playing([Step::success()]);
        let (_reader, stdout) = stalled();
        let wait = service.wait_for(["job", "--exec=touch fired"]);
        let started = wait
            .env("PATH", "/usr/bin:/bin")
            .stdout_to(stdout)
            .stderr_to(Stdio::piped())
            .begin();
        until(|| started.home().join("fired").exists());
        started.signal(signal);
        started.ended().exits_with(code);
    }
}

#[test]
fn a_reader_that_resumes_gets_every_result() {
    let receiver = Receiver::answering([]);
    let service = many([Step::success()]);
    let (reader, stdout) = stalled();
    let wait = waiting(
        &service,
        &["--output=json", "-q", "--webhook", receiver.url()],
    );
    let started = wait.stdout_to(stdout).stderr_to(Stdio::null()).begin();
    until(|| receiver.received().len() == JOBS);
    let results = json_lines(&resumed(reader));
    started.ended().exits_with(0);
    assert_eq!(results.len(), JOBS);
}

#[test]
fn a_reader_that_resumes_learns_how_many_lines_it_missed() {
    for (form, report) in [
        ("json", "{\"event\":\"lines_dropped\",\"lines\":"),
        ("text", " lines dropped, as they were not read in time"),
    ] {
        let long = "x".repeat(300);
        let trouble = Step::error(StatusCode::SERVICE_UNAVAILABLE, "DCS.5000", &long);
        let service = many([trouble]);
        let (reader, stderr) = stalled();
        let wait = waiting(&service, &["-v", "--output", form]);
        let started = wait.stdout_to(Stdio::null()).stderr_to(stderr).begin();
        // All lines together exceed the capacity of the queue.
        until(|| service.requests().len() > 4000);
        let reading = thread::spawn(move || resumed(reader));
        until(|| service.requests().len() > 4400);
        started.signal("TERM");
        started.ended().exits_with(143);
        let text = reading.join().unwrap();
        assert!(text.contains(report), "{form}");
    }
}

#[test]
fn one_terminal_or_log_for_both_streams_keeps_them_in_their_order() {
    let service = Service::playing([Step::running(), Step::success()]);
    let (reader, both) = pipe().unwrap();
    let wait = service.wait_for(["job", "--output=text"]);
    let wait = wait.stdout_to(both.try_clone().unwrap());
    let started = wait.stderr_to(both).begin();
    let text = resumed(reader);
    started.ended().exits_with(0);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("waiting for job job"), "{text}");
    assert!(
        lines[lines.len() - 1].starts_with("job succeeded"),
        "{text}"
    );
}

#[test]
fn a_pipe_that_does_not_block_gets_every_line_of_either_stream() {
    let service = many([Step::running(), Step::success()]);
    let pipes = [pipe().unwrap(), pipe().unwrap()];
    for (_, writer) in &pipes {
        let flags = fcntl_getfl(writer).unwrap();
        fcntl_setfl(writer, flags | OFlags::NONBLOCK).unwrap();
    }
    let [(out, stdout), (err, stderr)] = pipes;
    let wait = waiting(&service, &["--output=json", "--max-rps=100000"]);
    let started = wait.stdout_to(stdout).stderr_to(stderr).begin();
    // Both pipes are full by then.
    until(|| service.requests().len() >= 2 * JOBS);
    let progress = thread::spawn(move || json_lines(&resumed(err)));
    let results = json_lines(&resumed(out));
    started.ended().exits_with(0);
    assert_eq!(results.len(), JOBS);
    assert_eq!(progress.join().unwrap().len(), 3 * JOBS);
}

#[test]
fn an_answer_of_a_command_waits_for_its_reader_and_ends_by_a_signal() {
    let (reader, stdout) = stalled();
    let command = || super::harness::dcs_wait(["--help"]).stderr_to(Stdio::piped());
    let started = command().stdout_to(stdout).begin();
    let reading = thread::spawn(move || resumed(reader));
    started.ended().exits_with(0);
    assert!(reading.join().unwrap().contains("--timeout"));

    let (_reader, stdout) = stalled();
    let started = command().stdout_to(stdout).begin();
    until(|| started.hears_signals());
    started.signal("TERM");
    started.ended().exits_with(143);
}
