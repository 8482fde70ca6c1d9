//! Writing to a descriptor, whatever its mode.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::fstat;
use rustix::io::{Errno, write};

/// How much is written at once: what a pipe takes as a whole. Smaller pieces show how a slow reader
/// gets on.
const PIECE: usize = 4096;

/// Writes everything, and calls `progress` after each piece. A descriptor that doesn't block, as one
/// that a parent process shares may not, is waited for.
pub(super) fn write_all(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    progress: &dyn Fn(),
) -> io::Result<()> {
    while !bytes.is_empty() {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        match write(fd, piece) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                progress();
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_until_writable(fd)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait_until_writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    // An error of the descriptor wakes as well, and is what the next write returns.
    match poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether two descriptors are of one file, terminal or pipe.
pub(super) fn are_same(one: impl AsFd, other: impl AsFd) -> bool {
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};
    use std::thread;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;

    #[test]
    fn a_pipe_that_does_not_block_takes_everything() {
        let (mut reader, writer) = pipe().unwrap();
        let flags = fcntl_getfl(&writer).unwrap();
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
        let text: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let sent = text.clone();
        let writing = thread::spawn(move || write_all(writer.as_fd(), &sent, &|| {}));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        writing.join().unwrap().unwrap();
        assert!(read == text, "{} of {} bytes", read.len(), text.len());
    }

    #[test]
    fn a_pipe_whose_reader_is_gone_says_so_in_either_mode() {
        for mode in [OFlags::empty(), OFlags::NONBLOCK] {
            let (_, writer) = pipe().unwrap();
            fcntl_setfl(&writer, mode).unwrap();
            let error = write_all(writer.as_fd(), b"x", &|| {}).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn the_same_pipe_is_told_from_another() {
        let (_reader, writer) = pipe().unwrap();
        let (_, other) = pipe().unwrap();
        assert!(are_same(&writer, writer.try_clone().unwrap()));
        assert!(!are_same(&writer, &other));
    }
}
