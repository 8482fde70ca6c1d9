//! The last line of defence of logs.

use std::io::{self, Write};

use super::sanitize_line;

/// Writes log events, each of which is one line and comes in one call, without anything in them
/// that a terminal acts upon. A line break inside an event begins no line of its own.
#[derive(Debug)]
pub(crate) struct EventWriter<W>(pub(crate) W);

impl<W: Write> Write for EventWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.0
            .write_all(format!("{}\n", sanitize_line(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_quotes() {
        let mut written = Vec::new();
        let event = "WARN a\nERROR forged \u{1b}]0;t\u{7}\n";
        EventWriter(&mut written)
            .write_all(event.as_bytes())
            .unwrap();
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, "WARN a\u{FFFD}ERROR forged \u{FFFD}]0;t\u{FFFD}\n");
    }
}
