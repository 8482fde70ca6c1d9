//! The commands against the daemon itself.

use dcs_wait::sim::Step;

use crate::cli::harness::{Invocation, dcs_wait};
use crate::daemon::harness::House;

fn asked<'a>(house: &House, arguments: impl AsRef<[&'a str]>) -> Invocation {
    dcs_wait(arguments).env(
        "DCS_WAIT_SOCKET",
        house.path("control.sock").to_str().unwrap(),
    )
}

#[test]
fn a_job_is_added_waited_for_and_its_hook_arrives() {
    let house = House::new();
    let daemon = house.start();
    house.job("good", [Step::running(), Step::success()]);
    house.job("bad", [Step::running(), Step::fail("no room")]);
    let ended = asked(&house, ["watch", "add", "good", "bad", "--wait"]).run();
    ended
        .exits_with(1)
        .says("good: succeeded")
        .says("no room")
        .prints_line("good succeeded ")
        .prints_line("bad failed ");
    assert_eq!(
        house.receiver.until_arrived("bad").body["type"],
        "dcs.job.failed"
    );
    house.receiver.until_arrived("good");

    // What has ended is joined, and its end is had at once.
    let ended = asked(&house, ["watch", "add", "good", "--wait"]).run();
    ended.exits_with(0).prints_line("good succeeded ");
    daemon.stop();
}

#[test]
fn the_daemon_tells_how_long_jobs_took_and_the_users_own_history_stays_empty() {
    let house = House::new();
    let daemon = house.start();
    house.job("job", [Step::success()]);
    let ended = asked(&house, ["watch", "add", "job", "--wait"]).run();
    let ended = ended.exits_with(0);
    assert!(!ended.home.path().join(".local").exists());
    let ended = asked(&house, ["history", "--daemon"]).run();
    ended
        .exits_with(0)
        .prints_line("masterStandbySwapJob  1     2.9s    2.9s  2.9s █");
    daemon.stop();
}

#[test]
fn an_end_is_found_over_a_kill_of_the_daemon() {
    let house = House::new();
    let daemon = house.start();
    house.job("job", [Step::running()]);
    let mut waiting = asked(&house, ["watch", "add", "job", "--wait"]).start();
    waiting.until_it_says("RUNNING");
    daemon.kill();
    waiting.until_it_says("no daemon answers at");
    house.job("job", [Step::success()]);
    let daemon = house.start();
    waiting.ended().exits_with(0).prints_line("job succeeded ");
    daemon.stop();
}

#[test]
fn a_watch_is_listed_shown_polled_cancelled_and_followed() {
    let house = House::new();
    let daemon = house.start();
    house.job("job", [Step::running()]);
    let ended = asked(&house, ["watch", "add", "job", "--timeout=none"]).run();
    let line = ended.exits_with(0).stdout;
    let id = line.split(' ').next().unwrap().to_owned();
    assert_eq!(line, format!("{id} job added\n"));

    let mut following = asked(&house, ["watch", "follow", &id]).start();
    assert!(following.next_printed().contains("  job: "));
    let ended = asked(&house, ["watch", "list", "--state=active", "--output=json"]).run();
    assert_eq!(ended.exits_with(0).results()[0]["id"], id.as_str());
    let ended = asked(&house, ["watch", "poll", &id]).run();
    ended
        .exits_with(0)
        .prints(&[&format!("{id} job is polled")]);
    let ended = asked(&house, ["watch", "cancel", "job"]).run();
    ended.exits_with(0).prints_line(format!("{id} job "));
    following.ended().exits_with(0).says_nothing();
    let ended = asked(&house, ["watch", "show", "job"]).run();
    ended
        .exits_with(0)
        .prints_line("state      cancelled")
        .prints_line("hooks      ci");
    let ended = asked(&house, ["watch", "cancel", "job"]).run();
    ended.exits_with(2).complains("ended already");
    let ended = asked(&house, ["watch", "show", "nobody"]).run();
    ended.exits_with(3).complains("no watch nobody");
    let ended = asked(&house, ["watch", "add", "job", "--hook=nobody"]).run();
    ended.exits_with(2).complains("there are: ci");
    daemon.stop();
}

#[test]
fn a_dead_delivery_is_found_and_carried_out_again_under_its_id() {
    let house = House::new();
    house.receiver.answer(410);
    let daemon = house.start();
    house.job("job", [Step::success()]);
    let ended = asked(&house, ["watch", "add", "job", "--wait"]).run();
    ended.exits_with(0);
    let dead = loop {
        let list = asked(
            &house,
            ["delivery", "list", "--state=dead", "--output=json"],
        )
        .run();
        if let [dead] = list.exits_with(0).results().as_slice() {
            break dead["id"].as_str().unwrap().to_owned();
        }
    };
    let ended = asked(&house, ["delivery", "show", &dead]).run();
    ended
        .exits_with(0)
        .prints_line(format!("delivery   {dead}"))
        .prints_line("state      dead")
        .prints_line("  - 1 ");
    // A receiver that wants no more is left alone until the next start.
    daemon.stop();
    house.receiver.answer(204);
    let daemon = house.start();
    let ended = asked(&house, ["delivery", "replay", "--dead", "--hook=ci"]).run();
    ended
        .exits_with(0)
        .says("replaying the one that is dead")
        .prints_line(&dead);
    assert_eq!(house.receiver.until_arrived("job").id, dead);
    daemon.stop();
}
