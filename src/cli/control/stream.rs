//! The daemon's event stream, read line by line as server-sent events are.

use std::time::Duration;

use crate::decode::without_bom;
use crate::http::Incoming;

/// How long a stream may say nothing at all. The daemon shows every 15 s that it is there.
const SILENCE: Duration = Duration::from_secs(60);

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 1024 * 1024;

/// A stream that has begun.
pub(in crate::cli) struct Events {
    incoming: Incoming,
    parser: Parser,
}

/// One event of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct StreamItem {
    /// What kind of event it says it is.
    pub(in crate::cli) name: String,
    /// What it carries.
    pub(in crate::cli) data: String,
}

impl Events {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self {
            incoming,
            parser: Parser::default(),
        }
    }

    /// The next event; `None` where the stream has ended, was cut, or is silent as the dead are.
    pub(in crate::cli) async fn next(&mut self) -> Option<StreamItem> {
        loop {
            if let Some(item) = self.parser.next() {
                return Some(item);
            }
            let piece = tokio::time::timeout(SILENCE, self.incoming.next());
            let piece = piece.await.ok()?.ok()??;
            self.parser.take_in(&piece)?;
        }
    }
}

/// What has come of a stream and is no whole event yet.
#[derive(Default)]
struct Parser {
    bytes: Vec<u8>,
    /// Up to where there is no line's end.
    searched: usize,
    name: String,
    data: Vec<String>,
}

impl Parser {
    /// `None` where a line is longer than any of the daemon's.
    fn take_in(&mut self, piece: &[u8]) -> Option<()> {
        self.bytes.extend_from_slice(piece);
        (self.bytes.len() <= MAX_LINE).then_some(())
    }

    fn line(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let line: Vec<u8> = self.bytes.drain(..=self.searched + end).collect();
        self.searched = 0;
        let line = String::from_utf8_lossy(&line);
        let line = without_bom(&line).trim_end_matches(['\n', '\r']);
        Some(line.to_owned())
    }

    fn next(&mut self) -> Option<StreamItem> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let (name, data) = (
                    std::mem::take(&mut self.name),
                    std::mem::take(&mut self.data),
                );
                if !data.is_empty() {
                    return Some(StreamItem {
                        name,
                        data: data.join("\n"),
                    });
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.name = value.to_owned(),
                "data" => self.data.push(value.to_owned()),
                // A comment, or what this program doesn't need.
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, data: &str) -> StreamItem {
        StreamItem {
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_are_found_however_the_stream_is_cut() {
        let stream =
            "\u{FEFF}: hello\n\nevent: watch\ndata: {\"a\":\ndata: 1}\n\nid: 7\r\ndata:x\r\n\r\n";
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let mut items = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                parser.take_in(piece).unwrap();
                while let Some(item) = parser.next() {
                    items.push(item);
                }
            }
            let expected = [item("watch", "{\"a\":\n1}"), item("", "x")];
            assert_eq!(items, expected, "pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_is_cut_off_is_none() {
        let mut parser = Parser::default();
        parser.take_in(b"event: watch\ndata: {}\n").unwrap();
        assert_eq!(parser.next(), None);
    }

    #[test]
    fn a_line_without_end_is_not_kept_forever() {
        let mut parser = Parser::default();
        assert!(parser.take_in(&vec![b'x'; MAX_LINE + 1]).is_none());
    }
}
