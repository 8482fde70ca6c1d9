//! A daemon whose configuration is right starts, whatever IAM, STS and the metadata service answer.

use dcs_wait::sim::{PROJECT_ID, REGION, Step};
use serde_json::json;

use super::harness::{Daemon, House, until};
use crate::scripted::{Reply, Server, transient};

fn projects(ids: &[&str]) -> Reply {
    let projects: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "name": REGION}))
        .collect();
    Reply::with(200, json!({"projects": projects}).to_string())
}

/// Has the project's ID looked up.
fn look_the_project_up(house: &House) {
    let given = format!("project_id = \"{PROJECT_ID}\"");
    let region = format!("region = \"{REGION}\"");
    house.write_config(&house.basic().replace(&given, &region));
}

/// Has the credential looked up, where there may be none.
fn look_the_credential_up(house: &House) {
    let given = "ak_file = \"ak\"\nsk_file = \"sk\"\n";
    house.write_config(&house.basic().replace(given, ""));
}

#[track_caller]
fn start(house: &House, variables: &[(&str, &str)]) -> Daemon {
    let mut daemon = house.launch_with(|command| {
        command.envs(variables.iter().copied());
    });
    house.until_ready(&mut daemon);
    daemon
}

/// Why the daemon isn't ready, once it says so.
#[track_caller]
fn reason(daemon: &Daemon) -> String {
    let (status, answer) = daemon.ask("/readyz");
    assert_eq!(status, 503, "{answer}");
    assert_eq!(answer["projects"][0]["name"], "main", "{answer}");
    assert!(answer["projects"][0]["not_ready"].is_string(), "{answer}");
    answer["reasons"][0].as_str().unwrap().to_owned()
}

#[test]
fn it_starts_whatever_iam_answers() {
    let house = House::without_hooks();
    look_the_project_up(&house);
    let mut answers = transient("{\"projects\": []}");
    for status in [302, 400, 401, 403, 404] {
        answers.push((status.to_string(), Reply::with(status, "<html>no</html>")));
    }
    answers.push(("no project".to_owned(), projects(&[])));
    answers.push(("two projects".to_owned(), projects(&["a1", "b2"])));
    for (name, answer) in answers {
        let iam = Server::start([answer]);
        let daemon = start(&house, &[("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)]);
        let why = reason(&daemon);
        assert!(
            why.starts_with("project main: not ready, because "),
            "{why}"
        );
        assert!(why.contains("IAM"), "{name}: {why}");
        daemon.until_it_says("project main: not ready, because");
        daemon.stop();
        assert!(!iam.requests().is_empty(), "{name}");
    }
}

#[test]
fn it_starts_whatever_sts_answers_and_without_any_credential() {
    let house = House::without_hooks();
    look_the_credential_up(&house);
    let mut answers = transient("{}");
    for status in [302, 400, 401, 403, 404] {
        answers.push((status.to_string(), Reply::with(status, "<html>no</html>")));
    }
    for (name, answer) in answers {
        let sts = Server::start([answer]);
        let daemon = start(
            &house,
            &[
                ("HUAWEICLOUD_OIDC_PROVIDER_URN", "urn"),
                ("HUAWEICLOUD_OIDC_AGENCY_URN", "urn"),
                ("HUAWEICLOUD_OIDC_ID_TOKEN", "t0ken"),
                ("HUAWEICLOUD_SDK_STS_ENDPOINT", &sts.url),
            ],
        );
        let why = reason(&daemon);
        assert!(why.contains("security token service"), "{name}: {why}");
        daemon.stop();
    }
    let daemon = start(&house, &[]);
    let why = reason(&daemon);
    assert!(why.contains("no credentials"), "{why}");
    daemon.stop();
}

#[test]
fn it_becomes_ready_by_itself_and_polls_what_it_accepted_before() {
    let house = House::without_hooks();
    look_the_project_up(&house);
    let iam = Server::start([Reply::with(200, "<html>Please log in</html>")]);
    let daemon = start(&house, &[("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)]);
    house.job("job-1", [Step::success()]);
    let id = daemon.add("job-1");
    reason(&daemon);
    iam.answer(projects(&[PROJECT_ID]));
    until("it is ready", || daemon.ask("/readyz").0 == 200);
    assert_eq!(daemon.outcome(&id), "succeeded");
    daemon.until_it_says("project main: ready");
    daemon.stop();
}

#[test]
fn it_becomes_ready_without_any_watch() {
    let house = House::without_hooks();
    look_the_project_up(&house);
    let iam = Server::start([Reply::Reset]);
    let daemon = start(&house, &[("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)]);
    reason(&daemon);
    iam.answer(projects(&[PROJECT_ID]));
    until("it is ready", || daemon.ask("/readyz").0 == 200);
    daemon.stop();
}

#[test]
fn the_service_manager_is_told_why_it_is_not_ready() {
    let house = House::without_hooks();
    look_the_project_up(&house);
    let iam = Server::start([projects(&[])]);
    let mut daemon = start(&house, &[("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)]);
    while !house
        .told(&mut daemon)
        .contains("main: not ready, because IAM knows no project named")
    {}
    daemon.stop();
}

#[test]
fn a_reload_while_iam_is_in_trouble_keeps_the_sessions_and_starts_others_that_are_not_ready() {
    let house = House::without_hooks();
    house.job("job-1", [Step::running()]);
    let iam = Server::start([Reply::with(403, "")]);
    let daemon = start(&house, &[("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url)]);
    assert_eq!(daemon.ask("/readyz").0, 200);
    let id = daemon.add("job-1");
    until("a poll", || house.polls("job-1") > 0);
    let second = format!(
        "[[project]]\nname = \"second\"\nregion = \"{REGION}\"\n\
         endpoint = \"http://127.0.0.1:9\"\nak_file = \"ak\"\nsk_file = \"sk\"\n"
    );
    house.configure(&second);
    daemon.signal("HUP");
    daemon.until_it_says("reloaded");
    let (status, answer) = daemon.ask("/readyz");
    assert_eq!(status, 503, "{answer}");
    let reason = answer["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("project second: "), "{reason}");
    house.job("job-1", [Step::success()]);
    assert_eq!(daemon.outcome(&id), "succeeded");
    daemon.stop();
    assert_eq!(
        iam.requests().len(),
        1,
        "a refused credential isn't sent again soon"
    );
}

#[test]
fn a_fault_of_the_configuration_is_told_at_the_start_even_while_a_service_is_in_trouble() {
    let house = House::without_hooks();
    let iam = Server::start([Reply::Reset]);
    let faults = [
        ("region = \"no region\"\n", "region"),
        (
            "region = \"r1\"\nca_file = \"not-there.pem\"\n",
            "not-there.pem",
        ),
    ];
    for (fault, word) in faults {
        let text = house.basic();
        let endpoint = text
            .lines()
            .find(|line| line.starts_with("endpoint"))
            .unwrap();
        let given = format!("{endpoint}\nproject_id = \"{PROJECT_ID}\"\n");
        assert!(text.contains(&given), "{text}");
        house.write_config(&text.replace(&given, fault));
        let daemon = house.launch_with(|command| {
            command.env("HUAWEICLOUD_SDK_IAM_ENDPOINT", &iam.url);
        });
        let (code, log) = daemon.ended();
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains(word), "{log}");
    }
    assert!(iam.requests().is_empty());
}
