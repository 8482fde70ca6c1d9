//! What of a new configuration can be applied while the daemon runs.

use crate::config::{Config, StorePlace};

/// The new configuration, with what can't change while the daemon runs as it was, and the names of
/// the keys for which that matters.
pub(super) fn applicable(old: &Config, mut new: Config) -> (Config, Vec<&'static str>) {
    let mut kept = Vec::new();
    let mut keep = |differs: bool, key| {
        if differs {
            kept.push(key);
        }
    };
    for key in moved(&old.store.place, &new.store.place) {
        keep(true, key);
    }
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
    new.store.place.clone_from(&old.store.place);
    new.http.clone_from(&old.http);
    new.daemon.log = old.daemon.log;
    (new, kept)
}

/// The keys that say where everything is kept, as far as they differ.
fn moved(old: &StorePlace, new: &StorePlace) -> Vec<&'static str> {
    match (old, new) {
        _ if old == new => vec![],
        (StorePlace::Sqlite(_), StorePlace::Sqlite(_)) => vec!["store.path"],
        (StorePlace::Postgres(old), StorePlace::Postgres(new)) => [
            (old.url != new.url, "store.url"),
            (
                old.password_file != new.password_file,
                "store.password_file",
            ),
            (old.instance != new.instance, "store.instance"),
            (old.lease != new.lease, "store.lease"),
        ]
        .into_iter()
        .filter_map(|(differs, key)| differs.then_some(key))
        .collect(),
        _ => vec!["store.path", "store.url"],
    }
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
    fn a_store_stays_where_it_is() {
        let url = |rest| format!("[store]\nurl = \"postgres://me@db/x\"\n{rest}");
        let other = "[store]\nurl = \"postgres://me@db/y\"";
        let all = "instance = \"b\"\nlease = \"1m\"\npassword_file = \"/p\"";
        for (old, new, keys) in [
            (String::new(), url(""), &["store.path", "store.url"][..]),
            (url(""), String::new(), &["store.path", "store.url"]),
            (url(""), other.to_owned(), &["store.url"]),
            (
                url("instance = \"a\""),
                url(all),
                &["store.password_file", "store.instance", "store.lease"],
            ),
            (url(""), url(""), &[]),
        ] {
            let old = config(&old);
            let (applied, kept) = applicable(&old, config(&new));
            assert_eq!((applied, &kept[..]), (old, keys));
        }
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
