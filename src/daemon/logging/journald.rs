//! The journal's native protocol: events as entries with fields, sent by a thread that may block.
//!
//! See <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>. Spans add their fields to their events.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::output::{Delivery, Destination, Kind, Writer, dropped_text};

/// Where the journal receives entries.
const SOCKET: &str = "/run/systemd/journal/socket";

/// What the names of all fields of events begin with, as in `DCS_JOB_ID`.
const FIELD_PREFIX: &str = "DCS_";

/// The name that `journalctl -t` finds all entries by.
const SYSLOG_IDENTIFIER: &str = "dcs-wait";

/// The longest value, in bytes. The size of a datagram is limited.
const MAX_VALUE: usize = 32 * 1024;

/// Sends events to the journal.
pub(super) struct Journald(Writer);

impl Journald {
    /// Connects, and starts the thread. Fails where there is no journal.
    pub(super) fn connect() -> io::Result<Self> {
        Self::connect_to(SOCKET.as_ref())
    }

    fn connect_to(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // An empty entry is discarded. A journal that doesn't read is one that may read again.
        socket.set_nonblocking(true)?;
        match socket.send_to(&[], path) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => socket.set_nonblocking(false)?,
        }
        Ok(Self(Writer::start(
            "journal",
            Socket(socket, path.to_owned()),
        )))
    }

    /// The queue before the journal.
    pub(super) fn writer(&self) -> Writer {
        self.0.clone()
    }
}

struct Socket(UnixDatagram, PathBuf);

impl Destination for Socket {
    fn write(&mut self, _kind: Kind, bytes: &[u8], progress: &dyn Fn()) -> Delivery {
        match self.0.send_to(bytes, &self.1) {
            Ok(_) => {
                progress();
                Delivery::Written
            }
            // The journal may be restarted at any time.
            Err(_) => Delivery::Lost,
        }
    }

    fn report(&self, dropped: u64) -> Vec<u8> {
        let mut entry = Entry::default();
        entry.put_metadata("", None, Level::WARN);
        entry.put("MESSAGE", &dropped_text(dropped));
        entry.0
    }
}

/// The fields of a span, ready to be sent with each of its events.
struct SpanFields(Vec<u8>);

impl<S> Layer<S> for Journald
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut entry = Entry::default();
            entry.put("SPAN_NAME", span.name());
            attributes.record(&mut entry);
            span.extensions_mut().insert(SpanFields(entry.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            let mut entry = Entry(std::mem::take(fields));
            values.record(&mut entry);
            *fields = entry.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut entry = Entry::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                entry.0.extend_from_slice(fields);
            }
        }
        let metadata = event.metadata();
        entry.put_metadata(metadata.target(), Some(metadata), *metadata.level());
        event.record(&mut entry);
        self.0.log_record(entry.0);
    }
}

/// An entry as it is sent.
#[derive(Default)]
struct Entry(Vec<u8>);

impl Entry {
    fn put_metadata(&mut self, target: &str, metadata: Option<&Metadata<'_>>, level: Level) {
        self.put("PRIORITY", priority(level));
        self.put("SYSLOG_IDENTIFIER", SYSLOG_IDENTIFIER);
        if !target.is_empty() {
            self.put("TARGET", target);
        }
        if let Some(file) = metadata.and_then(Metadata::file) {
            self.put("CODE_FILE", file);
        }
        if let Some(line) = metadata.and_then(Metadata::line) {
            self.put("CODE_LINE", &line.to_string());
        }
    }

    /// Adds a field. Its length goes before its value, which may hold anything.
    fn put(&mut self, name: &str, value: &str) {
        let value = value
            .get(..value.floor_char_boundary(MAX_VALUE))
            .unwrap_or(value);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        self.0
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(&field_name(field.name()), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing into a text can't fail.
        write!(text, "{value:?}").ok();
        self.record_str(field, &text);
    }
}

/// A name as the journal accepts it. The message is a field of the journal's own.
fn field_name(name: &str) -> String {
    if name == "message" {
        return "MESSAGE".to_owned();
    }
    let name = name.trim_start_matches(['_', '.']).replace('.', "_");
    let permitted = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let name: String = name.chars().filter(permitted).collect();
    format!("{FIELD_PREFIX}{}", name.to_ascii_uppercase())
}

/// The priority, as syslog has it.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    struct Kept(Sender<Vec<u8>>);

    impl Destination for Kept {
        fn write(&mut self, _kind: Kind, bytes: &[u8], _progress: &dyn Fn()) -> Delivery {
            self.0.send(bytes.to_vec()).unwrap();
            Delivery::Written
        }

        fn report(&self, _dropped: u64) -> Vec<u8> {
            Vec::new()
        }
    }

    fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|byte| *byte == b'\n').unwrap();
            let (name, rest) = entry.split_at(end);
            let (length, rest) = rest[1..].split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let (value, rest) = rest.split_at(length);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.insert(text(name), text(value));
            entry = rest.strip_prefix(b"\n").unwrap();
        }
        fields
    }

    fn logged(log: impl FnOnce()) -> BTreeMap<String, String> {
        let (sender, entries): (_, Receiver<Vec<u8>>) = channel();
        let journald = Journald(Writer::start("test", Kept(sender)));
        let subscriber = tracing_subscriber::registry().with(journald);
        tracing::subscriber::with_default(subscriber, log);
        fields(&entries.recv().unwrap())
    }

    #[test]
    fn an_event_is_an_entry_with_its_own_fields_and_those_of_its_span() {
        let fields = logged(|| {
            let span = tracing::info_span!("watch", job_id = %"j1");
            let _entered = span.enter();
            tracing::warn!(attempt = 2, answer = "two\nlines", "not delivered");
        });
        for (name, value) in [
            ("MESSAGE", "not delivered"),
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "dcs-wait"),
            ("SPAN_NAME", "watch"),
            ("DCS_JOB_ID", "j1"),
            ("DCS_ATTEMPT", "2"),
            ("DCS_ANSWER", "two\nlines"),
        ] {
            assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(fields["CODE_FILE"].ends_with("journald.rs"), "{fields:?}");
    }

    #[test]
    fn a_value_that_is_too_long_for_a_datagram_is_cut_between_two_characters() {
        let fields = logged(|| tracing::error!("{}", "é".repeat(MAX_VALUE)));
        assert_eq!(fields["MESSAGE"], "é".repeat(MAX_VALUE / 2));
    }

    #[test]
    fn dropped_lines_are_a_warning_of_the_journal() {
        let socket = Socket(UnixDatagram::unbound().unwrap(), SOCKET.into());
        let fields = fields(&socket.report(1234));
        assert_eq!(fields["PRIORITY"], "4");
        assert!(
            fields["MESSAGE"].starts_with("… 1,234 lines dropped"),
            "{fields:?}"
        );
    }

    #[test]
    fn a_journal_that_reads_nothing_holds_nobody_up_and_learns_what_it_missed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = UnixDatagram::bind(&path).unwrap();
        let journald = Journald::connect_to(&path).unwrap();
        let writer = journald.writer();
        let subscriber = tracing_subscriber::registry().with(journald);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..20_000 {
                tracing::info!(number, "an event");
            }
        });
        assert!(writer.lines_dropped() > 0);
        let mut entry = [0; 4096];
        loop {
            let length = journal.recv(&mut entry).unwrap();
            let entry = String::from_utf8_lossy(entry.get(..length).unwrap());
            if entry.contains("dropped") {
                break;
            }
        }
    }
}
