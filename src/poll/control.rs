//! The reins of one watch: call it off, or ask now.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, sleep_until};

/// Steers one poller from outside. Shared by whoever holds the watch and by its poller, which alone
/// listens.
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

    /// What comes of the future, unless the watch is called off first. All that the poller awaits
    /// is awaited in here: it is what listens to the signals.
    pub(super) fn unless_cancelled<T>(
        &self,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        poll_fn(move |context| {
            if self.listen(context) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(context).map(Some)
        })
    }

    /// Whether the watch is called off; whoever asks is woken by the next signal.
    fn listen(&self, context: &Context<'_>) -> bool {
        let mut signals = self.signals();
        match &mut signals.listener {
            Some(listener) => listener.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        signals.cancelled
    }

    /// Sleeps until then, or until the poller is to ask now.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would hold its arguments twice"
    )]
    pub(super) fn sleep_until(&self, due: Instant) -> impl Future<Output = ()> {
        async move {
            // A timer that is due already would still take up to a millisecond, which is tokio's
            // resolution.
            if due <= Instant::now() {
                return;
            }
            let mut sleep = pin!(sleep_until(due));
            poll_fn(|context| {
                if self.signals().poll_now {
                    return Poll::Ready(());
                }
                sleep.as_mut().poll(context)
            })
            .await;
        }
    }

    /// A request is sent: what was said up to now is heeded by it.
    pub(super) fn heeded(&self) {
        self.signals().poll_now = false;
    }
}
