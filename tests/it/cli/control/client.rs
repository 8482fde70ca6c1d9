//! Daemons that don't answer, or not as they should.

use super::stand_in::{StandIn, TOKEN, active, detail, error};
use crate::cli::harness::dcs_wait;

#[test]
fn where_there_is_no_socket_it_is_said_what_to_look_at() {
    let ended = dcs_wait(["watch", "list", "--socket=nowhere.sock"]).run();
    ended
        .exits_with(2)
        .complains("no daemon answers at nowhere.sock: there is no such socket")
        .says("systemctl status dcs-wait")
        .says("--socket");
}

#[test]
fn where_nothing_else_is_said_the_socket_is_that_of_the_service() {
    let ended = dcs_wait(["watch", "list"]).run();
    ended
        .exits_with(2)
        .complains("no daemon answers at /run/dcs-wait/control.sock");
}

#[test]
fn a_socket_that_a_crash_left_is_told_from_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let ended = dcs_wait(["watch", "list", "--socket", path.to_str().unwrap()]).run();
    ended
        .exits_with(2)
        .complains("is it running?")
        .never_says("no such socket");
}

#[test]
fn a_token_goes_to_a_daemon_on_tcp() {
    let daemon = StandIn::new().answers(
        "GET /v1/watches/01936c2f-5e00-7000-8000-000000000001",
        200,
        detail(active()),
    );
    let show = |token: &str| {
        dcs_wait(["watch", "show", super::stand_in::WATCH, "--url"])
            .arg(&daemon.url())
            .arg("--token-file=token")
            .file("token", token)
            .run()
    };
    show(TOKEN).exits_with(0).prints_line("watch ");
    show("wrong").exits_with(4).complains("refuses the token");
}

#[test]
fn tcp_without_a_token_is_refused_before_anybody_is_asked() {
    let ended = dcs_wait(["watch", "list", "--url=http://127.0.0.1:1"]).run();
    ended.exits_with(2).complains("--token-file");
    for (url, why) in [
        ("ftp://host", "neither http nor https"),
        ("nowhere", "is no URL"),
        ("http://me:secret@host", "carries a user or a password"),
    ] {
        let ended = dcs_wait(["watch", "list", "--token-file=token", "--url", url])
            .file("token", TOKEN)
            .run();
        ended.exits_with(2).complains(why).keeps(&["secret@"]);
    }
}

#[test]
fn a_token_file_that_is_open_to_others_is_refused() {
    let ended = dcs_wait(["watch", "list", "--url=http://127.0.0.1:1"])
        .env("DCS_WAIT_TOKEN_FILE", "token")
        .file_with_mode("token", TOKEN, 0o644)
        .run();
    ended.exits_with(2).complains("chmod 600").keeps(&[TOKEN]);
}

#[test]
fn what_the_daemon_says_is_said_again_and_cleaned() {
    let daemon = StandIn::new().answers(
        "POST /v1/watches",
        400,
        error(
            "unknown_hook",
            "there is no hook \u{1b}[2J\"x\"; there are: deploy",
        ),
    );
    let ended = daemon.asked(["watch", "add", "job", "--hook=x"]).run();
    ended
        .exits_with(2)
        .complains("there are: deploy")
        .never_says("\u{1b}");
}

#[test]
fn an_answer_of_another_version_is_told_as_such() {
    for (status, text) in [(200, "{\"watches\": 7}"), (200, "<html>"), (404, "gone")] {
        let daemon = StandIn::new().answers_text("GET /v1/watches?limit=100", status, text);
        let ended = daemon.asked(["watch", "list"]).run();
        ended
            .exits_with(2)
            .complains("is no daemon of this version")
            .says(env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn a_daemon_that_takes_too_long_may_be_faster_later() {
    let daemon = StandIn::new().answers(
        "GET /v1/watches?limit=100",
        408,
        error("too_slow", "it couldn't be answered in time"),
    );
    daemon
        .asked(["watch", "list"])
        .run()
        .exits_with(75)
        .complains("it couldn't be answered in time");
}
