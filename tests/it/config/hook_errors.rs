//! What is wrong with a `[[hook]]`. The file's first two lines are a project.

use insta::assert_snapshot;

use super::errors;

#[test]
fn a_hook_of_no_kind_is_refused() {
    let text = r#"
        [[hook]]

        [[hook]]
        name = "a b"
        type = "webhok"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:1: hook.name is missing; give a name such as "main"
    dcs-wait.toml:3:1: hook.type is missing; give "webhook", "file", "exec" or "exit"
    dcs-wait.toml:6:8: hook.name is "a b": it contains ' ' at position 2; letters, digits, '-' and '_' of ASCII are allowed
    dcs-wait.toml:7:8: hook.type is "webhok": there is no such choice; did you mean webhook?
    "#);
}

#[test]
fn a_key_of_another_kind_of_hook_is_refused() {
    let text = r#"
        [[hook]]
        name = "ci"
        type = "webhook"
        url = "https://ci.example.com"
        argv = ["true"]
        append = "/tmp/x"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:7:8: hook.argv: this hook is of type webhook, and argv is for type exec; remove it
    dcs-wait.toml:8:10: hook.append: this hook is of type webhook, and append is for type file; remove it
    "#);
}

#[test]
fn unknown_outcomes_are_answered_with_the_nearest() {
    let text = r#"
        [[hook]]
        name = "end"
        type = "exit"
        on = ["success", "timeout", 3]
        codes = { suceeded = 0, failed = 256 }

        [[hook]]
        name = "never"
        type = "exit"
        on = []
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:6:7: hook.on is "success": there is no such outcome; did you mean succeeded?
    dcs-wait.toml:6:18: hook.on is "timeout": there is no such outcome; did you mean timed_out?
    dcs-wait.toml:6:29: hook.on is 3 (a number); give an outcome such as "succeeded"
    dcs-wait.toml:7:22: hook.codes.suceeded: there is no such outcome; did you mean succeeded?
    dcs-wait.toml:7:34: hook.codes.failed is 256 (a number); give a whole number from 0 to 255
    dcs-wait.toml:12:6: hook.on: a hook that fires for nothing is of no use; name an outcome
    "#);
}

#[test]
fn a_url_that_no_webhook_can_be_sent_to_is_refused_and_not_shown() {
    let text = r#"
        [[hook]]
        name = "a"
        type = "webhook"
        url = "ftp://ci.example.com/s3cret"

        [[hook]]
        name = "b"
        type = "webhook"
        url = "https://me:s3cret@ci.example.com"

        [[hook]]
        name = "c"
        type = "webhook"
        url = "s3cret"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:6:7: hook.url: it is neither https nor http; give a URL such as https://ci.example.com/hook
    dcs-wait.toml:11:7: hook.url: it carries a user or a password; put them into a header with header_files
    dcs-wait.toml:16:7: hook.url: it is no URL; give one such as https://ci.example.com/hook
    "#);
}

#[test]
fn secrets_in_place_of_files_are_refused_and_not_shown() {
    let text = r#"
        [[hook]]
        name = "a"
        type = "webhook"
        url = "https://ci.example.com"
        secrets = "whsec_s3cret"

        [[hook]]
        name = "b"
        type = "webhook"
        url = "https://ci.example.com"
        secrets = ["whsec_s3cret"]

        [[hook]]
        name = "c"
        type = "webhook"
        url = "https://ci.example.com"
        secrets = ["1", "2", "3"]
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:7:11: hook.secrets is a text; give a list of files such as ["/etc/dcs-wait/secret"]
    dcs-wait.toml:13:12: hook.secrets: this is the secret itself; write it into a file (mode 0600), and name the file here
    dcs-wait.toml:19:11: hook.secrets: there are 3, and at most two sign: the new one and the old one
    "#);
}

#[test]
fn headers_that_cannot_be_sent_are_refused_and_not_shown() {
    let text = r#"
        [[hook]]
        name = "a"
        type = "webhook"
        url = "https://ci.example.com"
        header_files = { X-Team = "team" }

        [hook.headers]
        Webhook-Id = "s3cret"
        "a b" = "s3cret"
        X-Line = "s3cret\n"
        X-Number = 1
        x-team = "s3cret"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:10:14: hook.headers.Webhook-Id: this header is set by dcs-wait itself; remove it
    dcs-wait.toml:11:9: hook.headers.a b: it is no name of a header; give one such as X-Team
    dcs-wait.toml:12:10: hook.headers.X-Line: it has characters that a header can't have
    dcs-wait.toml:13:12: hook.headers.X-Number is 1 (a number); give a text in quotes
    "#);
}

#[test]
fn a_file_hook_has_one_kind_of_place() {
    let text = r#"
        [[hook]]
        name = "a"
        type = "file"

        [[hook]]
        name = "b"
        type = "file"
        directory = "/srv"
        append = "/srv/log"

        [[hook]]
        name = "c"
        type = "file"
        append = "/srv/log"
        file_name = "{job_id}"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:3:1: hook.directory is missing; give a directory for a file an event, or append for lines in one file
    dcs-wait.toml:11:10: hook.append: a hook has either directory or append; remove one of them
    dcs-wait.toml:17:13: hook.file_name: append names a whole path; remove file_name
    "#);
}

#[test]
fn a_program_has_a_name_and_time() {
    let text = r#"
        [[hook]]
        name = "a"
        type = "exec"
        argv = []
        timeout = "0s"

        [[hook]]
        name = "b"
        type = "exec"
        argv = ["", "x"]

        [[hook]]
        name = "c"
        type = "exec"
        argv = "notify me"
        "#;
    assert_snapshot!(errors(text), @r#"
    dcs-wait.toml:6:8: hook.argv: there is no program in it; give a program and its arguments such as ["/usr/local/bin/notify", "dcs"]
    dcs-wait.toml:7:11: hook.timeout: it is zero, and nothing could be done in it; give more
    dcs-wait.toml:12:8: hook.argv: there is no program in it; give a program and its arguments such as ["/usr/local/bin/notify", "dcs"]
    dcs-wait.toml:17:8: hook.argv is a text; give a program and its arguments such as ["/usr/local/bin/notify", "dcs"]
    "#);
}
