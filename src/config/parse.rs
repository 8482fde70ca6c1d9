//! From a file's text to a [`Config`], or to everything that is wrong with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::defaults;
use super::error::{ConfigError, ConfigErrors};
use super::hook::hooks;
use super::keys::{
    DAEMON, HOOK, HTTP, LIMITS, POLL, PROJECT, SHAPES, STORE, Shape, WATCH, nearest,
};
use super::project::projects;
use super::read::{Document, Entry, Table};
use super::store::store;
use super::values::{RATES, parse_code};
use super::watch::watches;
use super::{Config, DaemonConfig, HttpConfig, Limits, LogLevel, LogTarget, PollConfig};
use crate::environment::Environment;
use crate::poll::{Backoff, BackoffSpec, DelayPerRequest, InvalidBackoff, ScheduleSpec};
use crate::sanitize::system_words;
use crate::system_error::is_temporary;

/// The keys of `[poll]` that are of the exponential schedule.
const EXPONENTIAL: [&str; 4] = ["initial_interval", "max_interval", "multiplier", "jitter"];

/// The longest path that a Unix socket can have, in bytes: `sun_path` less the final zero.
const MAX_SOCKET_PATH: usize = 107;

impl Config {
    /// Reads a file. Of the environment, only `CREDENTIALS_DIRECTORY` is looked at.
    ///
    /// # Errors
    /// With all that is wrong with the file.
    pub fn load(path: &Path, environment: &dyn Environment) -> Result<Self, ConfigErrors> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        Self::parse(path, &text, environment)
    }

    /// Reads the text of a file. The path is for messages, and its directory is where relative paths
    /// begin.
    ///
    /// # Errors
    /// With all that is wrong with the text.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Environment,
    ) -> Result<Self, ConfigErrors> {
        let document = Document::new(text, directory_of(path), environment);
        let (root, faults) = DeTable::parse_recoverable(text);
        let config = if faults.is_empty() {
            config(&document, root.get_ref())
        } else {
            for fault in faults {
                // Not its `Display`: that shows the line, with whatever secret is in it.
                let message = format!("this is no TOML: {}", fault.message());
                document.refuse(fault.span(), None, message);
            }
            None
        };
        let errors = document.into_errors();
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors::new(path, errors)),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigErrors {
    let why = system_words(error);
    let message = match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8; save it as UTF-8 text".to_owned(),
        _ if is_temporary(error) => {
            let message =
                format!("can't be read now: {why}; start again once the system allows it");
            return ConfigErrors::temporary(path, ConfigError::without_place(message));
        }
        _ => format!("can't be read: {why}; check the path and its owner"),
    };
    ConfigErrors::new(path, vec![ConfigError::without_place(message)])
}

fn directory_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// The configuration; `None` only after an error was noted.
fn config<'a>(document: &'a Document<'a>, root: &'a DeTable<'a>) -> Option<Config> {
    for (key, value) in root.iter() {
        refuse_unknown_table(document, key, value.get_ref());
    }
    let table = |shape: &'static Shape| Table::new(document, shape, root.get(shape.name));
    let list = |shape: &'static Shape| Table::list(document, shape, root.get(shape.name));
    let daemon = daemon(&table(&DAEMON));
    let projects = projects(document, list(&PROJECT));
    let poll = poll(&table(&POLL));
    let limits = limits(&table(&LIMITS));
    let store = store(&table(&STORE));
    let http = http(&table(&HTTP));
    let hooks = hooks(list(&HOOK));
    let watches = watches(list(&WATCH), &projects.names, &hooks.names);
    Some(Config {
        projects: projects.items,
        poll: poll?,
        limits: limits?,
        store,
        http,
        hooks: hooks.items,
        watches,
        daemon,
    })
}

fn limits(table: &Table<'_>) -> Option<Limits> {
    let max_rps = table
        .get("max_rps")
        .map_or(Some(defaults::MAX_RPS), |entry| entry.rate(&RATES));
    let max_in_flight = table
        .get("max_in_flight")
        .map_or(Some(defaults::MAX_IN_FLIGHT), |entry| {
            entry.whole(&(1..=1000))
        });
    Some(Limits {
        max_rps: max_rps?,
        max_in_flight: max_in_flight? as usize,
    })
}

fn refuse_unknown_table<'a>(
    document: &Document<'a>,
    key: &Spanned<DeString<'a>>,
    value: &DeValue<'a>,
) {
    let name = key.get_ref().as_ref();
    if SHAPES.iter().any(|shape| shape.name == name) {
        return;
    }
    let is_table = matches!(value, DeValue::Table(_) | DeValue::Array(_));
    let home = SHAPES.iter().find(|shape| shape.keys.contains(&name));
    let message = match home {
        Some(home) if !is_table => {
            format!(
                "{name} stands outside of all tables; it belongs to {}",
                home.title()
            )
        }
        _ => {
            let near = nearest(name, SHAPES.iter().map(|shape| shape.name));
            let advice = match SHAPES.iter().find(|shape| Some(shape.name) == near) {
                Some(shape) => format!("did you mean {}?", shape.title()),
                None => format!("there are: {}", SHAPES.map(Shape::title).join(", ")),
            };
            format!("{name}: there is no such table; {advice}")
        }
    };
    document.refuse(Some(key.span()), Some(name), message);
}

fn daemon(table: &Table<'_>) -> DaemonConfig {
    const TARGETS: [(&str, LogTarget); 3] = [
        ("auto", LogTarget::Auto),
        ("journal", LogTarget::Journal),
        ("stderr", LogTarget::Stderr),
    ];
    const LEVELS: [(&str, LogLevel); 4] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
    DaemonConfig {
        drain_timeout: table
            .get("drain_timeout")
            .and_then(|entry| entry.duration())
            .unwrap_or(defaults::DRAIN_TIMEOUT),
        log: table
            .get("log")
            .and_then(|entry| entry.word(&TARGETS))
            .unwrap_or(LogTarget::Auto),
        log_level: table
            .get("log_level")
            .and_then(|entry| entry.word(&LEVELS))
            .unwrap_or(LogLevel::Info),
    }
}

fn poll(table: &Table<'_>) -> Option<PollConfig> {
    Some(PollConfig {
        timeout: table
            .get("timeout")
            .and_then(|entry| entry.limit())
            .unwrap_or(Some(defaults::TIMEOUT)),
        not_found_grace: table
            .get("not_found_grace")
            .and_then(|entry| entry.duration())
            .unwrap_or(defaults::NOT_FOUND_GRACE),
        mending_grace: table
            .get("mending_grace")
            .and_then(|entry| entry.duration())
            .unwrap_or(defaults::MENDING_GRACE),
        request_timeout: table
            .get("request_timeout")
            .and_then(|entry| entry.some_time())
            .unwrap_or(defaults::REQUEST_TIMEOUT),
        not_found_codes: not_found_codes(table)
            .unwrap_or_else(|| defaults::NOT_FOUND_CODES.map(str::to_owned).to_vec()),
        schedule: schedule(table),
        backoff: backoff(table)?,
    })
}

fn not_found_codes(table: &Table<'_>) -> Option<Vec<String>> {
    const WANTED: &str = r#"a list of codes such as ["DCS.4133"]"#;
    let codes = table.get("not_found_codes")?.list(WANTED)?;
    let read = |code: &Entry<'_>| {
        code.parsed(r#"a code such as "DCS.4133""#, |text| {
            parse_code(text).ok_or("it is no error code; give one such as DCS.4133")
        })
    };
    Some(codes.iter().filter_map(read).collect())
}

fn schedule(table: &Table<'_>) -> ScheduleSpec {
    const NAMES: [(&str, bool); 2] = [("learned", true), ("exponential", false)];
    let entry = table.get("schedule");
    let is_unnamed = entry.is_none();
    let named = entry.and_then(|entry| entry.word(&NAMES));
    // A file keeps what it asked for before there was another schedule.
    let exponential = EXPONENTIAL.iter().find(|key| table.get(key).is_some());
    let delay = table.get("delay_per_request");
    if let (Some(delay), Some(key), true) = (&delay, exponential, is_unnamed) {
        delay.refuse::<()>(format!(
            "it is for the learned schedule, and {key} by itself asks for the exponential one; give \
             schedule = \"learned\" or \"exponential\" as well"
        ));
    }
    let delay = delay.and_then(|entry| {
        let delay = entry.duration()?;
        DelayPerRequest::try_from(delay).map_or_else(|why| entry.refuse(why), Some)
    });
    match named {
        Some(false) => ScheduleSpec::Exponential,
        None if is_unnamed && exponential.is_some() => ScheduleSpec::Exponential,
        _ => ScheduleSpec::Learned(delay.unwrap_or_default()),
    }
}

fn backoff(table: &Table<'_>) -> Option<Backoff> {
    let usual = BackoffSpec::default();
    let interval = |key, usual| table.get(key).map_or(Some(usual), |entry| entry.duration());
    let initial_interval = interval("initial_interval", usual.initial_interval);
    let max_interval = interval("max_interval", usual.max_interval);
    let number = |key, usual| table.get(key).map_or(Some(usual), |entry| entry.number());
    let multiplier = number("multiplier", usual.multiplier);
    let jitter = number("jitter", usual.jitter);
    // What can't be read counts as usual, so that the others are looked at all the same.
    let intervals = initial_interval.is_some() && max_interval.is_some();
    let spec = BackoffSpec {
        initial_interval: initial_interval.unwrap_or(usual.initial_interval),
        max_interval: max_interval.unwrap_or(usual.max_interval),
        multiplier: multiplier.unwrap_or(usual.multiplier),
        jitter: jitter.unwrap_or(usual.jitter),
    };
    let mistakes = spec.mistakes();
    let follows = !intervals || mistakes.contains(&InvalidBackoff::InitialInterval);
    for &mistake in &mistakes {
        match (mistake, table.get("max_interval")) {
            (InvalidBackoff::MaxInterval, _) if follows => {}
            (InvalidBackoff::MaxInterval, None) => {
                let usual = humantime::format_duration(usual.max_interval);
                table.get("initial_interval")?.refuse::<()>(format!(
                    "it is longer than max_interval, which is {usual} by default; give that as well"
                ));
            }
            _ => {
                table.get(mistake.name())?.refuse::<()>(mistake);
            }
        }
    }
    Backoff::try_from(spec).ok()
}

fn http(table: &Table<'_>) -> HttpConfig {
    let socket = table.get("socket").and_then(|entry| {
        let path = entry.path()?;
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            return entry.refuse(format!(
                "a socket's path has at most {MAX_SOCKET_PATH} bytes, and this one has {}",
                path.as_os_str().len()
            ));
        }
        Some(path)
    });
    let listen = table.get("listen");
    let token_file = table.get("token_file");
    if let (Some(listen), None) = (&listen, &token_file) {
        listen
            .refuse::<()>("whoever reaches the address could do anything; give token_file as well");
    }
    HttpConfig {
        socket: socket.unwrap_or_else(|| defaults::SOCKET.into()),
        listen: listen.and_then(|entry| {
            entry.parsed(
                r#"an address and a port such as "127.0.0.1:8080""#,
                |text| {
                    text.parse().map_err(
                        |_| "it is no address with a port; give one such as 127.0.0.1:8080",
                    )
                },
            )
        }),
        token_file: token_file.and_then(|entry| entry.path()),
        max_connections: table
            .get("max_connections")
            .and_then(|entry| entry.whole(&(1..=65_535)))
            .unwrap_or(defaults::MAX_CONNECTIONS) as usize,
        request_timeout: table
            .get("request_timeout")
            .and_then(|entry| entry.some_time())
            .unwrap_or(defaults::HTTP_REQUEST_TIMEOUT),
    }
}
