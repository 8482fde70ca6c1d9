//! JSON of other programs: strictly where it is well-formed, leniently otherwise.
//!
//! The structure is always strict: a body that was cut short, or that isn't JSON, has no value. What
//! stands inside of it is lenient, so that text that isn't needed can't hide what is needed:
//!
//! - A byte order mark is dropped, UTF-16 is decoded, and bytes that are no text become U+FFFD.
//! - In strings, lone surrogates, backslashes that begin no escape, and control characters become
//!   U+FFFD. Raw line breaks and tabs stay, as do quotes that can't end the string.
//! - Numbers that are too large, words such as `NaN`, and values that are nested more than 64 deep
//!   become `null`.
//! - What follows the value is ignored, unless it is another object or list: then it is unclear which
//!   of them is the answer.
//!
//! A reader that needs a text, such as a key, has to look for U+FFFD in it.

use std::iter;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Error};

use super::repair::repair;
use super::{double_byte_text, text};

/// Reads a value. Well-formed JSON costs nothing extra.
///
/// # Errors
/// When the structure is no JSON, or the value is another one than `T`.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).or_else(|error| match repaired(bytes) {
        Some(json) => serde_json::from_str(&json),
        None => Err(error),
    })
}

/// Explains to people why a body that can't be read is obviously no JSON.
#[must_use]
pub fn other_content(bytes: &[u8]) -> Option<&'static str> {
    let text = text(bytes);
    match text.trim_start() {
        "" => Some("it is empty"),
        page if page.starts_with('<') => {
            Some("it is HTML, not JSON, as of a proxy or a log-in page")
        }
        _ => None,
    }
}

/// Returns the first value as well-formed JSON; `None` where the structure is no JSON.
#[must_use]
pub fn repaired(bytes: &[u8]) -> Option<String> {
    candidates(bytes).find_map(|json| {
        let mut values = Deserializer::from_str(&json).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (value, rest) = json.split_at_checked(values.byte_offset())?;
        let is_alone = !rest.trim_start().starts_with(['{', '[', ',']);
        is_alone.then(|| value.to_owned())
    })
}

/// Returns several values, one after the other, as well-formed JSON.
#[must_use]
pub fn repaired_values(bytes: &[u8]) -> Option<String> {
    candidates(bytes).find(|json| {
        Deserializer::from_str(json)
            .into_iter::<IgnoredAny>()
            .all(|value| value.is_ok())
    })
}

/// What the bytes may mean.
fn candidates(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    let double_byte = iter::once_with(|| double_byte_text(bytes)).flatten();
    let texts = double_byte.chain(iter::once_with(|| text(bytes).into_owned()));
    texts.map(|text| repair(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn reads_as(bytes: &[u8], expected: &Value) {
        let shown = String::from_utf8_lossy(bytes);
        assert!(serde_json::from_slice::<Value>(bytes).is_err(), "{shown}");
        assert_eq!(read::<Value>(bytes).unwrap(), *expected, "{shown}");
    }

    #[test]
    fn what_is_no_text_becomes_a_replacement_character() {
        for (text, expected) in [
            (&b"x \\ud83d"[..], "x \u{FFFD}"),
            (b"x \\ud83d\\n", "x \u{FFFD}\n"),
            (b"\\ud83d\\ud83d\\ude00", "\u{FFFD}😀"),
            (b"\\ude00 x", "\u{FFFD} x"),
            (b"caf\xE9", "caf\u{FFFD}"),
            (b"\xCA\xA7\xB0\xDC", "ʧ\u{FFFD}\u{FFFD}"),
            (b"a\x01b\0c\x1bd", "a\u{FFFD}b\u{FFFD}c\u{FFFD}d"),
            (b"a\nb\r\nc\td", "a\nb\r\nc\td"),
            (b"C:\\data\\qx", "C:\u{FFFD}data\u{FFFD}qx"),
            (b"\\u12", "\u{FFFD}u12"),
            (b"\\x41", "\u{FFFD}x41"),
            (b"\\\n", "\u{FFFD}\n"),
            (b"the \"old\" one", "the \"old\" one"),
            (b"\xED\xA0\xBD", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            (b"a\\u00e9\xFF", "aé\u{FFFD}"),
        ] {
            let body = [b"{\"a\":\"", text, b"\",\"b\":1}"].concat();
            reads_as(&body, &json!({"a": expected, "b": 1}));
        }
    }

    #[test]
    fn a_double_byte_character_does_not_escape_the_quote_after_it() {
        let expected = json!({"a": "\u{FFFD}\u{FFFD}", "b": 1});
        reads_as(b"{\"a\":\"\x95\\\",\"b\":1}", &expected);
        // Latin-1 has the same bytes, with an escaped quote.
        let expected = json!({"a": "\u{FFFD}\u{FFFD}\" x", "b": 1});
        reads_as(b"{\"a\":\"\xE9\\\" x\",\"b\":1}", &expected);
    }

    #[test]
    fn what_stands_around_the_value_is_ignored() {
        for body in [
            "\u{FEFF}{\"a\":1}",
            "\u{FEFF}\u{FEFF}\n{\"a\":1}",
            "{\"a\":\u{FEFF}1}",
            "{\"a\":1}\0\0\0",
            "{\"a\":1}\n<!-- cache -->",
            "{\"a\":1}}",
            "{\"a\":1};",
            "{\"a\":1}\"",
        ] {
            reads_as(body.as_bytes(), &json!({"a": 1}));
        }
        let utf16 = |unit: fn(u16) -> [u8; 2]| "\u{FEFF}{\"a\":1}".encode_utf16().flat_map(unit);
        reads_as(
            &utf16(u16::to_le_bytes).collect::<Vec<_>>(),
            &json!({"a": 1}),
        );
        reads_as(
            &utf16(u16::to_be_bytes).collect::<Vec<_>>(),
            &json!({"a": 1}),
        );
    }

    #[test]
    fn values_that_can_not_be_read_are_null() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let deeper = format!("{}\"]}}\"{}", "{\"x\":[".repeat(200), "]}".repeat(200));
        for value in ["1e999", "NaN", "-Infinity", "undefined", "0x1F", "007"] {
            let body = format!("{{\"a\":{value},\"b\":1}}");
            reads_as(body.as_bytes(), &json!({"a": null, "b": 1}));
        }
        for value in [deep, deeper] {
            let body = format!("{{\"a\":{value},\"b\":1}}");
            let read: Value = read(body.as_bytes()).unwrap();
            assert_eq!(read["b"], json!(1));
        }
    }

    #[test]
    fn a_broken_structure_has_no_value() {
        for body in [
            &b""[..],
            b"\xEF\xBB\xBF",
            b"<html>{\"a\":1}</html>",
            b"{\"a\":\"x \\ud83d",
            b"{\"a\":\"x \\ud83d\"",
            b"{\"a\":\"x\xFF\",",
            b"{\"a\":\"x\xFF\",\"b",
            b"{\"a\" \"\xFF\"}",
            b"{a:1,\"b\":\"\xFF\"}",
            b"\xFF\xFE{\0\"\0",
            b"{\"a\":1}{\"a\":2}",
            b"{\"a\":1}\0[2]",
            b"{\"a\":1},{\"a\":2}",
        ] {
            let shown = String::from_utf8_lossy(body);
            assert!(read::<Value>(body).is_err(), "{shown}");
        }
    }

    #[test]
    fn an_error_is_about_the_value_where_the_structure_is_well_formed() {
        #[derive(Debug, serde::Deserialize)]
        struct Shape {
            #[serde(rename = "needed")]
            _needed: String,
        }
        let error = read::<Shape>(b"\xEF\xBB\xBF{}").unwrap_err();
        assert!(error.to_string().contains("needed"), "{error}");
    }
}
