//! Text that was written by others.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{MESSAGE, cut, sanitize};

/// The most of a text that is kept, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Text from a server, a file, the environment or another program, verbatim, cut at
/// 8 KiB because it is stored and sent on.
///
/// `Display` and `Debug` sanitize it onto one line, so a message or log line that embeds it can't
/// forget to. A precision limits the characters that are shown, as in `{:.64}`. Serde reads and
/// writes the verbatim text; JSON that is printed is escaped as a whole. A clone shares the text.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
pub struct ForeignText(Arc<str>);

impl ForeignText {
    /// Returns what the value displays: for errors of other crates, which may quote foreign text.
    #[must_use]
    pub fn of(value: &impl fmt::Display) -> Self {
        Self::from(value.to_string())
    }

    /// Returns a text of which at most `limit` bytes are kept.
    #[must_use]
    pub fn within(text: &str, limit: usize) -> Self {
        Self(cut(text, limit.min(MAX_BYTES)).into())
    }

    /// Returns a path as text: file names may hold any character.
    #[must_use]
    pub fn path(path: &Path) -> Self {
        Self(path.to_string_lossy().into())
    }

    /// Returns the verbatim text: for JSON, stores and comparisons, never for people.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it when it is shown.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl From<&str> for ForeignText {
    fn from(text: &str) -> Self {
        Self::within(text, MAX_BYTES)
    }
}

impl From<String> for ForeignText {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl Serialize for ForeignText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl From<Cow<'_, str>> for ForeignText {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

impl FromIterator<char> for ForeignText {
    fn from_iter<I: IntoIterator<Item = char>>(text: I) -> Self {
        Self::from(String::from_iter(text))
    }
}

impl PartialEq<str> for ForeignText {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for ForeignText {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&sanitize(&self.0, f.precision().unwrap_or(MESSAGE)))
    }
}

/// The sanitized text in quotation marks.
impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&sanitize(&self.0, f.precision().unwrap_or(MESSAGE)), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\n\u{1b}]0;title\u{7}\u{202E}##[error]b";

    #[test]
    fn it_is_shown_sanitized_whatever_the_format() {
        let text = ForeignText::from(HOSTILE);
        let shown = "a \u{FFFD}]0;title\u{FFFD}\u{FFFD}# #[error]b";
        assert_eq!(format!("{text}"), shown);
        assert_eq!(format!("{text:?}"), format!("{shown:?}"));
        assert_eq!(format!("{:?}", Some(&text)), format!("Some({shown:?})"));
        assert_eq!(format!("{text:.3}"), "a …");
        assert_eq!(
            format!("{:>5.3}|{:<3}|", text, ForeignText::from("b")),
            "  a …|b  |"
        );
    }

    #[test]
    fn no_more_than_8_kib_are_kept() {
        let long = "务".repeat(1 << 20);
        let json = serde_json::to_string(&long).unwrap();
        for text in [
            ForeignText::from(&*long),
            ForeignText::from(long.clone()),
            ForeignText::of(&long),
            long.chars().collect(),
            serde_json::from_str(&json).unwrap(),
        ] {
            assert!(text.raw().len() <= 8192, "{}", text.raw().len());
            assert!(text.raw().ends_with("务…"));
        }
        let short = "x".repeat(8192);
        assert_eq!(ForeignText::from(&*short).raw(), short);
    }

    #[test]
    fn json_holds_it_verbatim() {
        let text = ForeignText::from(HOSTILE);
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), HOSTILE);
        assert_eq!(serde_json::from_str::<ForeignText>(&json).unwrap(), text);
    }
}
