//! `[[hook]]`.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::defaults;
use super::keys::{HOOK_KINDS, instead};
use super::project::{Named, name};
use super::read::{Entry, Table};
use crate::hooks::{DEFAULT_ON, ExecSpec, ExitSpec, FileSpec, HookKind, HookSpec, WebhookSpec};
use crate::model::{HookName, Outcome};

/// The most attempts of one hook that may be under way at once.
const MAX_CONCURRENCY: u32 = 1000;

pub(super) fn hooks(tables: Vec<Table<'_>>) -> Named<HookName, HookSpec> {
    let mut hooks = Named::new();
    for table in tables {
        let name = name(&table, &mut hooks.names);
        if let Some(hook) = hook(&table, name) {
            hooks.items.push(hook);
        }
    }
    hooks
}

fn hook(table: &Table<'_>, name: Option<HookName>) -> Option<HookSpec> {
    let on = table
        .get("on")
        .map_or_else(|| Some(DEFAULT_ON.to_vec()), |entry| outcomes(&entry));
    let concurrency = table
        .get("concurrency")
        .map(|entry| entry.whole(&(1..=MAX_CONCURRENCY)));
    let words = HOOK_KINDS.map(|(kind, _)| (kind, kind));
    let kind = table
        .require("type", r#""webhook", "file", "exec" or "exit""#)
        .and_then(|entry| entry.word(&words))?;
    refuse_keys_of_others(table, kind);
    // That any watch's end would be the daemon's is seldom meant.
    let by_default = table
        .get("default")
        .map_or(Some(kind != "exit"), |entry| entry.flag());
    let (kind, usual_concurrency) = match kind {
        "webhook" => (
            webhook(table).map(HookKind::Webhook),
            defaults::WEBHOOK_CONCURRENCY,
        ),
        "file" => (file(table).map(HookKind::File), defaults::FILE_CONCURRENCY),
        "exec" => (exec(table).map(HookKind::Exec), defaults::EXEC_CONCURRENCY),
        _ => (Some(HookKind::Exit(exit(table))), 1),
    };
    Some(HookSpec {
        name: name?,
        on: on?,
        by_default: by_default?,
        concurrency: concurrency.unwrap_or(Some(usual_concurrency))? as usize,
        kind: kind?,
    })
}

fn refuse_keys_of_others(table: &Table<'_>, kind: &str) {
    let keys_of = |(_, keys): &(&str, &'static [&'static str])| keys.iter().copied();
    let own = |key: &str| {
        HOOK_KINDS
            .iter()
            .any(|(name, keys)| *name == kind && keys.contains(&key))
    };
    let mut seen = Vec::new();
    for key in HOOK_KINDS.iter().flat_map(keys_of) {
        if own(key) || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        if let Some(entry) = table.get(key) {
            let others: Vec<&str> = HOOK_KINDS
                .iter()
                .filter(|(_, keys)| keys.contains(&key))
                .map(|(name, _)| *name)
                .collect();
            entry.refuse::<()>(format!(
                "this hook is of type {kind}, and {key} is for type {}; remove it",
                others.join(" or ")
            ));
        }
    }
}

fn outcomes(entry: &Entry<'_>) -> Option<Vec<Outcome>> {
    let items = entry.list(r#"a list of outcomes such as ["succeeded", "failed"]"#)?;
    if items.is_empty() {
        return entry.refuse("a hook that fires for nothing is of no use; name an outcome");
    }
    let mut outcomes = Vec::new();
    let mut all_good = true;
    for item in items {
        match outcome(&item) {
            Some(outcome) if !outcomes.contains(&outcome) => outcomes.push(outcome),
            Some(_) => {}
            None => all_good = false,
        }
    }
    all_good.then_some(outcomes)
}

fn outcome(entry: &Entry<'_>) -> Option<Outcome> {
    let text = entry.text(r#"an outcome such as "succeeded""#)?;
    Outcome::of_word(text).or_else(|| entry.refuse_text(text, no_outcome(text)))
}

fn no_outcome(word: &str) -> String {
    let words = Outcome::ALL.map(Outcome::as_str);
    format!("there is no such outcome; {}", instead(word, words))
}

fn timeout(table: &Table<'_>, usual: Duration) -> Option<Duration> {
    table
        .get("timeout")
        .map_or(Some(usual), |entry| entry.some_time())
}

fn webhook(table: &Table<'_>) -> Option<WebhookSpec> {
    let url = table
        .require("url", r#"a URL such as "https://ci.example.com/hook""#)
        .and_then(|entry| url(&entry));
    let secret_files = table
        .get("secrets")
        .map_or_else(|| Some(Vec::new()), |entry| secret_files(&entry));
    let headers: Option<Vec<(HeaderName, HeaderValue)>> = pairs(table, "headers", |entry| {
        let text = entry.text("a text in quotes")?;
        let Ok(mut value) = HeaderValue::from_str(text) else {
            return entry.refuse("it has characters that a header can't have");
        };
        // Nobody can say what it is for.
        value.set_sensitive(true);
        Some(value)
    });
    let header_files = pairs(table, "header_files", |entry| entry.path());
    if let (Some(headers), Some(files)) = (&headers, &header_files)
        && let Some((twice, _)) = files
            .iter()
            .find(|(name, _)| headers.iter().any(|(other, _)| other == name))
        && let Some(entry) = table.get("header_files")
    {
        entry.refuse::<()>(format!("{twice} is in headers as well; remove one of them"));
    }
    let ca_file = table.get("ca_file").and_then(|entry| entry.path());
    let timeout = timeout(table, defaults::WEBHOOK_TIMEOUT);
    Some(WebhookSpec {
        url: url?,
        secret_files: secret_files?,
        headers: headers?,
        header_files: header_files?,
        ca_file,
        timeout: timeout?,
    })
}

/// The URL isn't shown in messages: with many receivers, who knows it may use it.
fn url(entry: &Entry<'_>) -> Option<Url> {
    let text = entry.text(r#"a URL such as "https://ci.example.com/hook""#)?;
    let Ok(url) = Url::parse(text) else {
        return entry.refuse("it is no URL; give one such as https://ci.example.com/hook");
    };
    if !matches!(url.scheme(), "https" | "http") {
        return entry.refuse(
            "it is neither https nor http; give a URL such as https://ci.example.com/hook",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return entry
            .refuse("it carries a user or a password; put them into a header with header_files");
    }
    Some(url)
}

fn secret_files(entry: &Entry<'_>) -> Option<Vec<PathBuf>> {
    let items = entry.list(r#"a list of files such as ["/etc/dcs-wait/secret"]"#)?;
    if items.len() > 2 {
        return entry.refuse(format!(
            "there are {}, and at most two sign: the new one and the old one",
            items.len()
        ));
    }
    items
        .iter()
        .map(|item| {
            if item.text("a path in quotes")?.starts_with("whsec_") {
                return item.refuse(
                    "this is the secret itself; write it into a file (mode 0600), and name the file here",
                );
            }
            item.path()
        })
        .collect()
}

/// Headers by their names, each name once; what may not be set is refused.
fn pairs<T>(
    table: &Table<'_>,
    key: &'static str,
    read: impl Fn(&Entry<'_>) -> Option<T>,
) -> Option<Vec<(HeaderName, T)>> {
    const SET: [&str; 7] = [
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    let Some(entry) = table.get(key) else {
        return Some(Vec::new());
    };
    let mut headers: Vec<(HeaderName, T)> = Vec::new();
    let mut all_good = true;
    for (name, entry) in entry.pairs(r#"headers such as { X-Team = "..." }"#)? {
        let header = match HeaderName::from_bytes(name.as_bytes()) {
            Ok(header) if SET.contains(&header.as_str()) => {
                entry.refuse("this header is set by dcs-wait itself; remove it")
            }
            Ok(header) if headers.iter().any(|(other, _)| *other == header) => {
                entry.refuse("this header is there before; remove one of them")
            }
            Ok(header) => Some(header),
            Err(_) => entry.refuse("it is no name of a header; give one such as X-Team"),
        };
        match (header, read(&entry)) {
            (Some(header), Some(value)) => headers.push((header, value)),
            _ => all_good = false,
        }
    }
    all_good.then_some(headers)
}

fn file(table: &Table<'_>) -> Option<FileSpec> {
    let directory = table.get("directory");
    let file_name = table.get("file_name");
    let append = table.get("append");
    match (directory, append) {
        (Some(directory), None) => {
            let name = file_name.map_or_else(
                || Some(defaults::FILE_NAME.to_owned()),
                |entry| entry.text("a name in quotes").map(str::to_owned),
            );
            Some(FileSpec::Replace {
                directory: directory.path()?,
                name: name?,
            })
        }
        (None, Some(append)) => {
            if let Some(name) = file_name {
                name.refuse::<()>("append names a whole path; remove file_name");
            }
            append.path().map(|path| FileSpec::Append { path })
        }
        (Some(_), Some(append)) => {
            append.refuse("a hook has either directory or append; remove one of them")
        }
        (None, None) => {
            table.refuse(
                "directory",
                "is missing; give a directory for a file an event, or append for lines in one file",
            );
            None
        }
    }
}

fn exec(table: &Table<'_>) -> Option<ExecSpec> {
    const EXAMPLE: &str = r#"a program and its arguments such as ["/usr/local/bin/notify", "dcs"]"#;
    let argv = table.require("argv", EXAMPLE).and_then(|entry| {
        let items = entry.list(EXAMPLE)?;
        let words: Option<Vec<String>> = items.iter().map(word).collect();
        let mut words = words?;
        match words.first_mut() {
            Some(program) if !program.is_empty() => {
                // Without a slash it is looked for in PATH.
                if program.contains('/') {
                    *program = items.first()?.path()?.to_str()?.to_owned();
                }
                Some(words)
            }
            _ => entry.refuse(format!("there is no program in it; give {EXAMPLE}")),
        }
    });
    let timeout = timeout(table, defaults::EXEC_TIMEOUT);
    Some(ExecSpec {
        argv: argv?,
        timeout: timeout?,
    })
}

fn word(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text("a text in quotes")?;
    if text.contains('\0') {
        return entry.refuse("an argument can't have a zero byte");
    }
    Some(text.to_owned())
}

fn exit(table: &Table<'_>) -> ExitSpec {
    let pairs = table
        .get("codes")
        .and_then(|entry| entry.pairs("codes such as { succeeded = 0, failed = 1 }"));
    let code = |(word, entry): (&str, Entry<'_>)| {
        let code = entry.whole(&(0..=255));
        let outcome = Outcome::of_word(word).or_else(|| entry.refuse(no_outcome(word)));
        Some((outcome?, u8::try_from(code?).ok()?))
    };
    ExitSpec {
        codes: pairs.into_iter().flatten().filter_map(code).collect(),
    }
}
