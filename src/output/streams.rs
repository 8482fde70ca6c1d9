//! Standard output and standard error of this process.

use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use rustix::stdio;

use super::fd::{are_same, write_all};
use super::queue::{Kind, dropped_text};
use super::writer::{Delivery, Destination, Writer};

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// How dropped lines are reported, where not as text.
static REPORT: OnceLock<fn(u64) -> String> = OnceLock::new();

struct Streams {
    stdout: Writer,
    stderr: Writer,
}

fn streams() -> &'static Streams {
    STREAMS.get_or_init(|| {
        let stderr = Writer::start("stderr", Standard);
        // On one terminal or in one log, results stay where they belong among the progress.
        let stdout = if are_same(stdio::stdout(), stdio::stderr()) {
            stderr.clone()
        } else {
            Writer::start("stdout", Standard)
        };
        Streams { stdout, stderr }
    })
}

/// Standard output. It takes results.
pub(crate) fn stdout() -> &'static Writer {
    &streams().stdout
}

/// Standard error. It takes log lines.
pub(crate) fn stderr() -> &'static Writer {
    &streams().stderr
}

/// Has lines that are dropped from standard error reported in the form of those that are not.
pub(crate) fn report_dropped_lines_by(report: fn(u64) -> String) {
    // A process has one form.
    REPORT.set(report).ok();
}

/// Results go to standard output, all else to standard error.
struct Standard;

impl Destination for Standard {
    fn write(&mut self, kind: Kind, bytes: &[u8], progress: &dyn Fn()) -> Delivery {
        let fd = match kind {
            Kind::Result => stdio::stdout(),
            Kind::Log => stdio::stderr(),
        };
        match write_all(fd, bytes, progress) {
            Ok(()) => Delivery::Written,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Delivery::Closed,
            Err(error) => {
                if kind == Kind::Result {
                    stderr().log(format!("can't write to standard output: {error}\n"));
                }
                Delivery::Lost
            }
        }
    }

    fn report(&self, dropped: u64) -> Vec<u8> {
        let report = REPORT.get().copied().unwrap_or(dropped_text);
        format!("{}\n", report(dropped)).into()
    }
}

/// Standard error for those that write lines. Every write is an entry of its own, and succeeds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stderr().log(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
