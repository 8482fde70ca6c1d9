//! Credentials that the vendor's tools have stored at home.

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};

use super::credentials::{SECURITY_TOKEN, permanent, temporary};

fn ini(more: &str) -> String {
    format!("# a profile\n[basic]\nak = {ACCESS_KEY}\nsk = {SECRET_KEY}\n{more}")
}

pub(super) fn koocli(members: &str) -> String {
    format!(
        r#"{{"current":"work","authEncrypt":"false","profiles":[{{"name":"work","mode":"AKSK",
        "accessKeyId":"{ACCESS_KEY}","secretAccessKey":"{SECRET_KEY}"{members}}}]}}"#
    )
}

#[test]
fn a_profile_is_found_at_home_and_where_the_variable_says() {
    for (path, variable) in [
        (".huaweicloud/credentials", ""),
        ("elsewhere/profile", "elsewhere/profile"),
    ] {
        let service = permanent();
        let ended = service
            .reached_by(["job"])
            .env("HUAWEICLOUD_SDK_CREDENTIALS_FILE", variable)
            .file(path, &ini(""))
            .run();
        ended.exits_with(0);
    }
    let service = temporary();
    let token = format!("security_token = {SECURITY_TOKEN}\n");
    let ended = service
        .reached_by(["job"])
        .file(".huaweicloud/credentials", &ini(&token))
        .run();
    ended.exits_with(0);
}

#[test]
fn a_profile_names_project_and_iam_endpoint() {
    let service = permanent();
    let profile = ini(&format!("project_id = {PROJECT_ID}\n"));
    let ended = service
        .reached_by(["job"])
        .without("DCS_WAIT_PROJECT_ID")
        .file(".huaweicloud/credentials", &profile)
        .run();
    ended.exits_with(0);
    let profile = ini(&format!("iam_endpoint = {}\n", service.url()));
    let ended = service
        .reached_by(["job", "--region=simulated-1"])
        .without("DCS_WAIT_PROJECT_ID")
        .file(".huaweicloud/credentials", &profile)
        .run();
    ended.exits_with(0);
}

#[test]
fn a_malformed_profile_is_named_with_its_line_and_never_skipped() {
    for (content, why) in [
        ("[basic]\nak = a\nwhat is this\n", "line 3"),
        ("[other]\nak = a\nsk = b\n", "no section [basic]"),
        ("[basic]\nak = a\n", "no sk"),
        ("[basic]\nsk = b\nak =\n", "no ak"),
        (
            "[basic]\nak = a\nsk = b\niam_endpoint = ftp://x\n",
            "iam_endpoint",
        ),
        ("[basic]\nak = a\nsk = b\nproject_id = ../x\n", "project_id"),
    ] {
        let service = permanent();
        let ended = service
            .reached_by(["job"])
            .file(".huaweicloud/credentials", content)
            .file(".hcloud/config.json", &koocli(""))
            .run();
        ended
            .exits_with(2)
            .complains(".huaweicloud/credentials")
            .says(why);
    }
}

#[test]
fn a_profile_that_is_named_and_missing_is_an_error() {
    let service = permanent();
    let ended = service
        .reached_by(["job"])
        .env("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "nowhere")
        .run();
    ended.exits_with(2).complains("can't read nowhere");
}

#[test]
fn a_profile_that_others_may_read_is_refused_with_the_chmod_to_type() {
    for (path, content) in [
        (".huaweicloud/credentials", ini("")),
        (".hcloud/config.json", koocli("")),
    ] {
        let service = permanent();
        let ended = service
            .reached_by(["job"])
            .file_with_mode(path, &content, 0o644)
            .run();
        ended.exits_with(2).complains("chmod 600 ").says(path);
    }
}

#[test]
fn koocli_has_keys_region_and_project() {
    let service = permanent();
    let members = format!(r#","region":"simulated-1","projectId":"{PROJECT_ID}""#);
    let ended = service
        .reached_by(["job"])
        .without("DCS_WAIT_ENDPOINT")
        .without("DCS_WAIT_PROJECT_ID")
        .env("HUAWEICLOUD_SDK_REGION_DCS_SIMULATED_1", service.url())
        .file(".hcloud/config.json", &koocli(&members))
        .run();
    ended.exits_with(0);
    let service = temporary();
    let members = format!(r#","securityToken":"{SECURITY_TOKEN}""#);
    let ended = service
        .reached_by(["job"])
        .file(".hcloud/config.json", &koocli(&members))
        .run();
    ended.exits_with(0);
}

#[test]
fn an_encrypted_koocli_profile_is_refused_with_the_command_to_type() {
    let service = permanent();
    let encrypted = koocli("").replace("\"false\"", "\"true\"");
    let ended = service
        .reached_by(["job"])
        .file(".hcloud/config.json", &encrypted)
        .run();
    ended
        .exits_with(2)
        .complains("encrypted")
        .says("hcloud configure set --cli-auth-encrypt=false");
}

#[test]
fn a_malformed_koocli_configuration_is_named_with_its_line() {
    for (content, why) in [
        ("{\n\"profiles\": oops}", "line 2, column"),
        (
            &*koocli("").replace("\"current\":\"work\"", "\"current\":\"play\""),
            "\"play\" is not among [\"work\"]",
        ),
        (
            &*koocli("").replace("AKSK\"", "SSO\""),
            "authenticates by \"SSO\"",
        ),
        (
            &*koocli("").replace(SECRET_KEY, ""),
            "has no secretAccessKey",
        ),
    ] {
        let service = permanent();
        let ended = service
            .reached_by(["job"])
            .file(".hcloud/config.json", content)
            .run();
        ended
            .exits_with(2)
            .complains(".hcloud/config.json")
            .says(why);
    }
}
