//! The recorder: the one task that writes to the store. What is waiting when it is ready goes into
//! one transaction, and while that is under way the next group collects.

mod notes;
mod task;
mod waiting;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use self::notes::Notes;
use self::task::{Request, Task};
use super::answered;
use crate::model::{Answers, Fence, Meter, Progress, WatchId};
use crate::store::{Change, Effect, Store, StoreError};

/// What is wrong when the task is gone.
const FAILED: &str = "the task that writes it has failed; restart the daemon";

/// A handle on the recorder's task, which ends with the last handle.
#[derive(Clone)]
pub struct Recorder {
    requests: UnboundedSender<Request>,
    shared: Arc<Shared>,
}

/// What the handles and the task share beside the requests.
#[derive(Default)]
struct Shared {
    notes: Mutex<Notes>,
    trouble: Mutex<Option<(String, usize)>>,
    is_stalled: AtomicBool,
}

impl Shared {
    fn notes<T>(&self, use_them: impl FnOnce(&mut Notes) -> T) -> T {
        use_them(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn trouble<T>(&self, use_it: impl FnOnce(&mut Option<(String, usize)>) -> T) -> T {
        use_it(&mut self.trouble.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recorder {
    /// Starts the task.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, meter: Arc<dyn Meter>) -> Self {
        let (sender, requests) = unbounded_channel();
        let shared = Arc::new(Shared::default());
        tokio::spawn(Task::new(store, meter, requests, Arc::clone(&shared)).run());
        Self {
            requests: sender,
            shared,
        }
    }

    /// Stores a change, and says what became of it once it is durable.
    ///
    /// # Errors
    /// When it wasn't stored, as with a full disk; nothing is kept of it then.
    pub async fn store(&self, mut change: Change) -> Result<Effect, StoreError> {
        self.add_noted(&mut change);
        let (reply, result) = oneshot::channel();
        self.send(Request::Store(change, reply));
        result.await.unwrap_or_else(|_| {
            Err(StoreError::NotNow {
                doing: "written",
                why: FAILED.to_owned(),
            })
        })
    }

    /// Stores a change that may not be lost, however long that takes: it is held and tried again
    /// until the store takes it, even when nobody waits for this any more.
    pub async fn keep(&self, mut change: Change) -> Effect {
        self.add_noted(&mut change);
        let (reply, effect) = oneshot::channel();
        self.send(Request::Keep(change, reply));
        answered(effect).await
    }

    /// Stores how far a watch has come, within about a second. It may be lost with a crash; nobody
    /// waits for it.
    pub fn note(&self, watch_id: WatchId, fence: Fence, progress: Progress, answers: Vec<Answers>) {
        let first = self.shared.notes(|notes| {
            let first = notes.is_empty();
            notes.add(watch_id, fence, progress, answers);
            first
        });
        if first {
            self.send(Request::Noted);
        }
    }

    /// Tries again now what couldn't be stored: there is reason to believe that it can be.
    pub fn retry(&self) {
        if self.trouble().is_some() {
            self.send(Request::Retry);
        }
    }

    /// Writes to the store, even where nothing is waiting: there is reason to believe that it can't
    /// be written any more.
    pub fn probe(&self) {
        self.send(Request::Probe);
    }

    /// Whether a write has been under way for longer than any should be.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.shared.is_stalled.load(Ordering::Relaxed)
    }

    /// Comes back once the task has stored what was asked before, save for attempts where many wait,
    /// or has found that the store can't now, or hangs: a sign of life, not of health.
    pub async fn pulse(&self) {
        let (reply, pulse) = oneshot::channel();
        self.send(Request::Pulse(reply));
        answered(pulse).await;
    }

    /// Comes back once everything that was asked before is stored, what is held and noted included.
    pub async fn flush(&self) {
        let (reply, flushed) = oneshot::channel();
        self.send(Request::Flush(reply));
        answered(flushed).await;
    }

    /// Why the store can't be written at the moment, if so, and how many changes are held.
    #[must_use]
    pub fn trouble(&self) -> Option<(String, usize)> {
        if self.requests.is_closed() {
            return Some((FAILED.to_owned(), 0));
        }
        self.shared.trouble(|trouble| trouble.clone())
    }

    /// Adds the lines that were noted to what is the last that is stored of a watch.
    fn add_noted(&self, change: &mut Change) {
        if let Change::End {
            watch_id, answers, ..
        }
        | Change::Release {
            watch_id, answers, ..
        } = change
        {
            let noted = self.shared.notes(|notes| notes.take_answers(*watch_id));
            answers.splice(0..0, noted);
        }
    }

    /// A task that is gone answers nothing, which whoever asked finds out.
    fn send(&self, request: Request) {
        drop(self.requests.send(request));
    }
}
