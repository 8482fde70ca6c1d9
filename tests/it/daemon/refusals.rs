//! What keeps a daemon from starting: each a clear error, and nothing lost.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use dcs_wait::sim::{PROJECT_ID, SimOptions, Simulator, Step};
use dcs_wait::store::{SqliteStore, Store};
use serde_json::json;

use super::harness::{House, until};

/// Starts a daemon that can't, and says what it said.
#[track_caller]
fn refused(house: &House) -> String {
    let (code, log) = house.launch().ended();
    assert_eq!(code, Some(2), "{log}");
    log
}

#[test]
fn a_bad_configuration_is_told_with_its_place() {
    let house = House::new();
    house.configure("[pol]\ntimeout = \"1h\"\n[[hook]]\nname = \"ci\"\ntype = \"webhok\"");
    let log = refused(&house);
    assert!(log.contains("dcs-wait.toml:"), "{log}");
    assert!(log.contains("pol") && log.contains("webhok"), "{log}");
    assert!(log.contains("error: "), "{log}");
    assert!(!house.path("dcs-wait.db").exists());
}

#[test]
fn a_configuration_that_is_not_there_is_told() {
    let house = House::new();
    fs::remove_file(house.path("dcs-wait.toml")).unwrap();
    assert!(refused(&house).contains("dcs-wait.toml"));
}

#[test]
fn a_credential_that_is_not_there_is_told_with_its_project() {
    let house = House::new();
    fs::remove_file(house.path("sk")).unwrap();
    let log = refused(&house);
    assert!(log.contains("main"), "{log}");
    assert!(log.contains("sk"), "{log}");
}

#[test]
fn a_service_that_can_not_be_reached_keeps_no_daemon_from_starting() {
    let house = House::new();
    let nobody = "endpoint = \"http://127.0.0.1:9\"\n#";
    house.write_config(&house.basic().replace("endpoint = ", nobody));
    let daemon = house.start();
    daemon.add("job-1");
    daemon.stop();
}

#[test]
fn a_second_daemon_on_the_same_store_is_refused() {
    let house = House::new();
    let daemon = house.start();
    let text = house.basic().replace("control.sock", "other.sock");
    house.write_config(&text);
    let (code, log) = house.launch().ended();
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("dcs-wait.db"), "{log}");
    daemon.get("/v1/watches");
    daemon.stop();
}

#[test]
fn a_store_that_a_copy_is_not_finished_into_is_refused_until_it_is() {
    let house = House::new();
    let mark = |is_unfinished| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = SqliteStore::open(&house.path("dcs-wait.db")).await.unwrap();
            store.mark_unfinished(is_unfinished).await.unwrap();
            store.close().await;
        });
    };
    mark(true);
    let log = refused(&house);
    let expected = "a copy into the store was begun, and isn't finished: finish it with the same \
                    dcs-wait store migrate, or begin with an empty store";
    assert!(log.contains(expected), "{log}");
    mark(false);
    house.start().stop();
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused() {
    let house = House::new();
    let daemon = house.start();
    house.write_config(&house.basic().replace("dcs-wait.db", "other.db"));
    let (code, log) = house.launch().ended();
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("control.sock"), "{log}");
    daemon.get("/v1/watches");
    daemon.stop();
}

#[test]
fn a_socket_that_a_crash_left_is_taken_over() {
    let house = House::new();
    house.start().kill();
    assert!(house.path("control.sock").exists());
    let daemon = house.start();
    daemon.get("/v1/watches");
    daemon.stop();
}

#[test]
fn a_state_directory_that_is_not_there_or_can_not_be_written_is_told() {
    let house = House::new();
    let elsewhere = |path: &str| house.write_config(&house.basic().replace("dcs-wait.db", path));
    elsewhere("nowhere/dcs-wait.db");
    assert!(refused(&house).contains("nowhere"));
    // Where nobody can write, root included.
    elsewhere("/proc/self/dcs-wait.db");
    assert!(refused(&house).contains("/proc/"));
}

#[test]
fn a_corrupt_database_is_refused_and_stays_as_it_is() {
    let house = House::new();
    house.start().stop();
    let path = house.path("dcs-wait.db");
    let garbage = vec![0x5a; 8192];
    fs::write(&path, &garbage).unwrap();
    assert!(refused(&house).contains("dcs-wait.db"));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_stays_as_it_is() {
    let house = House::new();
    house.start().stop();
    let path = house.path("dcs-wait.db");
    let mut database = fs::read(&path).unwrap();
    // SQLite's `user_version`, big-endian: https://www.sqlite.org/fileformat.html#user_version_number
    database[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&path, &database).unwrap();
    let log = refused(&house);
    assert!(
        log.contains("dcs-wait.db") && log.contains("newer"),
        "{log}"
    );
    assert_eq!(fs::read(&path).unwrap(), database);
}

#[test]
fn a_store_that_was_left_in_peace_is_one_file() {
    let house = House::new();
    house.start().stop();
    assert!(house.path("dcs-wait.db").exists());
    assert!(!house.path("dcs-wait.db-wal").exists());
}

#[test]
fn the_database_is_for_its_owner_alone() {
    let house = House::new();
    house.start().stop();
    let mode = |name: &str| fs::metadata(house.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("dcs-wait.db"), 0o600);
}

#[test]
fn a_store_that_somebody_else_is_at_may_be_there_later() {
    let house = House::new();
    house.start().stop();
    let _busy = house.busy_store();
    let (code, log) = house.launch().ended();
    assert_eq!(code, Some(75), "{log}");
    assert!(log.contains("the store can't be opened"), "{log}");
    assert!(log.contains("locked"), "{log}");
}

/// The same command, with a limit to the descriptors that it may have.
fn limited(house: &House, command: &Command, most: u32) -> Command {
    let mut limited = Command::new("/bin/sh");
    let log = File::options()
        .append(true)
        .open(house.path("log"))
        .unwrap();
    limited
        .args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(house.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    limited
}

#[test]
fn a_lack_of_descriptors_at_the_start_may_pass() {
    let house = House::without_hooks();
    house.start().stop();
    let socket = house.path("control.sock");
    let has_started = (16..96).any(|most| {
        let mut daemon = house.launch_with(|command| *command = limited(&house, command, most));
        let mut has_ended = false;
        until("it listens or has ended", || {
            has_ended = daemon.has_ended();
            has_ended || UnixStream::connect(&socket).is_ok()
        });
        if has_ended {
            let (code, log) = daemon.ended();
            assert_eq!(code, Some(75), "with {most}: {log}");
        } else {
            daemon.stop();
        }
        !has_ended
    });
    assert!(has_started);
}

#[test]
fn a_database_that_never_answers_may_be_there_later() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let house = House::without_hooks();
    let store = format!("url = \"postgres://user@127.0.0.1:{port}/db?sslmode=disable\"");
    let config = house.basic().replace("path = \"dcs-wait.db\"", &store);
    house.write_config(&config);
    let (code, log) = house.launch().ended();
    assert_eq!(code, Some(75), "{log}");
    assert!(log.contains("hasn't answered within"), "{log}");
}

#[test]
fn help_names_signals_and_exit_codes() {
    let help = Command::new(env!("CARGO_BIN_EXE_dcs-wait"))
        .args(["daemon", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for word in [
        "SIGHUP",
        "SIGTERM",
        "--config",
        "75",
        "143",
        "DCS_WAIT_CONFIG",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
}

#[test]
fn a_credential_that_another_endpoint_refuses_keeps_no_project_waiting() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = SimOptions {
        secret_key: "another-secret".into(),
        ..SimOptions::default()
    };
    let listen = "127.0.0.1:0".parse().unwrap();
    let refusing = runtime.block_on(Simulator::start(listen, options)).unwrap();
    let house = House::new();
    house.configure(&format!(
        "[[project]]\nname = \"other\"\nendpoint = \"{}\"\nproject_id = \"{PROJECT_ID}\"\n\
         ak_file = \"ak\"\nsk_file = \"sk\"\n",
        refusing.url()
    ));
    house.job("job-1", [Step::success()]);
    let daemon = house.start();
    let order = json!({"job_id": "job-2", "project": "other"});
    assert_eq!(daemon.post("/v1/watches", &order).0, 201);
    let refused = "dcs_wait_project_credential_refused{project=\"other\"} 1";
    until("the other endpoint has refused it", || {
        let metrics = daemon.get("/metrics");
        metrics.as_str().is_some_and(|text| text.contains(refused))
    });
    let order = json!({"job_id": "job-1", "project": "main"});
    let (status, good) = daemon.post("/v1/watches", &order);
    assert_eq!(status, 201);
    let id = good["watch"]["id"].as_str().unwrap();
    assert_eq!(daemon.outcome(id), "succeeded");
    daemon.stop();
}
