//! What a program writes: read to its end, so that the program never waits for a reader, and the
//! last of it kept.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// How much of it is kept, in bytes.
const KEPT: usize = 64 * 1024;

/// How much is read at once, in bytes.
const PIECE: usize = 8 * 1024;

pub(super) struct Output {
    pipe: Receiver,
    tail: Vec<u8>,
}

impl Output {
    /// Standard output and standard error are one pipe, so that the last line of both is the last.
    pub(super) fn pipe() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let output = Self {
            pipe: Receiver::from_owned_fd(OwnedFd::from(reader))?,
            tail: Vec::new(),
        };
        Ok((output, writer))
    }

    /// Reads until nobody has it open any more. May be called off, and called again.
    pub(super) async fn read(&mut self) {
        let mut piece = [0; PIECE];
        while let Ok(length @ 1..) = self.pipe.read(&mut piece).await {
            self.tail.extend(piece.iter().take(length));
            // Twice as much, so that not every piece moves all of it.
            if self.tail.len() > 2 * KEPT {
                self.tail.drain(..self.tail.len() - KEPT);
            }
        }
    }

    /// The last line that holds anything.
    pub(super) fn last_line(&self) -> String {
        let from = self.tail.len().saturating_sub(KEPT);
        let text = String::from_utf8_lossy(self.tail.get(from..).unwrap_or_default());
        let line = text.lines().rfind(|line| !line.trim().is_empty());
        line.unwrap_or_default().to_owned()
    }
}
