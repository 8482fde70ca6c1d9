//! Entries that wait to be written, in their order. Log entries are bounded: the oldest are dropped, and
//! their lines are counted. Results are never dropped: their producers wait for capacity.

use std::collections::VecDeque;

/// The most log entries and bytes that wait.
const MAX_LOG: Load = Load {
    entries: 10_000,
    bytes: 1024 * 1024,
};

/// From how many results and bytes on a producer waits.
const MAX_RESULTS: Load = Load {
    entries: 1000,
    bytes: 256 * 1024,
};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A result, which is never dropped.
    Result,
    /// Progress or a log line, which is dropped where too many wait.
    Log,
}

/// What is written at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    /// How many lines its readers see.
    pub(super) lines: u64,
}

impl Entry {
    /// An entry of text.
    pub(super) fn text(kind: Kind, bytes: Vec<u8>) -> Self {
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        Self {
            kind,
            bytes,
            lines: ends.max(1) as u64,
        }
    }

    /// An entry that isn't text, and is read as one line.
    pub(super) fn record(bytes: Vec<u8>) -> Self {
        Self {
            kind: Kind::Log,
            bytes,
            lines: 1,
        }
    }
}

/// An entry whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// Entries are numbered from 1 in their order.
    pub(super) number: u64,
    pub(super) entry: Entry,
    /// How many lines were dropped before it, and not yet reported.
    pub(super) dropped: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Load {
    entries: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, bytes: usize) {
        self.entries += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.entries -= 1;
        self.bytes -= bytes;
    }

    fn exceeds(self, most: Self) -> bool {
        self.entries > most.entries || self.bytes > most.bytes
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<(u64, Entry)>,
    log: Load,
    results: Load,
    /// The number of the last entry, and of the last result.
    last: u64,
    last_result: u64,
    unreported: u64,
    dropped: u64,
}

impl Queue {
    /// Adds an entry. Where too many log entries wait, the oldest are dropped, never the new one.
    pub(super) fn push(&mut self, entry: Entry) {
        self.last += 1;
        let bytes = entry.bytes.len();
        match entry.kind {
            Kind::Result => {
                self.last_result = self.last;
                self.results.add(bytes);
            }
            Kind::Log => self.log.add(bytes),
        }
        self.entries.push_back((self.last, entry));
        while self.log.exceeds(MAX_LOG) && self.log.entries > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = |(_, entry): &(u64, Entry)| entry.kind == Kind::Log;
        let at = self.entries.iter().position(oldest);
        if let Some((_, entry)) = at.and_then(|at| self.entries.remove(at)) {
            self.log.remove(entry.bytes.len());
            self.lose(&entry);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Next> {
        let (number, entry) = self.entries.pop_front()?;
        let dropped = match entry.kind {
            Kind::Result => {
                self.results.remove(entry.bytes.len());
                0
            }
            Kind::Log => {
                self.log.remove(entry.bytes.len());
                std::mem::take(&mut self.unreported)
            }
        };
        Some(Next {
            number,
            entry,
            dropped,
        })
    }

    /// Counts the lines of an entry that can't be written.
    pub(super) fn lose(&mut self, entry: &Entry) {
        self.unreported += entry.lines;
        self.dropped += entry.lines;
    }

    /// Keeps a count for the next report, as this one can't be written.
    pub(super) fn report_later(&mut self, dropped: u64) {
        self.unreported += dropped;
    }

    /// Whether a producer of results may add one.
    pub(super) fn has_room(&self) -> bool {
        let next = Load {
            entries: self.results.entries + 1,
            bytes: self.results.bytes,
        };
        !next.exceeds(MAX_RESULTS)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of the last entry that was added.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The number of the last result that was added.
    pub(super) fn last_result(&self) -> u64 {
        self.last_result
    }

    /// How many lines were dropped in all.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// `… 1,234 lines dropped, as they were not read in time`.
pub(crate) fn dropped_text(lines: u64) -> String {
    let digits = lines.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match lines {
        1 => "… 1 line dropped, as it was not read in time".to_owned(),
        _ => format!("… {grouped} lines dropped, as they were not read in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Entry {
        Entry::text(Kind::Log, text.into())
    }

    fn result(text: &str) -> Entry {
        Entry::text(Kind::Result, text.into())
    }

    #[test]
    fn the_oldest_log_entries_are_dropped_and_counted_by_their_lines() {
        let mut queue = Queue::default();
        queue.push(log("one\ntwo\n"));
        for _ in 0..=MAX_LOG.entries {
            queue.push(log("x\n"));
        }
        assert_eq!(queue.dropped(), 3);
        let first = queue.pop().unwrap();
        assert_eq!((first.number, first.dropped), (3, 3));
        assert_eq!(queue.pop().unwrap().dropped, 0, "they are reported once");
    }

    #[test]
    fn bytes_are_bounded_as_well_and_the_newest_entry_always_stays() {
        let mut queue = Queue::default();
        let large = "x".repeat(MAX_LOG.bytes + 1);
        queue.push(log("first\n"));
        queue.push(log(&large));
        queue.push(log("last\n"));
        let next = queue.pop().unwrap();
        assert_eq!((next.entry, next.dropped), (log("last\n"), 2));
        assert!(queue.is_empty());
    }

    #[test]
    fn no_result_is_dropped_and_their_producers_wait() {
        let mut queue = Queue::default();
        for _ in 0..MAX_RESULTS.entries {
            assert!(queue.has_room());
            queue.push(result("x\n"));
        }
        assert!(!queue.has_room());
        for _ in 0..2 * MAX_LOG.entries {
            queue.push(log("y\n"));
        }
        for _ in 0..MAX_RESULTS.entries {
            let next = queue.pop().unwrap();
            assert_eq!((next.entry, next.dropped), (result("x\n"), 0));
        }
        let next = queue.pop().unwrap();
        assert_eq!(next.dropped, MAX_LOG.entries as u64);
    }

    #[test]
    fn a_count_can_be_read() {
        for (lines, expected) in [
            (1, "… 1 line dropped"),
            (999, "… 999 lines dropped"),
            (1234, "… 1,234 lines dropped"),
            (1_234_567, "… 1,234,567 lines dropped"),
        ] {
            let text = dropped_text(lines);
            assert!(text.starts_with(&format!("{expected}, as ")), "{text}");
        }
    }
}
