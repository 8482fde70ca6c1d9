//! Where this program's own events go: to the journal with fields, or to standard error as lines.

mod journald;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{LogLevel, LogTarget};
use crate::environment::Environment;
use crate::output::{LogWriter, Writer, stderr};
use crate::sanitize::EventWriter;
use journald::Journald;

/// Changes what is logged while the daemon runs.
#[derive(Debug)]
pub(super) struct Logging {
    filter: reload::Handle<Targets, Registry>,
    writer: Writer,
}

impl Logging {
    /// Logs from now on. Says why not to the journal, where that was asked for and can't be done.
    pub(super) fn start(target: LogTarget, level: LogLevel, environment: &dyn Environment) -> Self {
        let (filter, handle) = reload::Layer::new(targets(level));
        let filtered = tracing_subscriber::registry().with(filter);
        let wanted = match target {
            LogTarget::Journal => true,
            LogTarget::Stderr => false,
            LogTarget::Auto => is_the_journal(io::stderr(), environment),
        };
        let (writer, error) = log(filtered, wanted);
        if let Some(error) = error {
            tracing::warn!(%error, "the journal can't be reached; logging to standard error");
        }
        Self {
            filter: handle,
            writer,
        }
    }

    /// The queue that all lines go through.
    pub(super) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Logs this and all that is graver from now on.
    pub(super) fn set_level(&self, level: LogLevel) {
        if let Err(error) = self.filter.reload(targets(level)) {
            tracing::error!(%error, "the log level stays as it was");
        }
    }
}

/// Installs the subscriber. An error is the journal's; lines are written then.
fn log(
    filtered: Layered<reload::Layer<Targets, Registry>, Registry>,
    to_journal: bool,
) -> (Writer, Option<io::Error>) {
    let error = match to_journal.then(Journald::connect) {
        Some(Ok(journald)) => {
            let writer = journald.writer();
            filtered.with(journald).init();
            return (writer, None);
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    let layer = fmt::layer()
        .with_writer(|| EventWriter(LogWriter))
        .with_ansi(false);
    filtered.with(layer.with_target(false)).init();
    (stderr().clone(), error)
}

/// Other crates' events may hold what is no business of a log.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    Targets::new().with_target("dcs_wait", level)
}

/// Whether the stream is connected to the journal: `JOURNAL_STREAM` names its device and inode then.
fn is_the_journal(stream: impl AsFd, environment: &dyn Environment) -> bool {
    let Some(named) = environment.var("JOURNAL_STREAM") else {
        return false;
    };
    let metadata = (stream.as_fd().try_clone_to_owned()).and_then(|fd| File::from(fd).metadata());
    metadata.is_ok_and(|it| named == format!("{}:{}", it.dev(), it.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        let file = tempfile::tempfile().unwrap();
        let it = file.metadata().unwrap();
        let told = |value: String| BTreeMap::from([("JOURNAL_STREAM".to_owned(), value)]);
        assert!(is_the_journal(
            &file,
            &told(format!("{}:{}", it.dev(), it.ino()))
        ));
        assert!(!is_the_journal(
            &file,
            &told(format!("{}:{}", it.dev(), it.ino() + 1))
        ));
        assert!(!is_the_journal(&file, &told("nonsense".to_owned())));
        assert!(!is_the_journal(&file, &BTreeMap::new()));
    }
}
