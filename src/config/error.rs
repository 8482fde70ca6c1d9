//! What is wrong with a configuration file: all of it at once, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::sanitize::sanitize_message;

/// Why a configuration file can't be used, in the order of the file; at least one reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    file: PathBuf,
    errors: Vec<ConfigError>,
    is_temporary: bool,
}

/// One thing that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is, where it has a place.
    pub place: Option<Place>,
    /// The key that it is about, such as `poll.timeout`.
    pub key: Option<String>,
    /// What is wrong and what to do, on one line; it names the key.
    pub message: String,
}

/// A place in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

impl Place {
    /// The place of the byte at `offset`; the text's end for one beyond.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

impl ConfigError {
    /// An error of the file as a whole, or of what it names.
    pub(crate) fn without_place(message: String) -> Self {
        Self {
            place: None,
            key: None,
            message,
        }
    }
}

impl ConfigErrors {
    /// The errors of a file, put into its order and made fit to be shown.
    pub(crate) fn new(file: &Path, mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| error.place);
        for error in &mut errors {
            error.message = sanitize_message(&error.message);
        }
        Self {
            file: file.to_owned(),
            errors,
            is_temporary: false,
        }
    }

    /// The file can't be read, which the system may do later.
    pub(super) fn temporary(file: &Path, error: ConfigError) -> Self {
        Self {
            is_temporary: true,
            ..Self::new(file, vec![error])
        }
    }

    /// Whether the same file may be read later, without a change to it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The errors, in the order of the file.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    /// A line an error: `FILE:LINE:COLUMN: MESSAGE`, as editors understand it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let file = self.file.display();
        self.errors.iter().map(move |error| match error.place {
            Some(Place { line, column }) => {
                format!("{file}:{line}:{column}: {}", error.message)
            }
            None => format!("{file}: {}", error.message),
        })
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nü = 2\n";
        for (offset, line, column) in [(0, 1, 1), (4, 1, 5), (6, 2, 1), (8, 2, 2), (99, 3, 1)] {
            assert_eq!(Place::of(text, offset), Place { line, column }, "{offset}");
        }
    }
}
