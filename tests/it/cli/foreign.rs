//! Text from services, files and other programs acts upon nothing that shows it.

use hyper::StatusCode;
use serde_json::{Value, json};

use dcs_wait::sim::{ACCESS_KEY, SECRET_KEY, ScriptedJob, Step};

use super::control::stand_in::{DELIVERY, StandIn, WATCH, active, detail, ended, event, with};
use super::harness::{Ended, Invocation, Service, dcs_wait};
use super::profiles::koocli;

/// Everything that acts upon a terminal, a log or a CI runner.
pub(crate) const HOSTILE: &str = "::error::a\nERROR forged\r\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\
     \u{202E}\u{2066}\u{200B}\u{AD}\u{34F}\u{115F}\u{180E}\u{2800}\u{3164}\u{FE0F}\u{FFA0}\u{E0041}\u{E0101}\
     ##[error]b\n::error::c\n##vso[task.complete]d";

/// Whether the output holds anything of [`HOSTILE`] that acts.
#[track_caller]
pub(crate) fn assert_inert(output: &str) {
    let is_active = |c: char| !c.is_ascii() && HOSTILE.contains(c);
    for line in output.lines() {
        assert!(
            !line.contains(|c: char| c.is_control() && c != '\t'),
            "{line:?}"
        );
        assert!(!line.contains(is_active), "{line:?}");
        assert!(!line.contains("##"), "{line:?}");
        let start = line.trim_start();
        assert!(!start.starts_with("ERROR forged"), "{line:?}");
        assert!(!start.starts_with("::error::"), "{line:?}");
    }
}

impl Ended {
    /// Nothing that was printed acts, and there was something.
    #[track_caller]
    fn acts_upon_nothing(self) -> Self {
        assert!(
            !self.stdout.is_empty() || !self.stderr.is_empty(),
            "{self:#?}"
        );
        assert_inert(&self.stdout);
        assert_inert(&self.stderr);
        self
    }
}

#[test]
fn what_the_service_says_of_a_job_acts_upon_nothing() {
    let refused = |status: StatusCode| Step::error(status, HOSTILE, HOSTILE);
    let cases: [(&str, Vec<Step>); 5] = [
        ("status", vec![Step::status(HOSTILE), Step::success()]),
        ("reason", vec![Step::fail(HOSTILE)]),
        (
            "trouble",
            vec![refused(StatusCode::BAD_GATEWAY), Step::success()],
        ),
        ("refusal", vec![refused(StatusCode::BAD_REQUEST)]),
        ("denial", vec![refused(StatusCode::FORBIDDEN)]),
    ];
    for (what, steps) in cases {
        for options in [&[][..], &["-v"], &["--output=json"], &["--quiet"]] {
            let service = Service::default().and_job(ScriptedJob {
                steps: steps.clone(),
                ..ScriptedJob::new("job".parse().unwrap(), HOSTILE)
            });
            let ended = service
                .wait_for(["job"])
                .args(options)
                .run()
                .acts_upon_nothing();
            if options.contains(&"--output=json") && what == "reason" {
                let result = &ended.results()[0];
                assert_eq!(result["fail_reason"], HOSTILE);
                assert_eq!(result["job_type"], HOSTILE);
            }
        }
    }
}

#[test]
fn what_a_hook_prints_acts_upon_nothing() {
    for code in [0, 1] {
        let service = Service::playing([Step::success()]);
        let script = format!("printf '%s' \"$TEXT\"; exit {code}");
        let ended = service
            .wait_for(["job", "-v", "--exec", &format!("sh -c {}", quoted(&script))])
            .env("TEXT", HOSTILE)
            .run();
        ended.acts_upon_nothing();
    }
}

fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', "'\\''"))
}

/// The command with a key, asked about a region whose project IAM has to be asked for.
fn asking_iam(iam: &StandIn, region: &str) -> Invocation {
    dcs_wait(["job", "--timeout=1s", "--initial-interval=20ms"])
        .args(["--endpoint=http://127.0.0.1:9", "--region", region])
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", iam.url())
}

#[test]
fn what_iam_says_acts_upon_nothing() {
    let question = "GET /v3/projects?name=cn-north-4";
    let several = json!({"projects": [
        {"id": HOSTILE, "name": HOSTILE}, {"id": "b", "name": HOSTILE},
    ]});
    let one = json!({"projects": [{"id": HOSTILE, "name": "cn-north-4"}]});
    let refusal = json!({"error_code": HOSTILE, "error_msg": HOSTILE, "request_id": HOSTILE});
    for (status, answer) in [
        (200, several),
        (200, one),
        (403, refusal.clone()),
        (400, refusal.clone()),
        (503, refusal),
    ] {
        let iam = StandIn::new().answers(question, status, answer);
        for options in [&[][..], &["-v"]] {
            asking_iam(&iam, "cn-north-4")
                .args(options)
                .run()
                .acts_upon_nothing();
        }
    }
}

#[test]
fn a_refused_iam_token_is_named_as_such() {
    let expired = [
        ("APIGW.0307", "no"),
        ("APIG.0307", "no"),
        ("DCS.1002", "no"),
        ("111401004", "no"),
        (
            "APIGW.0301",
            "Incorrect IAM authentication information: decrypt token fail",
        ),
    ];
    for (code, message) in expired {
        let service = Service::playing([Step::error(StatusCode::UNAUTHORIZED, code, message)]);
        let ended = service
            .reached_by(["job", "--auth-token-file=token"])
            .file("token", "simulated-iam-token")
            .run();
        ended
            .exits_with(4)
            .says("the IAM token has expired, is invalid or belongs to another project")
            .says("--auth-token-file");
        let refusal = json!({"error_code": code, "error_msg": message});
        let question = "GET /v3/projects?name=cn-north-4";
        let iam = StandIn::new().answers(question, 401, refusal);
        let ended = dcs_wait([
            "job",
            "--endpoint=http://127.0.0.1:9",
            "--region=cn-north-4",
        ])
        .args(["--timeout=1s", "--auth-token-file=token"])
        .file("token", "an-iam-token")
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", iam.url())
        .run();
        ended
            .exits_with(4)
            .says("the IAM token has expired, is invalid or belongs to another project");
    }
}

#[test]
fn what_the_security_token_service_says_acts_upon_nothing() {
    let refusal = json!({"error_code": HOSTILE, "error_msg": HOSTILE});
    let keys = json!({"credentials": {
        "access_key_id": HOSTILE, "secret_access_key": "s", "security_token": "t",
        "expiration": HOSTILE,
    }});
    for (status, answer) in [(403, refusal), (200, keys)] {
        let sts = StandIn::new().answers("POST /v5/agencies/assume-with-oidc", status, answer);
        for arguments in [
            &["credentials"][..],
            &["job", "--region=r", "-v", "--timeout=1s"],
        ] {
            let ended = dcs_wait(arguments)
                .env("HUAWEICLOUD_SDK_STS_ENDPOINT", sts.url())
                .env("HUAWEICLOUD_OIDC_PROVIDER_URN", "iam::1:oidcProvider:ci")
                .env("HUAWEICLOUD_OIDC_AGENCY_URN", "iam::1:agency:ci")
                .env("HUAWEICLOUD_OIDC_ID_TOKEN", "an-id-token")
                .run();
            ended.acts_upon_nothing();
        }
    }
}

#[test]
fn what_credential_files_and_variables_hold_acts_upon_nothing() {
    let hostile = Value::from(HOSTILE).to_string();
    let region = koocli(&format!(r#","region":{hostile}"#));
    let named = region.replace("\"work\"", &hostile);
    let elsewhere = region.replacen("\"work\"", &hostile, 1);
    let mode = region.replace("\"AKSK\"", &hostile);
    let project = koocli(&format!(r#","projectId":{hostile}"#));
    let keyless = named.replace(ACCESS_KEY, "");
    for config in [region, named, elsewhere, mode, project, keyless] {
        for arguments in [&["credentials"][..], &["job", "-v", "--timeout=1s"]] {
            let ended = dcs_wait(arguments)
                .file(".hcloud/config.json", &config)
                .run();
            ended.acts_upon_nothing();
        }
    }
    for name in [
        "HW_REGION_NAME",
        "HW_PROJECT_NAME",
        "HW_PROJECT_ID",
        "DCS_WAIT_REGION",
        "DCS_WAIT_ENDPOINT",
        "DCS_WAIT_PROJECT_ID",
        "HUAWEICLOUD_SDK_IAM_ENDPOINT",
        "HUAWEICLOUD_SDK_CREDENTIALS_FILE",
        "HTTPS_PROXY",
        "DCS_WAIT_TIMEOUT",
    ] {
        for arguments in [&["credentials"][..], &["job", "-v", "--timeout=1s"]] {
            let ended = dcs_wait(arguments)
                .env("HW_ACCESS_KEY", ACCESS_KEY)
                .env("HW_SECRET_KEY", SECRET_KEY)
                .env("HUAWEICLOUD_SDK_REGION_DCS_R", "http://127.0.0.1:9")
                .env(name, HOSTILE)
                .run();
            ended.acts_upon_nothing();
        }
    }
}

#[test]
fn arguments_and_standard_input_act_upon_nothing() {
    for arguments in [
        &[HOSTILE][..],
        &["job", "--timeout", HOSTILE],
        &["job", "--endpoint", HOSTILE],
        &["job", "--region", HOSTILE],
        &["job", "--project-id", HOSTILE],
        &[
            "job",
            "--ca-file",
            HOSTILE,
            "--endpoint=https://127.0.0.1:9",
        ],
        &["job", "--ak-file", HOSTILE, "--sk-file", HOSTILE],
        &[
            "job",
            "--write",
            &format!("{HOSTILE}/x"),
            "--endpoint=http://127.0.0.1:9",
        ],
        &["job", "--webhook", HOSTILE],
        &["job", "--exec", &quoted(HOSTILE)],
        &["watch", "show", HOSTILE],
        &["watch", "add", HOSTILE],
        &["delivery", "show", HOSTILE],
        &["check", "--config", HOSTILE],
        &["daemon", "--config", HOSTILE],
        &["simulate", "--script", HOSTILE],
        &["store", "migrate", "--from", HOSTILE, "--to", HOSTILE],
    ] {
        let ended = dcs_wait(arguments)
            .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
            .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
            .run();
        ended.acts_upon_nothing();
    }
    let input = HOSTILE.replace('\n', " ");
    for arguments in [&["-"][..], &["watch", "add", "-"]] {
        dcs_wait(arguments)
            .run_with_input(input.as_bytes())
            .acts_upon_nothing();
    }
}

#[test]
fn what_a_configuration_holds_acts_upon_nothing() {
    let hostile = Value::from(HOSTILE)
        .to_string()
        .replace('\u{9b}', "\\u009b");
    for text in [
        format!("[poll]\ntimeout = {hostile}\n"),
        format!("{hostile} = 1\n"),
        format!("[[project]]\nname = {hostile}\nregion = {hostile}\n"),
        format!("[[hook]]\nname = {hostile}\ntype = {hostile}\n"),
        format!("[store]\nurl = {hostile}\npath = {hostile}\n"),
    ] {
        for command in ["check", "daemon"] {
            let ended = dcs_wait([command, "--config=dcs-wait.toml"])
                .file("dcs-wait.toml", &text)
                .run();
            ended.acts_upon_nothing();
        }
    }
}

#[test]
fn what_the_daemon_says_acts_upon_nothing() {
    let error = json!({
        "http_status": 400, "code": HOSTILE, "message": HOSTILE, "request_id": HOSTILE,
    });
    let members = json!({
        "status": HOSTILE, "job_type": HOSTILE, "fail_reason": HOSTILE, "error": error,
        "project": HOSTILE, "hooks": [HOSTILE], "accepted_at": HOSTILE, "deadline_at": HOSTILE,
    });
    let going_on = with(active(), members.clone());
    let over = with(ended("failed", "FAIL"), members);
    let delivery = json!({
        "id": DELIVERY, "watch_id": HOSTILE, "hook": HOSTILE, "state": "dead", "due_at": null,
        "attempts": 1, "created_at": HOSTILE,
    });
    let attempt = json!({
        "number": 1, "at": HOSTILE, "took_ms": 5, "delivered": false, "answer": HOSTILE,
    });
    let answers = json!([{
        "answer": HOSTILE, "count": 2, "first_at": HOSTILE, "last_at": HOSTILE,
    }]);
    let whole = with(
        detail(over.clone()),
        json!({"answers": answers, "deliveries": [delivery]}),
    );
    let instance = json!({
        "name": HOSTILE, "number": 1, "version": HOSTILE, "this": true, "state": "alive",
        "joined_at": HOSTILE, "renewed_ms_ago": 5, "watches": 1, "watches_share": 1.0,
        "deliveries": 0,
    });
    let cluster = json!({
        "shared": true, "instances": [instance], "orphans": {"watches": 0, "deliveries": 0},
    });
    let told = [
        json!({"event": "watch", "watch": going_on}),
        event(
            "trouble",
            json!({"error": error, "in_a_row": 1, "next_ms": 5}),
        ),
        json!({
            "event": "delivery", "delivery_id": DELIVERY, "watch_id": WATCH, "hook": HOSTILE,
            "attempt": 1, "answer": HOSTILE, "state": "dead", "due_at": null,
        }),
        json!({"event": "watch", "watch": over}),
    ];
    for form in [&[][..], &["--output=json"]] {
        let daemon = || {
            StandIn::new()
                .answers(&format!("GET /v1/watches/{WATCH}"), 200, whole.clone())
                .answers(
                    "GET /v1/watches?limit=100",
                    200,
                    json!({"watches": [going_on, over], "next": null}),
                )
                .answers("GET /v1/cluster", 200, cluster.clone())
                .answers(
                    &format!("GET /v1/deliveries/{DELIVERY}"),
                    200,
                    json!({
                        "delivery": delivery, "attempts": [attempt], "body": HOSTILE,
                    }),
                )
                .answers(
                    "GET /v1/deliveries?limit=100",
                    200,
                    json!({"deliveries": [delivery], "next": null}),
                )
                .answers(
                    &format!("POST /v1/watches/{WATCH}/cancel"),
                    409,
                    json!({"error": {"code": HOSTILE, "message": HOSTILE}}),
                )
                .tells(told.clone())
        };
        for arguments in [
            &["watch", "show", WATCH][..],
            &["watch", "list"],
            &["watch", "follow", WATCH],
            &["watch", "cancel", WATCH],
            &["cluster"],
            &["delivery", "show", DELIVERY],
            &["delivery", "list"],
        ] {
            let ended = daemon()
                .asked(arguments)
                .args(form)
                .run()
                .acts_upon_nothing();
            if form == ["--output=json"] && arguments == ["watch", "list"] {
                assert_eq!(ended.results()[1]["fail_reason"], HOSTILE);
            }
        }
    }
}
