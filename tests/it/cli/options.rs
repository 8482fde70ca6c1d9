//! Options: values that can't be used, and what follows from those that can.

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, Step};
use serde_json::Value;

use super::harness::{Invocation, Service, dcs_wait};

/// The command, told where this service is, with these options and no others.
fn wait_with(service: &Service, options: &[&str]) -> Invocation {
    dcs_wait(["job"])
        .args(options)
        .env("DCS_WAIT_ENDPOINT", service.url())
        .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
}

/// The option's value is refused, with these words, before anybody is asked.
#[track_caller]
fn refuses(argument: &str, words: &[&str]) {
    refuses_all(&[argument], words);
}

/// Likewise for several of them.
#[track_caller]
fn refuses_all(options: &[&str], words: &[&str]) {
    let service = Service::playing([Step::success()]);
    let mut ended = wait_with(&service, options)
        .run()
        .exits_with(2)
        .complains("error: ");
    for word in words {
        ended = ended.says(word);
    }
    assert!(service.requests().is_empty(), "{options:?}");
}

/// The time from the first request to the second, in milliseconds, as it is told in advance.
fn first_interval(options: &[&str]) -> u64 {
    let service = Service::playing([Step::running()]);
    let mut running = wait_with(&service, options).arg("--output=json").start();
    loop {
        let event: Value = serde_json::from_str(&running.next_said()).unwrap();
        if let Some(next) = event["next_ms"].as_u64() {
            return next;
        }
    }
}

#[test]
fn a_duration_that_is_none_is_refused_with_an_example() {
    for option in [
        "--timeout",
        "--initial-interval",
        "--max-interval",
        "--request-timeout",
        "--not-found-grace",
        "--delay-per-request",
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
fn what_a_request_is_worth_has_a_range() {
    for value in ["0s", "9ms", "61m"] {
        let range = "--delay-per-request must be from 10ms to 1h";
        refuses(&format!("--delay-per-request={value}"), &[range]);
    }
}

#[test]
fn a_schedule_that_is_none_is_refused_with_those_that_there_are() {
    for value in ["fixed", ""] {
        let both = ["--schedule", "learned", "exponential"];
        refuses(&format!("--schedule={value}"), &both);
    }
}

#[test]
fn what_a_request_is_worth_is_refused_where_the_schedule_is_exponential() {
    refuses_all(
        &["--delay-per-request=1s", "--schedule=exponential"],
        &[
            "--delay-per-request is for the learned schedule",
            "leave one",
        ],
    );
    for option in [
        "--initial-interval=2s",
        "--max-interval=1m",
        "--multiplier=2",
        "--jitter=0",
    ] {
        let (name, _) = option.split_once('=').unwrap();
        refuses_all(
            &["--delay-per-request=1s", option],
            &[
                &format!("{name} by itself"),
                "give --schedule learned as well",
            ],
        );
    }
}

#[test]
fn jobs_are_asked_for_by_the_learned_schedule_unless_it_is_said_otherwise() {
    // Without history √(2κ · 10 s), 10% more or less, and κ at least.
    let usual = 2800..=3900;
    assert!(usual.contains(&first_interval(&[])));
    assert!(usual.contains(&first_interval(&["--schedule=learned"])));
    assert_eq!(first_interval(&["--delay-per-request=40s"]), 40_000);
    let with_backoff = ["--schedule=learned", "--initial-interval=9s"];
    assert!(usual.contains(&first_interval(&with_backoff)));
    let with_both = [&with_backoff[..], &["--delay-per-request=40s"]].concat();
    assert_eq!(first_interval(&with_both), 40_000);
}

#[test]
fn an_option_of_the_exponential_schedule_selects_it() {
    for (options, interval) in [
        (&["--schedule=exponential", "--jitter=0"][..], 1000..=1000),
        (&["--initial-interval=2s", "--jitter=0"], 2000..=2000),
        (&["--jitter=0"], 1000..=1000),
        (&["--initial-interval=9s"], 7200..=10_800),
        (&["--max-interval=20s"], 800..=1200),
        (&["--multiplier=2"], 800..=1200),
    ] {
        let first = first_interval(options);
        assert!(interval.contains(&first), "{options:?}: {first}");
    }
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
