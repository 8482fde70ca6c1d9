//! The reins of one watch: call it off, or ask now.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

/// Steers one poller from outside. Part of the watch; its poller alone listens.
#[derive(Debug, Default)]
pub struct Control(Mutex<Signals>);

#[derive(Debug, Default)]
struct Signals {
    cancelled: bool,
    poll_now: bool,
    listener: Option<Waker>,
}

impl Control {
    /// Calls the watch off: whatever its poller awaits ends there and then.
    pub fn cancel(&self) {
        self.signal(|signals| signals.cancelled = true);
    }

    /// Takes back what was said to the poller before, for another one to begin.
    pub fn reset(&self) {
        *self.signals() = Signals::default();
    }

    /// Ends the sleep before the next request now. The request still takes its turn at the limiter.
    /// Said while an answer is on its way, the next request follows it.
    pub fn poll_now(&self) {
        self.signal(|signals| signals.poll_now = true);
    }

    fn signal(&self, set: impl FnOnce(&mut Signals)) {
        let listener = {
            let mut signals = self.signals();
            set(&mut signals);
            signals.listener.take()
        };
        // Not under the lock: a waker runs code of the runtime's.
        if let Some(listener) = listener {
            listener.wake();
        }
    }

    fn signals(&self) -> MutexGuard<'_, Signals> {
        // Nothing in here panics between two writes, so poisoned signals are whole ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the watch is called off; whoever asks is woken by the next signal.
    pub(super) fn is_cancelled(&self, context: &Context<'_>) -> bool {
        let mut signals = self.signals();
        match &mut signals.listener {
            Some(listener) => listener.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        signals.cancelled
    }

    /// What comes of the future, unless the watch is called off first.
    pub async fn unless_cancelled<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| match self.is_cancelled(context) {
            true => Poll::Ready(None),
            false => future.as_mut().poll(context).map(Some),
        })
        .await
    }

    /// Sleeps until then, or until the poller is to ask now. Says again until when it was to sleep.
    pub(super) fn sleep_until(&self, due: Instant) -> Sleeping<'_> {
        let sleep = sleep_until(due);
        Sleeping {
            sleep,
            control: self,
        }
    }

    /// A request is sent: what was said up to now is heeded by it.
    pub(super) fn heeded(&self) {
        self.signals().poll_now = false;
    }
}

pin_project! {
    /// The sleep before a request. The poller, in which this is awaited, listens to the signals.
    // No async function: that would have twice the size.
    pub(super) struct Sleeping<'a> {
        #[pin]
        sleep: Sleep,
        control: &'a Control,
    }
}

impl Future for Sleeping<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Instant> {
        let this = self.project();
        let due = this.sleep.deadline();
        // A timer that is due already would still take up to a millisecond, which is tokio's
        // resolution.
        if this.control.signals().poll_now || due <= Instant::now() {
            return Poll::Ready(due);
        }
        this.sleep.poll(context).map(|()| due)
    }
}
