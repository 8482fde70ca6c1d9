//! What is wrong with a file: all of it at once, each with its place and what to do. The file's first
//! two lines are a project.

use std::collections::BTreeMap;
use std::path::Path;

use dcs_wait::config::Config;
use insta::assert_snapshot;

use super::{errors, parse};

#[track_caller]
fn errors_of_whole(text: &str) -> String {
    parse(text).expect_err("it is refused").to_string()
}

#[test]
fn a_key_outside_of_all_tables_is_told_where_it_belongs() {
    let errors = errors_of_whole("max_rps = 3\n[[project]]\nname = \"main\"\n");
    assert_snapshot!(errors, @"/etc/dcs-wait/dcs-wait.toml:1:1: max_rps stands outside of all tables; it belongs to [limits]");
}

#[test]
fn a_file_without_a_project_is_refused() {
    let errors = errors_of_whole("");
    assert_snapshot!(errors, @r#"/etc/dcs-wait/dcs-wait.toml: there is no project; write [[project]] with name = "main" and a region"#);
}

#[test]
fn what_a_terminal_would_act_upon_is_never_shown() {
    let errors = errors_of_whole("\"\\u001b[2J\" = 1\n[poll]\ntimeout = \"\\u009b1m\"\n");
    assert!(
        !errors.replace('\n', "").contains(char::is_control),
        "{errors:?}"
    );
}

#[test]
fn every_error_is_told_at_once_with_its_place_and_what_to_do() {
    let text = r#"
        [poll]
        initial_interval = 1
        max_intervall = "30s"
        jitter = "0.2"
        timeout = "soon"

        [limits]
        max_rps = 0

        [daemon]
        log = "jurnal"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:20: poll.initial_interval is 1 (a number); give a time such as "90s"
    dcs-wait.toml:5:1: poll.max_intervall: [poll] has no such key; did you mean max_interval?
    dcs-wait.toml:6:10: poll.jitter is a text; give a number such as 1.5
    dcs-wait.toml:7:11: poll.timeout is "soon": it is no duration; give one such as 90s, 10m or 2h, or 'none' for no limit
    dcs-wait.toml:10:11: limits.max_rps is 0 (a number); give a number from 0.001 to 100000
    dcs-wait.toml:13:7: daemon.log is "jurnal": there is no such choice; did you mean journal?
    "#);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_or_with_where_it_belongs() {
    let text = r#"
        [poll]
        max-interval = "30s"
        max_rps = 3
        colour = "blue"

        [http]
        token = "s3cret"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:1: poll.max-interval: [poll] has no such key; did you mean max_interval?
    dcs-wait.toml:5:1: poll.max_rps: [poll] has no such key; it belongs to [limits]
    dcs-wait.toml:6:1: poll.colour: [poll] has no such key; there are: timeout, schedule, delay_per_request, initial_interval, max_interval, multiplier, jitter, request_timeout, not_found_grace, mending_grace, not_found_codes
    dcs-wait.toml:9:1: http.token: [http] has no such key; did you mean token_file?
    "#);
}

#[test]
fn an_unknown_table_is_answered_with_the_nearest() {
    let text = r#"
        [pol]
        timeout = "1h"

        [[hooks]]
        name = "ci"

        [colours]
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:2: pol: there is no such table; did you mean [poll]?
    dcs-wait.toml:6:3: hooks: there is no such table; did you mean [[hook]]?
    dcs-wait.toml:9:2: colours: there is no such table; there are: [daemon], [[project]], [poll], [limits], [store], [http], [[hook]], [[watch]]
    "#);
}

#[test]
fn a_table_of_the_wrong_kind_is_refused() {
    let text = r#"
        [hook]
        name = "ci"

        [[poll]]
        timeout = "1h"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:1: hook is a table; write [[hook]] over each
    dcs-wait.toml:6:1: poll is a list; write [poll] once
    "#);
}

#[test]
fn intervals_have_the_ranges_of_the_command_line() {
    let text = r#"
        [poll]
        initial_interval = "1m"
        request_timeout = "0s"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:20: poll.initial_interval: it is longer than max_interval, which is 30s by default; give that as well
    dcs-wait.toml:5:19: poll.request_timeout: it is zero, and nothing could be done in it; give more
    "#);
}

#[test]
fn a_schedule_is_one_of_two() {
    let text = r#"
        [poll]
        schedule = "lerned"
        initial_interval = "2s"
        delay_per_request = "2s"
        "#;
    assert_snapshot!(errors(text), @r#"dcs-wait.toml:4:12: poll.schedule is "lerned": there is no such choice; did you mean learned?"#);
    let errors_of = |value: &str| errors(&format!("\n[poll]\nschedule = {value}\n"));
    assert_snapshot!(errors_of("\"fixed\""), @r#"dcs-wait.toml:4:12: poll.schedule is "fixed": there is no such choice; there are: learned, exponential"#);
    assert_snapshot!(errors_of("true"), @r#"dcs-wait.toml:4:12: poll.schedule is true (a truth value); give one of "learned", "exponential""#);
}

#[test]
fn what_a_request_is_worth_has_a_range_whatever_the_schedule() {
    let text = r#"
        [poll]
        schedule = "exponential"
        delay_per_request = "9ms"
        "#;
    assert_snapshot!(errors(text), @"dcs-wait.toml:5:21: poll.delay_per_request: must be from 10ms to 1h");
    for value in ["0s", "3601s", "2h"] {
        let errors = errors(&format!("\n[poll]\ndelay_per_request = {value:?}\n"));
        assert!(errors.contains("from 10ms to 1h"), "{errors}");
    }
    assert_snapshot!(errors("\n[poll]\ndelay_per_request = 0.5\n"), @r#"dcs-wait.toml:4:21: poll.delay_per_request is 0.5 (a number); give a time such as "90s""#);
}

#[test]
fn what_both_schedules_need_is_refused_where_neither_is_named() {
    let text = r#"
        [poll]
        jitter = 0
        max_interval = "1m"
        delay_per_request = "2s"
        "#;
    assert_snapshot!(errors(text), @r#"dcs-wait.toml:6:21: poll.delay_per_request: it is for the learned schedule, and max_interval by itself asks for the exponential one; give schedule = "learned" or "exponential" as well"#);
}

#[test]
fn an_address_without_a_token_is_refused() {
    let text = r#"
        [http]
        listen = "0.0.0.0:8080"
        max_connections = 0
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:10: http.listen: whoever reaches the address could do anything; give token_file as well
    dcs-wait.toml:5:19: http.max_connections is 0 (a number); give a whole number from 1 to 65535
    "#);
}

#[test]
fn what_is_no_address_is_refused() {
    let text = r#"
        [http]
        listen = "localhost:8080"
        token_file = "token"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:10: http.listen is "localhost:8080": it is no address with a port; give one such as 127.0.0.1:8080
    "#);
}

#[test]
fn only_one_variable_may_begin_a_path() {
    let text = r#"
        [store]
        path = "$HOME/dcs-wait.db"

        [http]
        socket = "~/control.sock"
        token_file = "${CREDENTIALS_DIRECTORY}/token"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:4:8: store.path: only ${CREDENTIALS_DIRECTORY}/ may begin a path; write the path out
    dcs-wait.toml:7:10: http.socket: '~' isn't replaced here; write the whole path
    dcs-wait.toml:8:14: http.token_file: CREDENTIALS_DIRECTORY isn't set; systemd sets it for a service that has LoadCredential=
    "#);
}

#[test]
fn two_of_one_name_are_refused() {
    let text = r#"
        [[hook]]
        name = "ci"
        type = "exit"

        [[hook]]
        name = "ci"
        type = "exit"

        [[project]]
        name = "main"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:8:8: hook.name is "ci": there is one of this name before; give it another
    dcs-wait.toml:12:8: project.name is "main": there is one of this name before; give it another
    "#);
}

#[test]
fn a_watch_names_what_there_is() {
    let text = r#"
        [[hook]]
        name = "ci"
        type = "exit"

        [[watch]]
        job_id = "a/b"
        project = "mian"
        hooks = ["c1"]
        timeout = "0"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:8:10: watch.job_id is "a/b": it contains '/' at position 2; letters, digits, '-' and '_' of ASCII are allowed
    dcs-wait.toml:9:11: watch.project is "mian": there is none of this name; did you mean main?
    dcs-wait.toml:10:10: watch.hooks is "c1": there is none of this name; there is only ci
    "#);
}

#[test]
fn a_watch_says_the_project_where_there_are_several() {
    let text = r#"
        [[project]]
        name = "other"

        [[watch]]
        job_id = "job"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:6:1: watch.project is missing; there are: main, other
    "#);
}

#[test]
fn a_watch_that_is_there_twice_is_refused() {
    let text = r#"
        [[watch]]
        job_id = "job"

        [[watch]]
        job_id = "job"
        project = "main"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:6:1: watch.job_id job is watched before; remove one of them
    "#);
}

#[test]
fn a_project_that_can_be_found_nowhere_is_refused() {
    let text = r#"
        region = "cn/north"
        endpoint = "https://me:s3cret@dcs.example.com"
        project_id = "a b"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:10: project.region is "cn/north": letters, digits and '-' are allowed; give one such as cn-north-4
    dcs-wait.toml:4:12: project.endpoint: "...@dcs.example.com" is no endpoint: an endpoint carries no credentials; give a URL such as https://dcs.cn-north-4.myhuaweicloud.com
    dcs-wait.toml:5:14: project.project_id is "a b": it contains ' ' at position 2; letters, digits, '-' and '_' of ASCII are allowed
    "#);
}

#[test]
fn half_a_credential_is_refused() {
    let text = r#"
        ak_file = "ak"

        [[project]]
        name = "other"
        sk_file = "sk"
        auth_token_file = "token"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:11: project.ak_file: sk_file is missing; an access key has two parts
    dcs-wait.toml:8:19: project.auth_token_file: a project has either an IAM token or an access key; remove one of them
    "#);
}

#[test]
fn what_is_no_toml_is_refused_without_showing_the_line() {
    let text = r#"
        [poll
        jitter = = 3
        token = "s3cret
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:6: this is no TOML: unclosed table, expected `]`
    dcs-wait.toml:4:10: this is no TOML: extra `=`, expected nothing
    dcs-wait.toml:4:12: this is no TOML: unexpected key or value, expected newline, `#`
    "#);
}

#[test]
fn all_the_intervals_that_are_wrong_are_named() {
    let errors = errors(
        r#"
        [poll]
        initial_interval = "1 parsec"
        multiplier = 0.5
        jitter = 2"#,
    );
    for key in ["poll.initial_interval", "poll.multiplier", "poll.jitter"] {
        assert!(errors.contains(key), "{key} is missing in:\n{errors}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_in_plain_words() {
    let missing = Path::new("/nonexistent/dcs-wait.toml");
    let errors = Config::load(missing, &BTreeMap::new()).expect_err("there is no such file");
    let errors = errors.to_string();
    assert!(
        errors.contains("can't be read: No such file or directory; check"),
        "{errors}"
    );
}
