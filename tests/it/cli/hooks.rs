//! `--webhook`, `--write` and `--exec`.

use std::fs;

use dcs_wait::sim::{SECRET_KEY, Step};

use super::harness::{Service, dcs_wait, json_lines};
use super::receiver::{Receiver, SECRET};

const OLD_SECRET: &str = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk";

#[test]
fn a_webhook_tells_of_the_end_and_is_signed() {
    let receiver = Receiver::answering([]);
    let service = Service::playing([Step::running(), Step::fail("no room")]);
    let ended = service
        .wait_for(["job", "--webhook", receiver.url()])
        .arg("--webhook-secret-file=secret")
        .file("secret", SECRET)
        .run();
    ended
        .exits_with(1)
        .says("hook webhook: delivered (HTTP 204")
        .keeps(&[SECRET]);
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].is_signed_with(SECRET));
    let told = received[0].json();
    assert_eq!(told["type"], "dcs.job.failed");
    assert_eq!(told["data"]["job_id"], "job");
    assert_eq!(told["data"]["fail_reason"], "no room");
}

#[test]
fn while_a_secret_is_replaced_both_sign() {
    let receiver = Receiver::answering([]);
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--webhook", receiver.url()])
        .args(["--webhook-secret-file=new", "--webhook-secret-file=old"])
        .file("new", SECRET)
        .file("old", OLD_SECRET)
        .run();
    ended.exits_with(0);
    let received = receiver.received();
    assert!(received[0].is_signed_with(SECRET));
    assert!(received[0].is_signed_with(OLD_SECRET));
}

#[test]
fn a_webhook_that_fails_in_passing_is_told_and_tried_again_under_its_id() {
    let receiver = Receiver::answering([503]);
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job", "--webhook", receiver.url()]).run();
    ended
        .exits_with(0)
        .says("hook webhook: attempt 1 failed: HTTP 503")
        .says("next try in")
        .says("hook webhook: delivered");
    let received = receiver.received();
    let ids: Vec<&str> = received
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(received[0].body, received[1].body);
}

#[test]
fn a_webhook_that_is_given_up_ends_with_5_where_the_job_succeeded() {
    for (step, code) in [(Step::success(), 5), (Step::fail("no room"), 1)] {
        for quiet in [&[][..], &["-q"]] {
            let receiver = Receiver::answering([410]);
            let service = Service::playing([step.clone()]);
            let ended = service
                .wait_for(["job", "--webhook", receiver.url()])
                .args(quiet)
                .run();
            ended
                .exits_with(code)
                .says("hook webhook: given up after attempt 1: HTTP 410")
                .prints_line("job ");
            assert_eq!(receiver.received().len(), 1);
        }
    }
}

#[test]
fn deliveries_are_events_for_programs() {
    let receiver = Receiver::answering([410]);
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--output=json", "--webhook", receiver.url()])
        .run()
        .exits_with(5);
    let told = json_lines(&ended.stderr);
    let told = told.last().unwrap();
    assert_eq!(told["event"], "delivery");
    assert_eq!(told["job_id"], "job");
    assert_eq!(told["hook"], "webhook");
    assert_eq!(told["state"], "dead");
}

#[test]
fn a_signal_ends_the_trying() {
    let receiver = Receiver::answering([503, 503, 503, 503]);
    let service = Service::playing([Step::success()]);
    let mut running = service
        .wait_for(["job", "--webhook", receiver.url()])
        .start();
    running.until_it_says("attempt 1 failed");
    running.signal("INT");
    running
        .ended()
        .exits_with(130)
        .says("interrupted before a hook had been delivered")
        .prints_line("job succeeded");
}

#[test]
fn each_job_is_written_to_a_file_of_its_own() {
    let service = Service::playing([Step::success()]).and("other", [Step::fail("no room")]);
    let ended = service
        .wait_for(["job", "other", "--write={outcome}-{job_id}.json"])
        .run()
        .exits_with(1);
    for (name, kind) in [
        ("succeeded-job.json", "dcs.job.succeeded"),
        ("failed-other.json", "dcs.job.failed"),
    ] {
        let text = fs::read_to_string(ended.home.path().join(name)).unwrap();
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["type"], kind);
    }
}

#[test]
fn a_program_gets_its_words_its_input_and_its_variables() {
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--exec"])
        .arg("sh -c 'cat > input; echo \"$DCS_JOB_ID $DCS_OUTCOME $1\" > seen' sh '$HOME; b'")
        .env("PATH", "/usr/bin:/bin")
        .run()
        .exits_with(0);
    let file = |name| fs::read_to_string(ended.home.path().join(name)).unwrap();
    assert_eq!(file("seen"), "job succeeded $HOME; b\n");
    let told: serde_json::Value = serde_json::from_str(&file("input")).unwrap();
    assert_eq!(told["type"], "dcs.job.succeeded");
}

#[test]
fn several_hooks_of_a_kind_all_fire() {
    let (one, other) = (Receiver::answering([410]), Receiver::answering([]));
    let service = Service::playing([Step::success()]);
    let ended = service
        .wait_for(["job", "--write=a.json", "--write=b.json"])
        .args(["--webhook", one.url(), "--webhook", other.url()])
        .run();
    let ended = ended
        .exits_with(5)
        .says("hook webhook-1: given up")
        .says("hook webhook-2: delivered");
    for name in ["a.json", "b.json"] {
        assert!(ended.home.path().join(name).exists(), "{name}");
    }
}

#[test]
fn hooks_are_only_for_the_outcomes_that_are_named() {
    for (step, code, fires) in [
        (Step::success(), 0, false),
        (Step::fail("no room"), 1, true),
    ] {
        let service = Service::playing([step]);
        let ended = service
            .wait_for(["job", "--write=x.json", "--hook-on=failed,timed_out"])
            .run()
            .exits_with(code);
        assert_eq!(ended.home.path().join("x.json").exists(), fires);
    }
}

#[test]
fn a_wait_that_is_called_off_fires_nothing() {
    let service = Service::playing([Step::running()]);
    let mut running = service.wait_for(["job", "--write=x.json"]).start();
    running.until_it_says("RUNNING");
    running.signal("INT");
    let ended = running.ended().exits_with(130);
    assert!(!ended.home.path().join("x.json").exists());
}

#[test]
fn a_hook_that_could_never_be_delivered_is_refused_before_the_first_request() {
    let cases: [(&[&str], &str); 12] = [
        (&["--webhook=ftp://host/x"], "only http: and https:"),
        (&["--webhook=nonsense"], "--webhook is no URL"),
        (
            &["--webhook=http://me:pw@host/"],
            "holds a user or a password",
        ),
        (&["--webhook-secret-file=secret"], "--webhook"),
        (
            &["--webhook=http://h/", "--webhook-secret-file=open"],
            "chmod 600",
        ),
        (
            &["--webhook=http://h/", "--webhook-secret-file=weak"],
            "holds no secret for webhooks",
        ),
        (
            &["--webhook=http://h/", "--webhook-secret-file=nowhere"],
            "can't read nowhere",
        ),
        (&["--write=no/such/x.json"], "no/such"),
        (&["--write={nonsense}.json"], "{nonsense}"),
        (&["--exec=echo 'a"], "isn't closed"),
        (&["--exec=no-such-program x"], "no-such-program"),
        (&["--hook-on=failed"], "--hook-on is given and no hook"),
    ];
    for (arguments, why) in cases {
        let service = Service::playing([Step::success()]);
        let ended = service
            .wait_for(["job"])
            .args(arguments)
            .env("PATH", "/usr/bin:/bin")
            .file("weak", "s3cret")
            .file("secret", SECRET)
            .file_with_mode("open", SECRET, 0o644)
            .run();
        ended
            .exits_with(2)
            .complains(why)
            .keeps(&[SECRET, "s3cret", "me:pw", SECRET_KEY]);
        assert!(service.requests().is_empty(), "{arguments:?}");
    }
}

#[test]
fn one_file_for_several_jobs_is_refused() {
    let service = Service::playing([Step::success()]).and("other", [Step::success()]);
    let ended = service.wait_for(["job", "other", "--write=x.json"]).run();
    ended
        .exits_with(2)
        .complains("put {job_id} into the file's name");
    assert!(service.requests().is_empty());
}

#[test]
fn an_outcome_that_is_none_is_refused_with_those_that_there_are() {
    let ended = dcs_wait(["job", "--write=x", "--hook-on=broken"]).run();
    ended.exits_with(2).complains("timed_out");
}
