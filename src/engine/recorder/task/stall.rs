//! A write that doesn't come back, as where a file system hangs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::super::waiting::{Group, Reply};
use super::{Request, Task, answer};
use crate::store::{Effect, StoreError};

/// After how long a write that is still under way counts as one that hangs. Every write has its own
/// limit, which is shorter, so only a file system that doesn't answer takes this long.
const STALLED_AFTER: Duration = Duration::from_secs(10);

impl Task {
    /// Has the store written. A write that takes too long is trouble until it has ended: what is held
    /// goes on waiting, and nothing else is taken in.
    pub(super) async fn write(&mut self, group: &mut Group) -> Result<Vec<Effect>, StoreError> {
        let store = Arc::clone(&self.store);
        let mut writing = store.commit(&group.changes);
        if let Ok(result) = timeout(STALLED_AFTER, &mut writing).await {
            return result;
        }
        let held = group.replies.iter().filter(|reply| reply.is_held()).count();
        group.pulses.drain(..).for_each(|pulse| answer(pulse, ()));
        self.stall(held);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut writing => break result,
                request = self.requests.recv() => match request {
                    Some(request) => self.take_in_stalled(request),
                    None => break writing.await,
                },
            }
        };
        self.shared.is_stalled.store(false, Ordering::Relaxed);
        if result.is_ok() && self.trouble.is_none() {
            tracing::info!("the store is written again");
            self.shared.trouble(|shown| *shown = None);
        }
        result
    }

    /// A write hangs.
    fn stall(&mut self, held: usize) {
        let error = stalled();
        tracing::error!(%error, "what ends is held until the store can be written");
        let held = held
            + self
                .trouble
                .as_ref()
                .map_or(0, |trouble| trouble.held.len());
        self.shared.is_stalled.store(true, Ordering::Relaxed);
        self.shared
            .trouble(|shown| *shown = Some((error.to_string(), held)));
        for request in self.waiting.take_unheld() {
            self.take_in_stalled(request);
        }
    }

    /// Takes a request in while a write hangs. What isn't held is refused: its caller would wait for
    /// as long as that takes.
    fn take_in_stalled(&mut self, request: Request) {
        match request {
            Request::Store(_, reply) => answer(reply, Err(stalled())),
            Request::Pulse(reply) => answer(reply, ()),
            Request::Keep(change, reply) => {
                match &mut self.trouble {
                    Some(trouble) => trouble.held.push_back((change, reply)),
                    None => self.waiting.push(change, Reply::Keep(reply)),
                }
                self.shared.trouble(|shown| {
                    if let Some((_, held)) = shown {
                        *held += 1;
                    }
                });
            }
            Request::Noted | Request::Retry | Request::Probe | Request::Flush(_) => {
                self.take_in(request);
            }
        }
    }
}

/// What is wrong while a write hangs.
fn stalled() -> StoreError {
    StoreError::NotNow {
        doing: "written",
        why: format!(
            "a write has been under way for more than {} s; see whether its disk or file system hangs",
            STALLED_AFTER.as_secs()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::limits::WRITE_TIMEOUT;

    #[test]
    fn a_write_that_fails_by_itself_does_not_count_as_one_that_hangs() {
        assert!(WRITE_TIMEOUT < STALLED_AFTER);
    }
}
