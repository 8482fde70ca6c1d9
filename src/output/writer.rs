//! A queue and the thread that alone writes what is in it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::queue::{Entry, Kind, Next, Queue};

/// Where entries are written to. Called by one thread; it may block there for as long as it likes.
pub(crate) trait Destination: Send + 'static {
    /// Writes an entry, and calls `progress` whenever some of it was taken.
    fn write(&mut self, kind: Kind, bytes: &[u8], progress: &dyn Fn()) -> Delivery;

    /// The entry that reports how many lines were dropped; empty for none.
    fn report(&self, dropped: u64) -> Vec<u8>;
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It was written.
    Written,
    /// It could not be written. The next one may be.
    Lost,
    /// The reader is gone: entries of its kind are discarded from now on.
    Closed,
}

/// Adds entries to a queue. Clones add to the same one.
#[derive(Clone)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    added: Condvar,
    progress: watch::Sender<Progress>,
    /// Locked by the thread for as long as it runs.
    destination: Mutex<Box<dyn Destination>>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    has_no_thread: bool,
    is_writing: bool,
    are_results_closed: bool,
    is_log_closed: bool,
    are_results_given_up: bool,
}

/// How far the thread has come.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// The number of the last entry that is written, or won't be.
    done: u64,
    /// Counts what was taken, so that a reader that is slow differs from one that has stalled.
    pieces: u64,
}

impl Writer {
    /// Starts the thread. It ends with the process, which never waits for it.
    pub(crate) fn start(name: &str, destination: impl Destination) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            added: Condvar::new(),
            progress: watch::Sender::default(),
            destination: Mutex::new(Box::new(destination)),
        });
        let of_thread = Arc::clone(&shared);
        let spawned = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || of_thread.run());
        // Where no more threads are permitted, blocking is better than losing results.
        shared.state().has_no_thread = spawned.is_err();
        Self { shared }
    }

    /// Adds progress or a log line. Never blocks; the oldest are dropped.
    pub(crate) fn log(&self, text: impl Into<Vec<u8>>) {
        self.add(Entry::text(Kind::Log, text.into()));
    }

    /// Adds a log record that isn't text.
    pub(crate) fn log_record(&self, record: Vec<u8>) {
        self.add(Entry::record(record));
    }

    /// Adds a result, even beyond the capacity. For producers whose results are in memory in any case;
    /// others await [`Writer::wait_for_capacity`] first.
    pub(crate) fn result(&self, text: impl Into<Vec<u8>>) {
        self.add(Entry::text(Kind::Result, text.into()));
    }

    fn add(&self, entry: Entry) {
        let mut state = self.shared.state();
        if !state.is_closed(entry.kind) {
            state.queue.push(entry);
            self.shared.added.notify_one();
            if state.has_no_thread {
                drop(state);
                self.shared.write_all();
            }
        }
    }

    /// Waits until the queue has capacity for a result.
    pub(crate) async fn wait_for_capacity(&self) {
        let has_room = |state: &State| state.is_closed(Kind::Result) || state.queue.has_room();
        let mut progress = self.shared.progress.subscribe();
        while !has_room(&self.shared.state()) {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until all results that were added are written, or won't be.
    pub(crate) async fn results_written(&self) {
        let last = self.shared.state().queue.last_result();
        let mut progress = self.shared.progress.subscribe();
        while progress.borrow_and_update().done < last && !self.shared.state().are_results_given_up
        {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Stops waiting for results to be written.
    pub(crate) fn give_up_results(&self) {
        self.shared.state().are_results_given_up = true;
        self.shared.progress.send_modify(|_| {});
    }

    /// Waits until everything is written, but no longer than `most`, and no longer than `idle` for a
    /// reader that takes nothing. Returns whether it is.
    pub(crate) async fn flush(&self, idle: Duration, most: Duration) -> bool {
        let last = self.shared.state().queue.last();
        let mut progress = self.shared.progress.subscribe();
        let flushing = async {
            while progress.borrow_and_update().done < last {
                if !matches!(timeout(idle, progress.changed()).await, Ok(Ok(()))) {
                    return false;
                }
            }
            true
        };
        timeout(most, flushing).await.unwrap_or(false)
    }

    /// Whether something waits to be written.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.shared.state();
        state.is_writing || !state.queue.is_empty()
    }

    /// Whether the reader of results is gone.
    pub(crate) fn are_results_closed(&self) -> bool {
        self.shared.state().are_results_closed
    }

    /// How many log lines were dropped since the start.
    pub(crate) fn lines_dropped(&self) -> u64 {
        self.shared.state().queue.dropped()
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl State {
    fn is_closed(&self, kind: Kind) -> bool {
        match kind {
            Kind::Result => self.are_results_closed,
            Kind::Log => self.is_log_closed,
        }
    }

    fn close(&mut self, kind: Kind) {
        match kind {
            Kind::Result => self.are_results_closed = true,
            Kind::Log => self.is_log_closed = true,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn destination(&self) -> MutexGuard<'_, Box<dyn Destination>> {
        self.destination
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut destination = self.destination();
        loop {
            let next = self.next();
            self.write(&next, destination.as_mut());
        }
    }

    /// Writes what waits, on the thread that calls.
    fn write_all(&self) {
        // Another thread that is at it writes this as well.
        if let Ok(mut destination) = self.destination.try_lock() {
            while let Some(next) = { self.state().queue.pop() } {
                self.write(&next, destination.as_mut());
            }
        }
    }

    /// Waits for the next entry.
    fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            if let Some(next) = state.queue.pop() {
                state.is_writing = true;
                return next;
            }
            let waiting = self.added.wait(state);
            state = waiting.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, next: &Next, destination: &mut dyn Destination) {
        let progress = || self.progress.send_modify(|it| it.pieces += 1);
        if next.dropped > 0 {
            self.report(next.dropped, destination, &progress);
        }
        let Entry { kind, bytes, .. } = &next.entry;
        let is_closed = self.state().is_closed(*kind);
        if !is_closed {
            match destination.write(*kind, bytes, &progress) {
                Delivery::Written => {}
                Delivery::Lost if *kind == Kind::Log => self.state().queue.lose(&next.entry),
                Delivery::Lost => {}
                Delivery::Closed => self.state().close(*kind),
            }
        }
        self.state().is_writing = false;
        self.progress.send_modify(|it| it.done = next.number);
    }

    fn report(&self, dropped: u64, destination: &mut dyn Destination, progress: &dyn Fn()) {
        let report = destination.report(dropped);
        if !report.is_empty() && destination.write(Kind::Log, &report, progress) == Delivery::Lost {
            self.state().queue.report_later(dropped);
        }
    }
}

#[cfg(test)]
mod tests;
