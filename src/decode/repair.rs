//! Makes JSON well-formed without changing its structure.

use std::fmt::Write as _;
use std::str::Chars;

/// How deep values may be nested. serde_json refuses more than 127.
const MAX_DEPTH: usize = 64;

/// Returns the text with all strings, numbers and words in it well-formed.
pub(super) fn repair(text: &str) -> String {
    let mut repair = Repair {
        rest: text.chars(),
        json: String::with_capacity(text.len()),
        depth: 0,
        too_deep: None,
    };
    while let Some(c) = repair.rest.next() {
        repair.token(c);
    }
    repair.json
}

struct Repair<'a> {
    rest: Chars<'a>,
    json: String,
    depth: usize,
    /// Where the value starts that is nested too deep.
    too_deep: Option<usize>,
}

impl Repair<'_> {
    /// Copies the token that starts with `c`.
    fn token(&mut self, c: char) {
        match c {
            '"' => self.string(),
            '{' | '[' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH && self.too_deep.is_none() {
                    self.too_deep = Some(self.json.len());
                }
                self.json.push(c);
            }
            '}' | ']' => {
                self.json.push(c);
                self.depth = self.depth.saturating_sub(1);
                if self.depth == MAX_DEPTH
                    && let Some(start) = self.too_deep.take()
                {
                    self.json.truncate(start);
                    self.json.push_str("null");
                }
            }
            ',' | ':' => self.json.push(c),
            c if is_space(c) => {
                if !is_invisible(c) {
                    self.json.push(c);
                }
            }
            c => self.word(c),
        }
    }

    /// Copies a number or a word.
    fn word(&mut self, first: char) {
        let mut word = String::from(first);
        while let Some(c) = self.peek()
            && !is_space(c)
            && !matches!(c, '"' | '{' | '}' | '[' | ']' | ',' | ':')
        {
            word.push(c);
            self.rest.next();
        }
        // Outside of objects and lists it may be anything, such as the start of a page.
        let is_value = self.depth == 0
            || matches!(&*word, "true" | "false" | "null")
            || serde_json::from_str::<serde_json::Number>(&word).is_ok();
        self.json.push_str(if is_value { &word } else { "null" });
    }

    /// Copies a string, whose first quote was read.
    fn string(&mut self) {
        self.json.push('"');
        while let Some(c) = self.rest.next() {
            match c {
                '"' if self.is_string_end() => {
                    self.json.push('"');
                    return;
                }
                '"' => self.json.push_str("\\\""),
                '\\' => self.escape(),
                '\n' => self.json.push_str("\\n"),
                '\r' => self.json.push_str("\\r"),
                '\t' => self.json.push_str("\\t"),
                c if c < ' ' => self.json.push(char::REPLACEMENT_CHARACTER),
                c => self.json.push(c),
            }
        }
    }

    /// Whether the quote that was read ends its string: what follows one that does is known.
    fn is_string_end(&self) -> bool {
        let mut rest = self.rest.clone().filter(|c| !is_space(*c));
        match rest.next() {
            None | Some(':' | '}' | ']') => true,
            Some(',') => rest.next().is_none_or(|c| {
                matches!(
                    c,
                    '"' | '{' | '}' | '[' | ']' | '-' | '0'..='9' | 't' | 'f' | 'n' | 'N' | 'I'
                )
            }),
            // What follows a value that is a string by itself.
            Some(_) => self.depth == 0,
        }
    }

    /// Copies an escape, whose backslash was read.
    fn escape(&mut self) {
        match self.peek() {
            Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
                self.rest.next();
                self.json.extend(['\\', c]);
            }
            Some('u') => {
                self.rest.next();
                self.unicode_escape();
            }
            // What follows stands for itself.
            _ => self.json.push(char::REPLACEMENT_CHARACTER),
        }
    }

    /// Copies what follows `\u`, and the other half of a surrogate pair.
    fn unicode_escape(&mut self) {
        match hex_digits(&mut self.rest) {
            Some(high @ 0xD800..=0xDBFF) => {
                let mut rest = self.rest.clone();
                let low = (rest.next() == Some('\\') && rest.next() == Some('u'))
                    .then(|| hex_digits(&mut rest))
                    .flatten();
                if let Some(low @ 0xDC00..=0xDFFF) = low {
                    self.rest = rest;
                    self.unit(high);
                    self.unit(low);
                } else {
                    self.json.push(char::REPLACEMENT_CHARACTER);
                }
            }
            Some(0xDC00..=0xDFFF) => self.json.push(char::REPLACEMENT_CHARACTER),
            Some(unit) => self.unit(unit),
            None => self.json.extend([char::REPLACEMENT_CHARACTER, 'u']),
        }
    }

    fn unit(&mut self, unit: u32) {
        // Writing to a string doesn't fail.
        write!(self.json, "\\u{unit:04x}").unwrap_or_default();
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }
}

/// Reads four hexadecimal digits; nothing, where there are fewer.
fn hex_digits(chars: &mut Chars<'_>) -> Option<u32> {
    let mut rest = chars.clone();
    let mut value = 0;
    for _ in 0..4 {
        value = value * 16 + rest.next()?.to_digit(16)?;
    }
    *chars = rest;
    Some(value)
}

/// Whether the character separates tokens.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r') || is_invisible(c)
}

/// Whether the character is no white space of JSON, but counts as such between tokens.
fn is_invisible(c: char) -> bool {
    matches!(c, '\0' | '\u{FEFF}')
}
