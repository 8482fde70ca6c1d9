//! What the command makes of the process that it is: its limits, and its being the first one.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use dcs_wait::sim::Step;

use super::harness::Service;
use super::streams::until;

#[test]
fn a_limit_of_file_sizes_ends_no_wait_and_is_reported_where_it_matters() {
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job"]).run_limited("ulimit -f 0");
    ended
        .exits_with(0)
        .says("how long the jobs took isn't kept: ")
        .says("File too large")
        .prints_line("job succeeded ");
}

#[test]
fn a_result_that_exceeds_a_limit_of_file_sizes_is_reported() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--no-history"])
        .run_limited("ulimit -f 0; exec > results");
    ended
        .exits_with(0)
        .says("can't write to standard output: File too large");
}

#[test]
fn a_file_hook_that_exceeds_a_limit_of_file_sizes_is_not_delivered() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for([
            "job",
            "--write=x.json",
            "--hook-timeout=300ms",
            "--no-history",
        ])
        .run_limited("ulimit -f 0");
    let ended = ended.exits_with(5).says("File too large");
    assert!(!ended.home.path().join("x.json").exists());
}

#[test]
fn programs_that_are_run_get_the_default_of_every_signal_back() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for([
            "job",
            "--exec",
            "sh -c 'grep ^SigIgn /proc/self/status > ignored'",
        ])
        .env("PATH", "/usr/bin:/bin")
        .run()
        .exits_with(0);
    let ignored = fs::read_to_string(ended.home.path().join("ignored")).unwrap();
    let ignored = ignored.trim_start_matches("SigIgn:").trim();
    const SIGPIPE_AND_SIGXFSZ: u64 = 1 << 12 | 1 << 24;
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_eq!(ignored & SIGPIPE_AND_SIGXFSZ, 0, "{ignored:x}");
}

/// The processes whose parent this is.
fn children_of(id: u32) -> Vec<u32> {
    let path = format!("/proc/{id}/task/{id}/children");
    let ids = fs::read_to_string(path).unwrap_or_default();
    ids.split_whitespace().flat_map(str::parse).collect()
}

#[test]
fn as_the_first_process_of_a_container_it_reaps_orphans_and_ends_by_a_signal() {
    const UNSHARE: [&str; 3] = ["--pid", "--fork", "--mount-proc"];
    let may_unshare = Command::new("unshare").args(UNSHARE).arg("true").status();
    if !may_unshare.is_ok_and(|status| status.success()) {
        let why = "skipped: process namespaces can't be made here";
        return drop(writeln!(std::io::stderr(), "{why}"));
    }
    let service = Service::playing([Step::success()]).and("endless", [Step::running()]);
    let orphan = r#"--exec=sh -c "(sh -c 'echo > orphan; exit 7' &); exit 3""#;
    let started = service
        .wait_for(["job", "endless", orphan, "--hook-timeout=300ms"])
        .env("PATH", "/usr/bin:/bin")
        .through("unshare", UNSHARE)
        .stderr_to(Stdio::piped())
        .begin();
    until(|| started.home().join("orphan").exists());
    let first = children_of(started.id());
    assert_eq!(first.len(), 1, "unshare runs the command");
    until(|| children_of(first[0]).is_empty());
    let kill = format!("kill -TERM {}", first[0]);
    Command::new("sh").args(["-c", &kill]).status().unwrap();
    started
        .ended()
        .exits_with(143)
        .says("hook exec: attempt 1 failed: exit code 3");
}
