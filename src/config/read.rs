//! The file as tables and keys that know their place. Reading goes on after an error, so that all of
//! them are found: whatever can't be read is told to the [`Document`], and is `None` from then on.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ConfigError, Place};
use super::keys::{SHAPES, Shape, instead};
use super::values::{parse_duration, parse_limit};
use crate::environment::Environment;

/// The one variable that may begin a path: where systemd puts a service's credentials.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The longest text that a message shows, in characters.
const SHOWN: usize = 80;

/// The text of the file, and what is wrong with it so far.
pub(super) struct Document<'a> {
    text: &'a str,
    directory: PathBuf,
    environment: &'a dyn Environment,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'a> Document<'a> {
    /// The document whose relative paths begin at `directory`.
    pub(super) fn new(text: &'a str, directory: PathBuf, environment: &'a dyn Environment) -> Self {
        Self {
            text,
            directory,
            environment,
            errors: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors.into_inner()
    }

    /// Notes that something is wrong at a place, with a key.
    pub(super) fn refuse(&self, span: Option<Range<usize>>, key: Option<&str>, message: String) {
        self.errors.borrow_mut().push(ConfigError {
            place: span.map(|span| Place::of(self.text, span.start)),
            key: key.map(str::to_owned),
            message,
        });
    }

    /// Notes that something else stands where a table or a list of them should.
    fn refuse_kind(&self, shape: &Shape, value: &Spanned<DeValue<'_>>) {
        let how = if shape.is_list { "over each" } else { "once" };
        let message = format!(
            "{name} is {value}; write {title} {how}",
            name = shape.name,
            value = shown(value.get_ref()),
            title = shape.title(),
        );
        self.refuse(Some(value.span()), Some(shape.name), message);
    }

    /// The path that a text names.
    fn path(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("it is no path; give one such as /etc/dcs-wait/token".to_owned());
        }
        if text == "~" || text.starts_with("~/") {
            return Err("'~' isn't replaced here; write the whole path".to_owned());
        }
        let Some(rest) = text.strip_prefix('$') else {
            return Ok(self.directory.join(text));
        };
        let rest = rest
            .strip_prefix(&format!("{{{CREDENTIALS_DIRECTORY}}}/"))
            .ok_or_else(|| {
                format!("only ${{{CREDENTIALS_DIRECTORY}}}/ may begin a path; write the path out")
            })?;
        let directory = self.environment.var(CREDENTIALS_DIRECTORY).ok_or_else(|| {
            format!(
                "{CREDENTIALS_DIRECTORY} isn't set; systemd sets it for a service that has LoadCredential="
            )
        })?;
        Ok(Path::new(&directory).join(rest))
    }
}

/// A table of the file, or one that isn't there and has no keys.
pub(super) struct Table<'a> {
    document: &'a Document<'a>,
    shape: &'static Shape,
    found: Option<(&'a DeTable<'a>, Range<usize>)>,
}

impl<'a> Table<'a> {
    /// The table where it is in the file; keys that its shape doesn't have are refused.
    pub(super) fn new(
        document: &'a Document<'a>,
        shape: &'static Shape,
        found: Option<&'a Spanned<DeValue<'a>>>,
    ) -> Self {
        let found = found.and_then(|value| match value.get_ref() {
            DeValue::Table(entries) => Some((entries, value.span())),
            _ => {
                document.refuse_kind(shape, value);
                None
            }
        });
        let table = Self {
            document,
            shape,
            found,
        };
        table.refuse_unknown_keys();
        table
    }

    /// All tables of a list.
    pub(super) fn list(
        document: &'a Document<'a>,
        shape: &'static Shape,
        found: Option<&'a Spanned<DeValue<'a>>>,
    ) -> Vec<Self> {
        let Some(value) = found else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            document.refuse_kind(shape, value);
            return Vec::new();
        };
        let table = |item| Self::new(document, shape, Some(item));
        items.iter().map(table).collect()
    }

    fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.found.iter().flat_map(|(entries, _)| entries.iter())
    }

    fn refuse_unknown_keys(&self) {
        for (key, _) in self.entries() {
            let name = key.get_ref().as_ref();
            if self.shape.keys.contains(&name) {
                continue;
            }
            let title = self.shape.title();
            let home = SHAPES.iter().find(|shape| shape.keys.contains(&name));
            let advice = match home {
                Some(home) => format!("it belongs to {}", home.title()),
                None => instead(name, self.shape.keys.iter().copied()),
            };
            let path = self.path(name);
            let message = format!("{path}: {title} has no such key; {advice}");
            self.document.refuse(Some(key.span()), Some(&path), message);
        }
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.shape.name)
    }

    /// Notes that something is wrong with the table as a whole.
    pub(super) fn refuse(&self, key: &str, why: impl Display) {
        let path = self.path(key);
        let span = self.found.as_ref().map(|(_, span)| span.clone());
        self.document
            .refuse(span, Some(&path), format!("{path} {why}"));
    }

    /// The key, where it is there.
    pub(super) fn get(&self, key: &str) -> Option<Entry<'a>> {
        debug_assert!(self.shape.keys.contains(&key), "{key} has no shape");
        let (_, value) = self.entries().find(|(found, _)| found.get_ref() == key)?;
        Some(Entry {
            document: self.document,
            path: self.path(key),
            value,
        })
    }

    /// The key, which has to be there; `example` says what to write.
    pub(super) fn require(&self, key: &'static str, example: &str) -> Option<Entry<'a>> {
        let entry = self.get(key);
        if entry.is_none() {
            self.refuse(key, format!("is missing; give {example}"));
        }
        entry
    }
}

/// A key and its value, or a value in a list.
pub(super) struct Entry<'a> {
    document: &'a Document<'a>,
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// Notes that something is wrong with it.
    pub(super) fn refuse<T>(&self, why: impl Display) -> Option<T> {
        let message = format!("{}: {why}", self.path);
        self.document
            .refuse(Some(self.value.span()), Some(&self.path), message);
        None
    }

    /// Notes that it is something else than it should be: `wanted`, such as `a list of names`.
    fn refuse_type<T>(&self, wanted: &str) -> Option<T> {
        let message = format!(
            "{} is {}; give {wanted}",
            self.path,
            shown(self.value.get_ref())
        );
        self.document
            .refuse(Some(self.value.span()), Some(&self.path), message);
        None
    }

    /// Notes that its text is a wrong one, and shows it.
    pub(super) fn refuse_text<T>(&self, text: &str, why: impl Display) -> Option<T> {
        let cut: String = text.chars().take(SHOWN).collect();
        let message = format!("{} is {cut:?}: {why}", self.path);
        self.document
            .refuse(Some(self.value.span()), Some(&self.path), message);
        None
    }

    /// A text.
    pub(super) fn text(&self, wanted: &str) -> Option<&'a str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.refuse_type(wanted),
        }
    }

    /// A text that isn't secret, and means something.
    pub(super) fn parsed<T, E: Display>(
        &self,
        wanted: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(wanted)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(why) => self.refuse_text(text, why),
        }
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let names = words.iter().map(|(word, _)| *word);
        let all: Vec<String> = names.clone().map(|word| format!("{word:?}")).collect();
        let text = self.text(&format!("one of {}", all.join(", ")))?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Some(*value),
            None => self.refuse_text(
                text,
                format!("there is no such choice; {}", instead(text, names)),
            ),
        }
    }

    /// A time, which may be zero.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.parsed(r#"a time such as "90s""#, parse_duration)
    }

    /// A time that isn't zero.
    pub(super) fn some_time(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            return self.refuse("it is zero, and nothing could be done in it; give more");
        }
        Some(duration)
    }

    /// A time, or `none`.
    pub(super) fn limit(&self) -> Option<Option<Duration>> {
        self.parsed(r#"a time such as "90s", or "none""#, parse_limit)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.refuse_type("true or false"),
        }
    }

    /// A number, with or without a fraction.
    pub(super) fn number(&self) -> Option<f64> {
        self.number_in(&(f64::NEG_INFINITY..=f64::INFINITY), "a number such as 1.5")
    }

    /// A number in a range.
    pub(super) fn rate(&self, range: &RangeInclusive<f64>) -> Option<f64> {
        let wanted = format!("a number from {} to {}", range.start(), range.end());
        self.number_in(range, &wanted)
    }

    fn number_in(&self, range: &RangeInclusive<f64>, wanted: &str) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => self.refuse_type(wanted),
        }
    }

    /// A whole number.
    pub(super) fn whole(&self, range: &RangeInclusive<u32>) -> Option<u32> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => self.refuse_type(&format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    /// A path; what the text says isn't shown, as it may be the secret that should be in the file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.text("a path in quotes")?;
        match self.document.path(text) {
            Ok(path) => Some(path),
            Err(why) => self.refuse(why),
        }
    }

    /// The values of a list.
    pub(super) fn list(&self, wanted: &str) -> Option<Vec<Self>> {
        match self.value.get_ref() {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .map(|value| Self {
                        document: self.document,
                        path: self.path.clone(),
                        value,
                    })
                    .collect(),
            ),
            _ => self.refuse_type(wanted),
        }
    }

    /// The keys and values of a table within it.
    pub(super) fn pairs(&self, wanted: &str) -> Option<Vec<(&'a str, Self)>> {
        match self.value.get_ref() {
            DeValue::Table(entries) => Some(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let entry = Self {
                            document: self.document,
                            path: format!("{}.{}", self.path, key.get_ref()),
                            value,
                        };
                        (key.get_ref().as_ref(), entry)
                    })
                    .collect(),
            ),
            _ => self.refuse_type(wanted),
        }
    }
}

/// What a value is. A text isn't shown: it might be a secret.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => format!("{number} (a number)"),
        DeValue::Float(number) => format!("{number} (a number)"),
        DeValue::Boolean(flag) => format!("{flag} (a truth value)"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
