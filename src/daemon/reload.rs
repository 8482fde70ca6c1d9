//! What of a new configuration can be applied while the daemon runs.

use crate::config::Config;

/// The new configuration, with what can't change while the daemon runs as it was, and the names of
/// the keys for which that matters.
pub(super) fn applicable(old: &Config, mut new: Config) -> (Config, Vec<&'static str>) {
    let mut kept = Vec::new();
    let mut keep = |differs: bool, key| {
        if differs {
            kept.push(key);
        }
    };
    keep(new.store.path != old.store.path, "store.path");
    keep(new.http.socket != old.http.socket, "http.socket");
    keep(new.http.listen != old.http.listen, "http.listen");
    keep(
        new.http.token_file != old.http.token_file,
        "http.token_file",
    );
    let connections = (new.http.max_connections, old.http.max_connections);
    keep(connections.0 != connections.1, "http.max_connections");
    let timeouts = (new.http.request_timeout, old.http.request_timeout);
    keep(timeouts.0 != timeouts.1, "http.request_timeout");
    keep(new.daemon.log != old.daemon.log, "daemon.log");
    new.store.path.clone_from(&old.store.path);
    new.http.clone_from(&old.http);
    new.daemon.log = old.daemon.log;
    (new, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogLevel;
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    fn config(text: &str) -> Config {
        let text = format!("{text}\n[[project]]\nname = \"main\"\nregion = \"cn-north-4\"\n");
        Config::parse(Path::new("/etc/test.toml"), &text, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn what_can_change_is_applied_as_a_whole() {
        let new = config("[daemon]\nlog_level = \"debug\"\n[store]\nretention = \"1h\"");
        let (applied, kept) = applicable(&config(""), new.clone());
        assert_eq!((&applied, kept), (&new, vec![]));
        assert_eq!(applied.daemon.log_level, LogLevel::Debug);
        assert_eq!(applied.store.retention, Duration::from_secs(3600));
    }

    #[test]
    fn what_can_not_change_stays_and_is_named() {
        let old = config("");
        let new = config(
            "[daemon]\nlog = \"stderr\"\n[store]\npath = \"/elsewhere\"\n[http]\nsocket = \"/run/other.sock\"\nmax_connections = 7",
        );
        let (applied, kept) = applicable(&old, new);
        assert_eq!(applied, old);
        assert_eq!(
            kept,
            [
                "store.path",
                "http.socket",
                "http.max_connections",
                "daemon.log"
            ]
        );
    }
}
