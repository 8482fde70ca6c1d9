//! Bytes from servers, files and other programs as text. Nothing is executed or trusted here; what a
//! text means is decided by its reader.

pub mod json;
mod repair;

use std::borrow::Cow;

/// U+FEFF, which some editors, shells and servers write at the start of a text.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// Returns the text without the byte order mark that it may start with.
#[must_use]
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Returns the bytes of a UTF-8 text without the byte order mark that they may start with.
#[must_use]
pub fn bytes_without_bom(bytes: &[u8]) -> &[u8] {
    bytes
        .strip_prefix(BYTE_ORDER_MARK.as_bytes())
        .unwrap_or(bytes)
}

/// Whether the bytes are UTF-16: by their byte order mark or, as JSON starts with an ASCII character,
/// by a zero in the first pair.
#[must_use]
pub fn is_utf16(bytes: &[u8]) -> bool {
    utf16(bytes).is_some()
}

/// Returns the bytes as text, with U+FFFD in place of what is no text and without a byte order mark.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match utf16(bytes) {
        Some((unit, units)) => {
            let units = units.as_chunks().0.iter().map(|pair| unit(*pair));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        None => String::from_utf8_lossy(bytes_without_bom(bytes)),
    }
}

/// How two bytes make a unit of UTF-16.
type Unit = fn([u8; 2]) -> u16;

/// The byte order and the units of UTF-16.
fn utf16(bytes: &[u8]) -> Option<(Unit, &[u8])> {
    match bytes {
        [0xFF, 0xFE, units @ ..] => Some((u16::from_le_bytes, units)),
        [0xFE, 0xFF, units @ ..] => Some((u16::from_be_bytes, units)),
        [1..=0x7F, 0, ..] => Some((u16::from_le_bytes, bytes)),
        [0, 1..=0x7F, ..] => Some((u16::from_be_bytes, bytes)),
        _ => None,
    }
}

/// Returns the bytes as [`text`] does, for an encoding in which a character has two bytes, such as
/// GBK, Big5 and Shift JIS: the second byte of a character may look like a backslash.
///
/// `None` where that makes no difference.
fn double_byte_text(bytes: &[u8]) -> Option<String> {
    if utf16(bytes).is_some() || std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let mut bytes = bytes_without_bom(bytes).to_vec();
    let mut is_first_of_two = false;
    let mut found = false;
    for byte in &mut bytes {
        if is_first_of_two && *byte == b'\\' {
            // No byte of UTF-8, so it becomes U+FFFD.
            *byte = 0xFF;
            is_first_of_two = false;
            found = true;
        } else {
            is_first_of_two = !byte.is_ascii() && !is_first_of_two;
        }
    }
    found.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_dropped_once() {
        assert_eq!(without_bom("\u{FEFF}a\u{FEFF}"), "a\u{FEFF}");
        assert_eq!(without_bom("a"), "a");
        assert_eq!(bytes_without_bom(b"\xEF\xBB\xBFa"), b"a");
        assert_eq!(bytes_without_bom(b"\xEF\xBBa"), b"\xEF\xBBa");
    }

    #[test]
    fn any_bytes_are_some_text() {
        let cases: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"{}", "{}"),
            (b"\xEF\xBB\xBF{}", "{}"),
            (b"caf\xE9 x", "caf\u{FFFD} x"),
            (b"\xFF\xFE{\0}\0", "{}"),
            (b"\xFE\xFF\0{\0}", "{}"),
            (b"{\0\x3D\xD8}\0", "{\u{FFFD}}"),
            (b"\0{\0}", "{}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_second_byte_of_a_character_is_no_backslash() {
        // The last character of the first text is 0x95 0x5C; in the second, two whole characters
        // stand before an escape.
        let text = double_byte_text(b"\xCA\xA7\x95\\\"").unwrap();
        assert!(!text.contains('\\'), "{text}");
        assert_eq!(double_byte_text(b"\xCA\xA7\xB0\xDC\\\""), None);
        assert_eq!(double_byte_text("é\\".as_bytes()), None);
    }
}
