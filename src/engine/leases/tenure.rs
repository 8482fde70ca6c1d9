//! Until when what this process holds is surely its own.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The lease as its holder sees it, by its own clock. It ends here before it ends for others, so that
/// whoever stops by it has stopped when they take over.
#[derive(Debug, Clone)]
pub struct Tenure(Arc<watch::Sender<Option<Instant>>>);

impl Tenure {
    /// That of whoever has a store alone: it never ends.
    #[must_use]
    pub fn without_end() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// One that is still to begin.
    pub(in crate::engine) fn to_begin() -> Self {
        Self(Arc::new(watch::Sender::new(Some(Instant::now()))))
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.0.borrow().is_none_or(|until| Instant::now() < until)
    }

    /// Goes on until then. False where it had ended before.
    pub(super) fn extend(&self, until: Instant) -> bool {
        let before = self.0.send_replace(Some(until));
        before.is_none_or(|before| Instant::now() < before)
    }

    /// Ends now.
    pub(super) fn end(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Comes back once it has ended, after it went on.
    pub(super) async fn ended(&self) {
        let mut changes = self.0.subscribe();
        let has_begun = |until: &Option<Instant>| until.is_none_or(|until| Instant::now() < until);
        // It is as long as this is.
        if changes.wait_for(has_begun).await.is_err() {
            return;
        }
        loop {
            let until = *changes.borrow_and_update();
            let Some(until) = until else {
                return std::future::pending().await;
            };
            if until <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(until) => {}
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_ends_unless_it_is_extended_in_time() {
        let tenure = Tenure::to_begin();
        assert!(!tenure.is_good());
        assert!(!tenure.extend(Instant::now() + SECOND));
        let ending = tokio::spawn({
            let tenure = tenure.clone();
            async move { tenure.ended().await }
        });
        tokio::time::sleep(SECOND / 2).await;
        assert!(tenure.extend(Instant::now() + SECOND));
        tokio::time::sleep(SECOND * 3 / 4).await;
        assert!(tenure.is_good() && !ending.is_finished());
        tokio::time::sleep(SECOND / 2).await;
        assert!(!tenure.is_good() && ending.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn one_without_end_never_ends() {
        let tenure = Tenure::without_end();
        let ended = tokio::time::timeout(SECOND * 86_400, tenure.ended()).await;
        assert!(ended.is_err() && tenure.is_good());
    }
}
