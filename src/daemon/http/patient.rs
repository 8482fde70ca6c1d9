//! A connection that fails when its peer stops reading, and that notices when the peer closes its sending
//! side.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// A socket that fails once nothing could be written to it for a while, although there was
/// something. How long reading may take is for others to say.
pub(super) struct Patient<S> {
    socket: S,
    patience: Duration,
    /// Runs while something waits to be written.
    waiting: Option<Pin<Box<Sleep>>>,
    /// The byte that was read ahead.
    ahead: Option<u8>,
    /// Cancelled when the peer closes its sending side: it may be gone, or wait for the answer.
    half_closed: CancellationToken,
}

impl<S> Patient<S> {
    pub(super) fn new(socket: S, patience: Duration) -> Self {
        Self {
            socket,
            patience,
            waiting: None,
            ahead: None,
            half_closed: CancellationToken::new(),
        }
    }

    /// A token that is cancelled when the peer closes its sending side.
    pub(super) fn half_closed(&self) -> CancellationToken {
        self.half_closed.clone()
    }

    fn wait<T>(
        &mut self,
        progress: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.waiting = None;
            return progress;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> Patient<S> {
    /// Reads a byte ahead. While an answer is made, the server reads nothing, and wouldn't notice the
    /// other end's close or reset.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.ahead.is_some() || self.half_closed.is_cancelled() {
            return Ok(());
        }
        let mut byte = [0];
        let mut into = ReadBuf::new(&mut byte);
        match Pin::new(&mut self.socket).poll_read(cx, &mut into) {
            Poll::Pending => return Ok(()),
            Poll::Ready(read) => read?,
        }
        match into.filled().first() {
            Some(byte) => {
                self.ahead = Some(*byte);
                // The task that waits for it was registered by an earlier call.
                cx.waker().wake_by_ref();
            }
            None => self.half_closed.cancel(),
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ahead = self.ahead.take();
        if let Some(byte) = ahead {
            into.put_slice(&[byte]);
        }
        let before = into.filled().len();
        // One byte at a time, a large body would take minutes.
        let read = Pin::new(&mut self.socket).poll_read(cx, into);
        if matches!(read, Poll::Ready(Ok(())))
            && into.filled().len() == before
            && into.remaining() > 0
        {
            self.half_closed.cancel();
        }
        match (ahead, read) {
            (Some(_), Poll::Pending) => Poll::Ready(Ok(())),
            (_, read) => read,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wait(progress, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.socket).poll_write_vectored(cx, bytes);
        self.wait(progress, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look_ahead(cx)?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_reading_is_given_up() {
        let (near, _far) = duplex(4);
        let mut near = Patient::new(near, PATIENCE);
        let error = near.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_is_read_ahead_is_not_lost_and_the_end_is_noticed() {
        let (near, mut far) = duplex(64);
        let mut near = Patient::new(near, PATIENCE);
        let half_closed = near.half_closed();
        far.write_all(b"first").await.unwrap();
        near.flush().await.unwrap();
        assert!(!half_closed.is_cancelled());
        far.write_all(b"second").await.unwrap();
        far.shutdown().await.unwrap();
        let mut read = Vec::new();
        near.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"firstsecond");
        assert!(half_closed.is_cancelled());
    }

    #[tokio::test]
    async fn an_end_is_noticed_while_nobody_reads() {
        let (near, mut far) = duplex(64);
        let mut near = Patient::new(near, PATIENCE);
        far.shutdown().await.unwrap();
        near.flush().await.unwrap();
        assert!(near.half_closed().is_cancelled());
        near.write_all(b"answer").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_slow_is_waited_for() {
        let (near, mut far) = duplex(4);
        let mut near = Patient::new(near, PATIENCE);
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Ok(byte) = far.read_u8().await {
                read.push(byte);
                sleep(PATIENCE / 2).await;
            }
            read
        });
        near.write_all(b"more than fits").await.unwrap();
        drop(near);
        assert_eq!(reading.await.unwrap(), b"more than fits");
    }
}
