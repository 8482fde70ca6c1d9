//! Neutralizes texts that come from a server or another program before a terminal or a CI runner
//! reads them.

use std::io;

/// The longest status or job type that is shown, in characters.
pub(crate) const WORD: usize = 64;
/// The longest reason or message that is shown, in characters.
pub(crate) const SENTENCE: usize = 400;

/// The longest error message that is shown, in characters.
const MESSAGE: usize = 2000;

/// The text on one line, without anything that a terminal or a CI runner would act upon, and of
/// at most `limit` characters. White space of any kind becomes single spaces.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let words = text.split_whitespace().flat_map(|word| [" ", word]);
    let mut cleaned = String::new();
    for (length, c) in words.flat_map(str::chars).skip(1).enumerate() {
        if length == limit {
            cleaned.pop();
            cleaned.push('…');
            break;
        }
        // Runners of GitHub and Azure find their `##[command]` anywhere in a line.
        if c == '#' && cleaned.ends_with('#') {
            cleaned.push(' ');
        }
        cleaned.push(if is_active(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    cleaned
}

/// What the system says, without the number of its error.
pub(crate) fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// An error message with nothing in it that a terminal or a CI runner would act upon: much of it
/// may be a server's words.
#[must_use]
pub fn clean_message(text: &str) -> String {
    clean(text, MESSAGE)
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

/// Whether the character acts upon the text around it instead of being seen: controls (C0 with
/// escape, DEL, C1), overrides of the direction of writing, what has no width, and tags.
pub(crate) fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
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
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text, SENTENCE), expected, "{text:?}");
        }
    }

    #[test]
    fn white_space_of_any_kind_becomes_single_spaces() {
        for text in ["a\r\nb", " a\t b ", "a\u{2028}\u{85}b", "a\u{3000}b\n\n"] {
            assert_eq!(clean(text, SENTENCE), "a b", "{text:?}");
        }
    }

    #[test]
    fn an_over_long_text_is_cut() {
        assert_eq!(clean("abcdef", 6), "abcdef");
        assert_eq!(clean("abcdefg", 6), "abcde…");
        assert_eq!(clean("任务任务", 3), "任务…");
    }

    #[test]
    fn no_text_holds_a_command_of_a_ci_runner() {
        for text in [
            "##[error]x",
            "x ##vso[task.setvariable]y",
            "####[group]",
            "#\n#[x]",
        ] {
            assert!(!clean(text, SENTENCE).contains("##"), "{text:?}");
            assert!(!escape_json(text).contains("##"), "{text:?}");
        }
    }

    #[test]
    fn escaped_json_means_the_same_and_shows_no_active_character() {
        let text = "a\u{9b}\u{202E}\u{7f}##[x]\u{E0041}任务";
        let escaped = escape_json(&serde_json::to_string(text).unwrap());
        assert!(!escaped.chars().any(is_active), "{escaped:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
