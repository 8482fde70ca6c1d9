//! Values of options that can't be used.

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, Step};

use super::harness::{Service, dcs_wait};

/// The option's value is refused, with these words, before anybody is asked.
#[track_caller]
fn refuses(argument: &str, words: &[&str]) {
    let service = Service::playing([Step::success()]);
    let mut ended = dcs_wait(["job", argument])
        .env("DCS_WAIT_ENDPOINT", service.url())
        .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        .run()
        .exits_with(2)
        .complains("error: ");
    for word in words {
        ended = ended.says(word);
    }
    assert!(service.requests().is_empty(), "{argument}");
}

#[test]
fn a_duration_that_is_none_is_refused_with_an_example() {
    for option in [
        "--timeout",
        "--initial-interval",
        "--max-interval",
        "--request-timeout",
        "--not-found-grace",
    ] {
        for (value, why) in [
            ("-5s", "can't be negative"),
            ("10", "time unit needed"),
            ("", "it is no duration"),
            ("5 parsecs", "unknown time unit"),
            ("11y", "longer than ten years"),
            ("99999999999999999999s", "number is too large"),
            ("1e3s", "such as 90s"),
            ("soon", "it is no duration"),
        ] {
            refuses(&format!("{option}={value}"), &[option, why, "such as 90s"]);
        }
    }
}

#[test]
fn only_the_timeout_may_be_none() {
    refuses(
        "--request-timeout=none",
        &["--request-timeout", "such as 90s"],
    );
    let service = Service::playing([Step::success()]);
    let ended = service.wait_for(["job", "--timeout=none"]).run();
    ended.exits_with(0);
}

#[test]
fn intervals_that_contradict_each_other_are_refused() {
    refuses("--initial-interval=1m", &["--max-interval"]);
    refuses("--initial-interval=0s", &["--initial-interval", "10ms"]);
    refuses("--max-interval=25h", &["--max-interval", "24h"]);
}

#[test]
fn factors_out_of_their_range_are_refused() {
    for value in ["1.1", "-0.1", "NaN", "much"] {
        refuses(&format!("--jitter={value}"), &["--jitter"]);
    }
    for value in ["0.5", "-2", "inf", "101", "much"] {
        refuses(&format!("--multiplier={value}"), &["--multiplier"]);
    }
}

#[test]
fn a_rate_out_of_its_range_is_refused() {
    for value in ["0", "-1", "inf", "NaN", "100001", "many"] {
        let range = "a number from 0.001 to 100000";
        refuses(&format!("--max-rps={value}"), &["--max-rps", range]);
    }
}

#[test]
fn a_request_timeout_of_zero_is_refused() {
    refuses("--request-timeout=0s", &["--request-timeout is zero"]);
}

#[test]
fn a_timeout_of_the_environment_is_checked_like_the_option() {
    let service = Service::playing([Step::running()]);
    for (value, why) in [("-1s", "can't be negative"), ("10", "time unit needed")] {
        let ended = service
            .wait_for(["job"])
            .env("DCS_WAIT_TIMEOUT", value)
            .run();
        ended
            .exits_with(2)
            .complains("DCS_WAIT_TIMEOUT")
            .says(why)
            .says("'none' for no limit");
    }
    let ended = service
        .wait_for(["job"])
        .env("DCS_WAIT_TIMEOUT", "100ms")
        .run();
    ended.exits_with(124);
}

#[test]
fn a_timeout_that_is_given_wins_over_the_environment() {
    let service = Service::playing([Step::running()]);
    let ended = service
        .wait_for(["job", "--timeout=100ms"])
        .env("DCS_WAIT_TIMEOUT", "none")
        .run();
    ended.exits_with(124);
}

#[test]
fn a_timeout_of_zero_asks_once() {
    let service = Service::playing([Step::running()]).and("good", [Step::success()]);
    let ended = service.wait_for(["job", "good", "--timeout=0s"]).run();
    ended.exits_with(124).prints_line("good succeeded ");
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let service = Service::playing([Step::success()]);
    for pair in [["--any", "--fail-fast"], ["-q", "-v"]] {
        let ended = service.wait_for(["job"]).args(pair).run();
        ended.exits_with(2).complains("cannot be used with");
    }
}

#[test]
fn an_unknown_output_is_refused_with_those_that_there_are() {
    let ended = Service::default().wait_for(["job", "--output=xml"]).run();
    ended.exits_with(2).complains("xml").says("json");
}
