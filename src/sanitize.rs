//! Sanitizes text from servers, files and other programs before a terminal, a log or a CI runner
//! shows it.

mod foreign;
mod writer;

use std::borrow::Cow;
use std::io;

pub use foreign::ForeignText;
pub(crate) use writer::EventWriter;

/// The longest status or job type that is shown, in characters.
pub(crate) const WORD: usize = 64;
/// The longest reason or message that is shown, in characters.
pub(crate) const SENTENCE: usize = 400;

/// The longest error message that is shown, in characters.
const MESSAGE: usize = 2000;

/// The most combining marks in a row that are shown. No living script needs more on one letter.
const MAX_COMBINING_MARKS: usize = 4;

/// Returns the text on one line, without anything that a terminal or a CI runner acts upon, and
/// with at most `limit` characters. White space of any kind becomes single spaces.
pub(crate) fn sanitize(text: &str, limit: usize) -> String {
    let words = text.split_whitespace().flat_map(|word| [" ", word]);
    let mut sanitized = String::new();
    let mut length = 0;
    let mut marks = 0;
    for c in words.flat_map(str::chars).skip(1) {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > MAX_COMBINING_MARKS {
            continue;
        }
        if length == limit {
            sanitized.pop();
            sanitized.push('…');
            break;
        }
        length += 1;
        if starts_command(&sanitized, c) {
            sanitized.push(' ');
        }
        sanitized.push(if is_active(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    sanitized
}

/// Whether `c` after `before` starts a command of a CI runner. GitHub and Azure find `##[command]`
/// anywhere in a line, GitHub finds `::command::` at its beginning.
fn starts_command(before: &str, c: char) -> bool {
    match c {
        '#' => before.ends_with('#'),
        ':' => before == ":",
        _ => false,
    }
}

/// The text in at most `limit` bytes, cut at a character's end, with `…` where something is left out.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    const ELLIPSIS: &str = "…";
    if text.len() <= limit {
        return text.into();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len()));
    let (kept, _) = text.split_at_checked(end).unwrap_or_default();
    format!("{kept}{ELLIPSIS}").into()
}

/// What the system says, without the number of its error.
pub(crate) fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Returns a message on one line without anything that a terminal or a CI runner acts upon.
#[must_use]
pub fn sanitize_message(text: &str) -> String {
    sanitize(text, MESSAGE)
}

/// JSON that means the same, with what a terminal or a CI runner would act upon escaped. That can
/// only stand inside strings, where any character may be escaped.
pub(crate) fn escape_json(json: &str) -> String {
    // Nearly always so, and sooner seen than written letter by letter.
    if !json.contains("##") && !json.chars().any(is_active) {
        return json.to_owned();
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_active(c) || (c == '#' && escaped.ends_with('#')) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Returns one line of output with the characters replaced that a terminal acts upon, line breaks
/// among them, and without commands of CI runners. Tabs between columns stay.
///
/// This is the last line of defence: foreign text inside the line is sanitized before, as
/// [`ForeignText`].
pub(crate) fn sanitize_line(line: &str) -> Cow<'_, str> {
    let is_replaced = |c: char| c != '\t' && is_active(c);
    let command = line.trim_start().strip_prefix("::");
    if command.is_none() && !line.contains("##") && !line.contains(is_replaced) {
        return line.into();
    }
    let second_colon = command.map(|rest| line.len() - rest.len() - 1);
    let mut sanitized = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        if second_colon == Some(at) || (c == '#' && sanitized.ends_with('#')) {
            sanitized.push(' ');
        }
        sanitized.push(if is_replaced(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    sanitized.into()
}

/// Whether the character acts upon the text around it instead of being visible: controls (C0 with
/// escape, DEL, C1), overrides of the writing direction, characters without width or ink, variation
/// selectors and tags. It covers Unicode's `Default_Ignorable_Code_Point`.
pub(crate) fn is_active(c: char) -> bool {
    // Nearly all text is printable ASCII.
    if matches!(c, ' '..='~') {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            // Blank, though it counts as a symbol.
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{1345F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether the character is drawn over the one before it.
fn is_combining_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}'
        | '\u{0483}'..='\u{0489}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_replaced() {
        let cases = [
            ("RUNNING", "RUNNING"),
            ("主备倒换失败", "主备倒换失败"),
            ("\u{1b}[2Jgone", "\u{FFFD}[2Jgone"),
            ("\u{1b}]0;title\u{7}", "\u{FFFD}]0;title\u{FFFD}"),
            ("\u{9b}31mred", "\u{FFFD}31mred"),
            ("a\u{8}b\u{7f}c\0", "a\u{FFFD}b\u{FFFD}c\u{FFFD}"),
            (
                "abc\u{202E}fed\u{2066}x\u{2069}",
                "abc\u{FFFD}fed\u{FFFD}x\u{FFFD}",
            ),
            ("a\u{200B}b\u{FEFF}", "a\u{FFFD}b\u{FFFD}"),
            ("tag\u{E0041}", "tag\u{FFFD}"),
            ("\u{AD}\u{34F}\u{115F}\u{180E}", &"\u{FFFD}".repeat(4)),
            ("\u{2800}\u{3164}\u{FFA0}\u{FE0F}", &"\u{FFFD}".repeat(4)),
            ("\u{17B4}\u{E0100}\u{E01EF}\u{1D173}", &"\u{FFFD}".repeat(4)),
        ];
        for (text, expected) in cases {
            assert_eq!(sanitize(text, SENTENCE), expected, "{text:?}");
        }
    }

    #[test]
    fn white_space_of_any_kind_becomes_single_spaces() {
        for text in ["a\r\nb", " a\t b ", "a\u{2028}\u{85}b", "a\u{3000}b\n\n"] {
            assert_eq!(sanitize(text, SENTENCE), "a b", "{text:?}");
        }
    }

    #[test]
    fn an_over_long_text_is_cut() {
        assert_eq!(sanitize("abcdef", 6), "abcdef");
        assert_eq!(sanitize("abcdefg", 6), "abcde…");
        assert_eq!(sanitize("任务任务", 3), "任务…");
    }

    #[test]
    fn a_text_is_cut_at_the_end_of_a_character() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc…");
        assert_eq!(cut("任务任务", 9), "任务…");
        assert_eq!(cut("任务任务", 11), "任务…");
        assert_eq!(cut("任务", 2), "…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn no_text_holds_a_command_of_a_ci_runner() {
        for text in [
            "##[error]x",
            "x ##vso[task.setvariable]y",
            "####[group]",
            "#\n#[x]",
        ] {
            assert!(!sanitize(text, SENTENCE).contains("##"), "{text:?}");
            assert!(!escape_json(text).contains("##"), "{text:?}");
        }
    }

    #[test]
    fn no_text_begins_with_a_command_of_github() {
        assert_eq!(sanitize("::error::x", SENTENCE), ": :error::x");
        assert_eq!(sanitize(" \n::error::x", SENTENCE), ": :error::x");
        assert_eq!(sanitize("std::io", SENTENCE), "std::io");
    }

    #[test]
    fn a_flood_of_combining_marks_is_bounded() {
        let flood = format!("a{}b", "\u{301}".repeat(1000));
        assert_eq!(sanitize(&flood, 10), "a\u{301}\u{301}\u{301}\u{301}b");
    }

    #[test]
    fn a_line_keeps_its_columns_and_nothing_else_that_is_active() {
        assert_eq!(sanitize_line("  a\tb  c"), "  a\tb  c");
        assert_eq!(
            sanitize_line("a\r\n\u{1b}[2J"),
            "a\u{FFFD}\u{FFFD}\u{FFFD}[2J"
        );
    }

    #[test]
    fn no_line_holds_a_command_of_a_ci_runner() {
        assert_eq!(sanitize_line("  ::error::x"), "  : :error::x");
        assert_eq!(sanitize_line("a ##[error]b::c"), "a # #[error]b::c");
    }

    #[test]
    fn escaped_json_means_the_same_and_shows_no_active_character() {
        let text = "a\u{9b}\u{202E}\u{7f}##[x]\u{E0041}任务";
        let escaped = escape_json(&serde_json::to_string(text).unwrap());
        assert!(!escaped.chars().any(is_active), "{escaped:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
