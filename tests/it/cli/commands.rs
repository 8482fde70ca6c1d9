//! The other commands, and the answers about the program itself.

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY};

use super::harness::{IMPATIENT, Invocation, dcs_wait};

#[test]
fn help_and_version_are_answers_on_standard_output() {
    for (arguments, start) in [
        (&["--help"][..], "Waits for Huawei Cloud DCS jobs"),
        (&["-h"], "Waits for Huawei Cloud DCS jobs"),
        (&["help"], "Waits for Huawei Cloud DCS jobs"),
        (
            &["--version"],
            concat!("dcs-wait ", env!("CARGO_PKG_VERSION")),
        ),
        (&["-V"], concat!("dcs-wait ", env!("CARGO_PKG_VERSION"))),
        (&["simulate", "--help"], "Run a simulated DCS job API"),
        (&["credentials", "--help"], "Show which credential"),
        (&["demo", "--help"], "Watch simulated jobs end"),
        (&["watch", "--help"], "Have jobs watched by the daemon"),
        (&["watch", "add", "--help"], "Hand jobs to the daemon"),
        (&["delivery", "--help"], "See what hooks deliver"),
        (&["history", "--help"], "Show how long jobs took"),
    ] {
        let ended = dcs_wait(arguments).run();
        ended.exits_with(0).says_nothing().prints_line(start);
    }
}

#[test]
fn the_help_names_every_exit_code() {
    let ended = dcs_wait(["--help"]).run();
    for code in ["0", "1", "2", "3", "4", "5", "70", "124", "130"] {
        let listed = ended
            .stdout
            .lines()
            .any(|line| line.trim().split("  ").next() == Some(code));
        assert!(listed, "{code}: {ended:#?}");
    }
    assert!(ended.stdout.contains("143"), "{ended:#?}");
}

#[test]
fn the_demo_ends_with_0_and_says_what_to_type_next() {
    let ended = dcs_wait(["demo"]).run();
    ended
        .exits_with(0)
        .says("Insufficient resources")
        .says("throttled")
        .says("exit code 1")
        .says("export HUAWEICLOUD_SDK_AK=")
        .says("dcs-wait JOB_ID")
        .prints_line("ff8080818822bbf70188235afc24141a succeeded ");
}

#[test]
fn the_demo_uses_nothing_of_the_users() {
    let mut running = dcs_wait(["demo"])
        .env("HUAWEICLOUD_SDK_AK", "half")
        .env("DCS_WAIT_ENDPOINT", "http://127.0.0.1:1")
        .env("DCS_WAIT_TIMEOUT", "nonsense")
        .start();
    running.until_it_says("RUNNING");
    running.signal("INT");
    running.ended().exits_with(130);
}

#[test]
fn the_demo_of_the_daemon_shows_its_webhooks_arriving_and_leaves_nothing() {
    let ended = dcs_wait(["demo", "--daemon"])
        .folder_for_temporary_files("tmp")
        .env("DCS_WAIT_CONFIG", "/nonsense")
        .env("DCS_WAIT_SOCKET", "/nonsense")
        .run();
    let ended = ended
        .exits_with(0)
        .prints_nothing()
        .says("dcs.job.succeeded, signed with the right secret")
        .says("dcs.job.failed, signed with the right secret")
        .says("has ended, as it was told to")
        .says("dcs-wait watch add JOB_ID --wait");
    let wide = ended.stderr.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    assert!(ended.is_empty("tmp"));
}

#[test]
fn the_demo_of_the_daemon_leaves_nothing_when_it_is_interrupted() {
    let mut running = dcs_wait(["demo", "--daemon"])
        .folder_for_temporary_files("tmp")
        .start();
    running.until_it_says("RUNNING");
    running.signal("INT");
    let ended = running.ended().exits_with(130).complains("interrupted");
    assert!(ended.is_empty("tmp"));
}

fn against(url: &str, job: &str) -> Invocation {
    dcs_wait(IMPATIENT)
        .arg(job)
        .env("DCS_WAIT_ENDPOINT", url)
        .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
}

#[test]
fn the_simulator_prints_its_url_first_and_serves_until_it_is_stopped() {
    for signal in ["TERM", "INT"] {
        let mut simulator = dcs_wait(["simulate"]).start();
        let url = simulator.next_printed();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        against(&url, "job-finished").run().exits_with(0);
        simulator.signal(signal);
        simulator.ended().exits_with(0).says_nothing();
    }
}

#[test]
fn the_simulator_plays_a_script() {
    let script = r#"{"jobs": [{"id": "mine", "steps": [
        {"status": "RUNNING"}, {"fault": "reset"}, {"status": "FAIL", "fail_reason": "as written"}
    ]}]}"#;
    let mut simulator = dcs_wait(["simulate", "--script=jobs.json"])
        .file("jobs.json", script)
        .start();
    let url = simulator.next_printed();
    let ended = against(&url, "mine").run();
    ended.exits_with(1).says("as written");
    simulator.signal("TERM");
    simulator.ended().exits_with(0);
}

#[test]
fn the_simulator_takes_a_key_of_ones_own() {
    let mut simulator = dcs_wait(["simulate", "--ak-file=ak", "--sk-file=sk"])
        .file("ak", "OWNACCESSKEY00000000")
        .file("sk", "own-secret")
        .start();
    let url = simulator.next_printed();
    against(&url, "job-finished").run().exits_with(4);
    let ended = against(&url, "job-finished")
        .env("HUAWEICLOUD_SDK_AK", "OWNACCESSKEY00000000")
        .env("HUAWEICLOUD_SDK_SK", "own-secret")
        .run();
    ended.exits_with(0);
    simulator.signal("TERM");
    simulator.ended().exits_with(0).keeps(&["own-secret"]);
}

#[test]
fn a_simulator_that_cannot_start_says_why() {
    for (argument, why) in [
        ("--script=jobs.json", "jobs.json: line 2, column"),
        (
            "--script=nowhere.json",
            "can't read the script nowhere.json",
        ),
        ("--rate-limit=many", "is no rate limit"),
        ("--latency=-1s", "can't be negative"),
        ("--listen=nowhere", "--listen"),
        ("--project-id=../x", "--project-id is no project ID"),
        ("--tls-cert=jobs.json", "--tls-key"),
        ("--ak-file=jobs.json", "--sk-file"),
    ] {
        let ended = dcs_wait(["simulate", argument])
            .file("jobs.json", "{\"jobs\": [\n  oops\n]}")
            .run();
        ended.exits_with(2).complains(why);
    }
}

#[test]
fn a_simulator_whose_address_is_taken_says_so() {
    let mut simulator = dcs_wait(["simulate"]).start();
    let url = simulator.next_printed();
    let address = url.trim_start_matches("http://");
    let ended = dcs_wait(["simulate", "--listen", address]).run();
    ended
        .exits_with(2)
        .complains(format!("can't listen on {address}"))
        .says("choose another address, or port 0");
}

#[test]
fn a_command_after_options_or_jobs_is_not_taken_for_a_job() {
    for command in [
        "daemon",
        "check",
        "watch",
        "delivery",
        "credentials",
        "simulate",
        "demo",
        "help",
    ] {
        for before in ["--region=cn-north-4", "job"] {
            let ended = dcs_wait([before, command]).run();
            ended
                .exits_with(2)
                .complains(format!("{command:?} is a command, not a job"))
                .says(format!("dcs-wait {command}"));
        }
    }
}
