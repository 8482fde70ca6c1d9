//! Where credentials come from, and what is said of those that can't be used.

use dcs_wait::secret::Secret;
use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, SimOptions, Step};

use super::harness::{Service, dcs_wait, scripted};
use super::profiles::koocli;

pub(super) const SECURITY_TOKEN: &str = "simulated-security-token";
const AUTH_TOKEN: &str = "simulated-iam-token";

/// A service that takes a temporary key, and the IAM token.
pub(super) fn temporary() -> Service {
    Service::new(SimOptions {
        security_token: Some(Secret::from(SECURITY_TOKEN)),
        auth_token: Some(Secret::from(AUTH_TOKEN)),
        jobs: vec![scripted("job", [Step::success()])],
        ..SimOptions::default()
    })
}

pub(super) fn permanent() -> Service {
    Service::playing([Step::success()])
}

#[test]
fn each_family_of_variables_has_an_access_key() {
    for (ak, sk) in [
        ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        ("CLOUD_SDK_AK", "CLOUD_SDK_SK"),
        ("HW_ACCESS_KEY", "HW_SECRET_KEY"),
    ] {
        let service = permanent();
        let ended = service
            .reached_by(["job"])
            .env(ak, ACCESS_KEY)
            .env(sk, SECRET_KEY)
            .run();
        ended.exits_with(0);
    }
}

#[test]
fn two_families_of_variables_have_a_temporary_one() {
    for (ak, sk, token) in [
        (
            "HUAWEICLOUD_SDK_AK",
            "HUAWEICLOUD_SDK_SK",
            "HUAWEICLOUD_SDK_SECURITY_TOKEN",
        ),
        ("HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"),
    ] {
        let service = temporary();
        let ended = service
            .reached_by(["job"])
            .env(ak, ACCESS_KEY)
            .env(sk, SECRET_KEY)
            .env(token, SECURITY_TOKEN)
            .run();
        ended.exits_with(0);
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let service = permanent();
    let ended = service
        .reached_by(["job"])
        .env("HUAWEICLOUD_SDK_AK", "")
        .env("HUAWEICLOUD_SDK_SK", "")
        .env("HUAWEICLOUD_SDK_SECURITY_TOKEN", "")
        .env("DCS_WAIT_TIMEOUT", "")
        .env("DCS_WAIT_REGION", "")
        .env("CLOUD_SDK_AK", ACCESS_KEY)
        .env("CLOUD_SDK_SK", SECRET_KEY)
        .run();
    ended.exits_with(0);
}

#[test]
fn a_variable_that_no_request_can_carry_is_an_error_at_once() {
    let service = permanent();
    for (name, what) in [
        ("HUAWEICLOUD_SDK_AK", "access key"),
        ("HUAWEICLOUD_SDK_SECURITY_TOKEN", "security token"),
    ] {
        let ended = service
            .wait_for(["job"])
            .env(name, "two-lines\nof-a-secret")
            .run();
        ended
            .exits_with(2)
            .complains(format!("the {what} holds line breaks"))
            .says("environment (HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK)")
            .keeps(&["two-lines", "of-a-secret"]);
    }
    assert!(service.requests().is_empty());
}

#[test]
fn half_a_pair_of_variables_is_an_error_that_names_the_other_half() {
    let pairs = [
        ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        ("CLOUD_SDK_SK", "CLOUD_SDK_AK"),
        ("HW_ACCESS_KEY", "HW_SECRET_KEY"),
    ];
    for (set, missing) in pairs {
        let service = permanent();
        let ended = service.reached_by(["job"]).env(set, "half").run();
        ended
            .exits_with(2)
            .complains(format!("{set} is set, but {missing} isn't"));
    }
}

#[test]
fn half_a_pair_hides_no_whole_one() {
    let service = permanent();
    let ended = service
        .wait_for(["job"])
        .without("HUAWEICLOUD_SDK_SK")
        .env("HW_ACCESS_KEY", ACCESS_KEY)
        .env("HW_SECRET_KEY", SECRET_KEY)
        .run();
    ended.exits_with(2).complains("HUAWEICLOUD_SDK_SK isn't");
    assert!(service.requests().is_empty());
}

#[test]
fn files_that_are_given_win_over_the_environment() {
    let service = permanent();
    let ended = service
        .reached_by(["job", "--ak-file=ak", "--sk-file=sk"])
        .env("HUAWEICLOUD_SDK_AK", "another")
        .env("HUAWEICLOUD_SDK_SK", "another")
        .file("ak", &format!("{ACCESS_KEY}\n"))
        .file("sk", &format!("  {SECRET_KEY}\r\n"))
        .run();
    ended.exits_with(0);
}

#[test]
fn files_hold_a_temporary_key_or_an_iam_token() {
    let service = temporary();
    let ended = service
        .reached_by(["job", "--ak-file=ak", "--sk-file=sk"])
        .arg("--security-token-file=token")
        .file("ak", ACCESS_KEY)
        .file("sk", SECRET_KEY)
        .file("token", SECURITY_TOKEN)
        .run();
    ended.exits_with(0);
    let ended = service
        .reached_by(["job", "--auth-token-file=token"])
        .file("token", AUTH_TOKEN)
        .run();
    ended.exits_with(0);
}

#[test]
fn a_wrong_iam_token_is_denied() {
    let service = temporary();
    let ended = service
        .reached_by(["job", "--auth-token-file=token"])
        .file("token", "another-token")
        .run();
    ended.exits_with(4).says("decrypt token fail");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn half_of_the_files_is_an_error_that_names_the_other_half() {
    for (given, missing) in [
        ("--ak-file=file", "--sk-file is missing"),
        ("--sk-file=file", "--ak-file is missing"),
        (
            "--security-token-file=file",
            "--ak-file with --sk-file is missing",
        ),
    ] {
        let service = permanent();
        let ended = service
            .wait_for(["job", given])
            .file("file", ACCESS_KEY)
            .run();
        ended.exits_with(2).complains(missing);
    }
}

#[test]
fn two_kinds_of_files_are_an_error() {
    let service = permanent();
    let ended = service
        .wait_for(["job", "--ak-file=a", "--sk-file=a", "--auth-token-file=a"])
        .file("a", ACCESS_KEY)
        .run();
    ended.exits_with(2).complains("give only one kind");
}

#[test]
fn a_secret_file_that_others_may_read_is_refused_with_the_chmod_to_type() {
    for mode in [0o640, 0o604, 0o644, 0o660] {
        let service = permanent();
        let ended = service
            .reached_by(["job", "--ak-file=ak", "--sk-file=sk"])
            .file("ak", ACCESS_KEY)
            .file_with_mode("sk", SECRET_KEY, mode)
            .run();
        ended
            .exits_with(2)
            .complains("chmod 600 sk")
            .says(format!("mode {mode:04o}"))
            .keeps(&[SECRET_KEY]);
        assert!(service.requests().is_empty());
    }
}

#[test]
fn a_secret_file_that_cannot_be_used_is_named() {
    let service = permanent();
    let command = || {
        service
            .reached_by(["job", "--ak-file=ak", "--sk-file=sk"])
            .file("ak", ACCESS_KEY)
    };
    let ended = command().run();
    ended
        .exits_with(2)
        .complains("can't read sk")
        .says("check the path and its owner");
    for (content, why) in [
        ("", "sk is empty; write the secret into it"),
        (" \n", "sk is empty; write the secret into it"),
        (
            "one\ntwo\n",
            "sk has more than one line or control characters; write the secret alone into it",
        ),
        (
            &"x".repeat(70_000),
            "sk has more than 64 KiB; check that it is the right file",
        ),
    ] {
        let ended = command().file("sk", content).run();
        ended.exits_with(2).complains(why);
    }
    let ended = command().file("sk/inside", "").run();
    ended.exits_with(2).complains("sk is no file; name a file");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let secret = "hunter2-hunter2";
    for option in ["--sk", "--secret-key", "--ak", "--auth-token", "-s"] {
        let attached = format!("{option}={secret}");
        for arguments in [&[&*attached][..], &[option, secret]] {
            let service = permanent();
            let ended = service.wait_for(["job"]).args(arguments).run();
            ended.exits_with(2).keeps(&[secret]);
            assert!(service.requests().is_empty());
        }
    }
}

#[test]
fn the_credentials_command_names_the_source_that_is_used() {
    let ended = dcs_wait(["credentials", "--region=cn-north-4"])
        .env("HW_ACCESS_KEY", ACCESS_KEY)
        .env("HW_SECRET_KEY", SECRET_KEY)
        .env("HW_PROJECT_ID", PROJECT_ID)
        .run();
    ended
        .exits_with(0)
        .says_nothing()
        .prints_line("- options: not present: ")
        .prints_line("* environment: used: access key SIMU...00")
        .prints_line("- profile: not looked at")
        .prints_line("endpoint: https://dcs.cn-north-4.myhuaweicloud.com/")
        .prints_line(format!("project:  {PROJECT_ID}"))
        .keeps(&[SECRET_KEY, ACCESS_KEY]);
}

#[test]
fn the_credentials_command_names_the_family_of_the_variables() {
    for (ak, sk) in [
        ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        ("CLOUD_SDK_AK", "CLOUD_SDK_SK"),
    ] {
        let ended = dcs_wait(["credentials", "--region=cn-north-4"])
            .env(ak, ACCESS_KEY)
            .env(sk, SECRET_KEY)
            .run()
            .exits_with(0);
        assert!(ended.stdout.contains(ak), "{ended:#?}");
    }
}

#[test]
fn the_credentials_command_ends_with_2_where_the_source_is_broken() {
    let ended = dcs_wait(["credentials"])
        .file(".huaweicloud/credentials", "[basic]\nak = a\n")
        .file(".hcloud/config.json", &koocli(""))
        .run();
    ended
        .exits_with(2)
        .says("error: a source that is present but broken is never skipped")
        .prints_line("! profile: present, but broken: ")
        .prints_line("- KooCLI: not looked at")
        .keeps(&[SECRET_KEY]);
}

#[test]
fn the_credentials_command_ends_with_2_where_no_source_is_present() {
    let ended = dcs_wait(["credentials"]).run().exits_with(2);
    for source in [
        "options",
        "environment",
        "profile",
        "KooCLI",
        "ECS metadata",
        "OIDC",
    ] {
        let line = format!("- {source}: not present: ");
        assert!(ended.stdout.contains(&line), "{line}: {ended:#?}");
    }
    ended.says("error: no credentials; set HUAWEICLOUD_SDK_AK");
}

#[test]
fn the_credentials_command_ends_with_2_where_the_place_is_wrong() {
    for (arguments, why) in [
        (&["--endpoint=ftp://x"][..], "is no endpoint"),
        (&["--project-id=../x"], "is no project ID"),
        (&[], "no region is given"),
        (&["--endpoint=http://x"], "no region to look it up by"),
    ] {
        let ended = dcs_wait(["credentials"])
            .args(arguments)
            .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
            .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
            .run();
        ended
            .exits_with(2)
            .says(why)
            .prints_line("* environment: used: ");
    }
}

#[test]
fn an_id_token_is_exchanged_at_the_security_token_service() {
    // The simulator isn't one, and says so.
    let service = permanent();
    let token = "an-id-token-that-nobody-may-see";
    let ended = service
        .reached_by(["job", "-v"])
        .env("HUAWEICLOUD_SDK_STS_ENDPOINT", service.url())
        .env("HUAWEICLOUD_OIDC_PROVIDER_URN", "iam::1:oidcProvider:ci")
        .env("HUAWEICLOUD_OIDC_AGENCY_URN", "iam::1:agency:ci")
        .env("HUAWEICLOUD_OIDC_ID_TOKEN", token)
        .run();
    ended
        .exits_with(2)
        .complains("the security token service refuses credentials: HTTP 404")
        .says("HUAWEICLOUD_OIDC_PROVIDER_URN")
        .keeps(&[token]);
    assert_eq!(service.paths(), ["/v5/agencies/assume-with-oidc"]);
}
