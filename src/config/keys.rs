//! The tables and keys that there are, and the nearest right name for a wrong one.

/// A table of the file.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether there may be several: `[[name]]`.
    pub(super) is_list: bool,
    /// Its keys.
    pub(super) keys: &'static [&'static str],
}

impl Shape {
    /// As it is written: `[poll]` or `[[hook]]`.
    pub(super) fn title(&self) -> String {
        if self.is_list {
            format!("[[{}]]", self.name)
        } else {
            format!("[{}]", self.name)
        }
    }
}

pub(super) const DAEMON: Shape = Shape {
    name: "daemon",
    is_list: false,
    keys: &["drain_timeout", "log", "log_level"],
};

pub(super) const PROJECT: Shape = Shape {
    name: "project",
    is_list: true,
    keys: &[
        "name",
        "region",
        "endpoint",
        "project_id",
        "ak_file",
        "sk_file",
        "security_token_file",
        "auth_token_file",
        "ca_file",
    ],
};

pub(super) const POLL: Shape = Shape {
    name: "poll",
    is_list: false,
    keys: &[
        "timeout",
        "schedule",
        "delay_per_request",
        "initial_interval",
        "max_interval",
        "multiplier",
        "jitter",
        "request_timeout",
        "not_found_grace",
        "mending_grace",
        "not_found_codes",
    ],
};

pub(super) const LIMITS: Shape = Shape {
    name: "limits",
    is_list: false,
    keys: &["max_rps", "max_in_flight"],
};

pub(super) const STORE: Shape = Shape {
    name: "store",
    is_list: false,
    keys: &[
        "path",
        "url",
        "password_file",
        "instance",
        "lease",
        "retention",
    ],
};

pub(super) const HTTP: Shape = Shape {
    name: "http",
    is_list: false,
    keys: &[
        "socket",
        "listen",
        "token_file",
        "max_connections",
        "request_timeout",
    ],
};

/// The keys of all kinds of hooks together.
pub(super) const HOOK: Shape = Shape {
    name: "hook",
    is_list: true,
    keys: &[
        "name",
        "type",
        "on",
        "default",
        "concurrency",
        "timeout",
        "url",
        "secrets",
        "headers",
        "header_files",
        "ca_file",
        "directory",
        "file_name",
        "append",
        "argv",
        "codes",
    ],
};

/// The kinds of hooks, each with the keys that not every kind has.
pub(super) const HOOK_KINDS: [(&str, &[&str]); 4] = [
    (
        "webhook",
        &[
            "timeout",
            "url",
            "secrets",
            "headers",
            "header_files",
            "ca_file",
        ],
    ),
    ("file", &["directory", "file_name", "append"]),
    ("exec", &["timeout", "argv"]),
    ("exit", &["codes"]),
];

pub(super) const WATCH: Shape = Shape {
    name: "watch",
    is_list: true,
    keys: &["job_id", "project", "hooks", "timeout"],
};

/// All tables, in the order of the shipped file.
pub(super) const SHAPES: [&Shape; 8] = [
    &DAEMON, &PROJECT, &POLL, &LIMITS, &STORE, &HTTP, &HOOK, &WATCH,
];

/// How alike two names must be, by Jaro and Winkler, to be taken for one another.
const ALIKE: f64 = 0.8;

/// The name among these that was probably meant.
pub(super) fn nearest<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let likeness = |name: &str| {
        if name.len() > 3 && wrong.contains(name) || wrong.len() > 3 && name.contains(&wrong) {
            return 1.0;
        }
        strsim::jaro_winkler(&wrong, &name.to_lowercase().replace('-', "_"))
    };
    names
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// What to say after a wrong name: the one that was probably meant, or all that there are.
pub(crate) fn instead<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(wrong, names.clone()) {
        return format!("did you mean {name}?");
    }
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => "there is none".to_owned(),
        [one] => format!("there is only {one}"),
        _ => format!("there are: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_probably_meant_is_found() {
        for (wrong, expected) in [
            ("max_intervall", Some("max_interval")),
            ("maxinterval", Some("max_interval")),
            ("max-interval", Some("max_interval")),
            ("Jitter", Some("jitter")),
            ("interval", Some("initial_interval")),
            ("not_found", Some("not_found_grace")),
            ("colour", None),
            ("x", None),
        ] {
            let found = nearest(wrong, POLL.keys.iter().copied());
            match expected {
                Some("initial_interval") => assert!(found.unwrap().ends_with("interval")),
                Some("not_found_grace") => assert!(found.unwrap().starts_with("not_found")),
                _ => assert_eq!(found, expected, "{wrong}"),
            }
        }
    }

    #[test]
    fn every_key_of_a_kind_of_hook_is_one_of_hooks() {
        for (kind, keys) in HOOK_KINDS {
            for key in keys {
                assert!(HOOK.keys.contains(key), "{kind}: {key}");
            }
        }
    }

    #[test]
    fn every_key_stands_in_the_shipped_file_under_its_table() {
        let shipped = include_str!("../../config/dcs-wait.toml");
        let mut keys = Vec::new();
        let mut table = "";
        for line in shipped.lines() {
            let line = line.strip_prefix('#').unwrap_or(line);
            if let Some(title) = line.strip_prefix('[') {
                table = title.trim_matches(['[', ']']);
            } else if let Some((key, _)) = line.split_once(" = ")
                && !line.starts_with(' ')
            {
                keys.push((table, key));
            }
        }
        for shape in SHAPES {
            for key in shape.keys {
                assert!(keys.contains(&(shape.name, key)), "{}.{key}", shape.name);
            }
        }
        for (table, key) in keys {
            let shape = SHAPES.iter().find(|shape| shape.name == table);
            assert!(
                shape.is_some_and(|shape| shape.keys.contains(&key)),
                "{table}.{key}"
            );
        }
    }
}
