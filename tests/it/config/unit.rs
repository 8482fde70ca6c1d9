//! The systemd unit that is shipped, and the configuration file beside it, fit together.

use std::time::Duration;

use dcs_wait::config::StorePlace;
use dcs_wait::engine::Engine;

use super::good;

const UNIT: &str = include_str!("../../../systemd/dcs-wait.service");
const FILE: &str = include_str!("../../../config/dcs-wait.toml");

/// The values of a setting, in their order.
fn settings<'a>(name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix('=');
    UNIT.lines().filter_map(value).collect()
}

#[test]
fn the_service_has_the_time_to_drain() {
    let [seconds] = settings("TimeoutStopSec")[..] else {
        panic!("there is no time to stop");
    };
    let time = Duration::from_secs(seconds.parse().unwrap());
    let config = good("");
    let parts = [
        config.daemon.drain_timeout,
        Engine::STOP_MARGIN,
        config.http.request_timeout,
    ];
    assert!(time >= parts.iter().sum::<Duration>() + Duration::from_secs(10));
}

#[test]
fn the_service_may_write_where_the_daemon_writes_by_default() {
    let config = good("");
    let StorePlace::Sqlite(store) = config.store.place else {
        panic!("{:?}", config.store);
    };
    for (setting, root, path) in [
        ("StateDirectory", "/var/lib", store),
        ("RuntimeDirectory", "/run", config.http.socket),
    ] {
        let directories = settings(setting);
        let directory = format!("{root}/{}", directories[0]);
        assert_eq!(path.parent().unwrap().to_str(), Some(&*directory));
    }
}

#[test]
fn every_secret_of_the_shipped_file_is_loaded() {
    let names: Vec<&str> = FILE
        .split("${CREDENTIALS_DIRECTORY}/")
        .skip(2)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(names.len(), 8, "{names:?}");
    assert_eq!(settings("LoadCredential"), names);
}
