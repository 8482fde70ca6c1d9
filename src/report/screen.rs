//! A terminal for indicatif that draws to a given writer, a frame a write.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::TermLike;

use super::sink::Sink;

/// Rows and columns.
pub(super) type Size = (u16, u16);

/// The terminal. Clones are the same one.
#[derive(Clone)]
pub(super) struct Screen {
    inner: Arc<Mutex<Inner>>,
    size: fn() -> Size,
}

struct Inner {
    out: Sink,
    frame: String,
}

/// The size of the terminal at standard error, as it is now.
pub(super) fn size_of_stderr() -> Size {
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((columns, rows)) if columns.0 > 0 && rows.0 > 0 => (rows.0, columns.0),
        _ => (24, 80),
    }
}

impl Screen {
    pub(super) fn new(out: Box<dyn Write + Send>, size: fn() -> Size) -> Self {
        let (out, frame) = (Sink(out), String::new());
        Self {
            inner: Arc::new(Mutex::new(Inner { out, frame })),
            size,
        }
    }

    /// Writes a line that stays. Nothing may be drawn below it at that time.
    pub(super) fn line(&self, line: &str) {
        self.with(|inner| inner.out.line(line));
    }

    fn with(&self, act: impl FnOnce(&mut Inner)) {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn draw(&self, text: &str) -> io::Result<()> {
        self.with(|inner| inner.frame.push_str(text));
        Ok(())
    }

    fn step(&self, n: usize, direction: char) -> io::Result<()> {
        // Zero would move by one.
        if n == 0 {
            return Ok(());
        }
        self.draw(&format!("\x1b[{n}{direction}"))
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.draw(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.draw(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.with(|inner| {
            let frame = std::mem::take(&mut inner.frame);
            inner.out.text(&frame);
        });
        Ok(())
    }
}
