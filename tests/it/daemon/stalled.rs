//! A daemon whose log or whose service manager doesn't read: everything else goes on.

use std::io::ErrorKind;
use std::os::unix::net::{UnixDatagram, UnixStream};

use dcs_wait::sim::Step;

use super::harness::{Daemon, House, until};
use crate::cli::streams::stalled;

/// Sees the daemon poll, answer, report itself ready, deliver and end.
#[track_caller]
fn works_and_ends(house: &House, daemon: Daemon) {
    let id = daemon.add("job-1");
    // At `debug`, each of these is logged: more than a pipe or a queue holds.
    until("polls", || house.polls("job-1") > 50);
    for _ in 0..50 {
        let (status, answer) = daemon.ask("/readyz");
        assert_eq!(status, 200, "{answer}");
    }
    house.job("job-1", [Step::success()]);
    assert_eq!(daemon.outcome(&id), "succeeded");
    house.receiver.until_arrived("job-1");
    daemon.signal("TERM");
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn a_daemon_whose_log_nobody_reads_polls_answers_delivers_and_ends() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    let (_reader, stderr) = stalled();
    let mut daemon = house.launch_with(|command| {
        command.stderr(stderr).env("WATCHDOG_USEC", "300000");
    });
    house.until_ready(&mut daemon);
    while !house.told(&mut daemon).contains("WATCHDOG=1") {}
    works_and_ends(&house, daemon);
}

#[test]
fn a_daemon_whose_service_manager_reads_nothing_polls_answers_delivers_and_ends() {
    let house = House::new();
    house.job("job-1", [Step::running()]);
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    let full = loop {
        if let Err(error) = other.send_to(b"STATUS=", house.path("notify")) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let daemon = house.launch_with(|command| {
        command.env("WATCHDOG_USEC", "300000");
    });
    let socket = house.path("control.sock");
    until("it listens", || UnixStream::connect(&socket).is_ok());
    works_and_ends(&house, daemon);
}
