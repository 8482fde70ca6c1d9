//! What the recorder's task does: group, commit, answer; and hold what must not be lost while the
//! store can't be written.

mod stall;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::super::answer;
use super::Shared;
use super::waiting::{GROUP, Group, RIDERS, Reply, Waiting};
use crate::clock::SaturatingAdd as _;
use crate::model::Meter;
use crate::store::{Change, Effect, Store, StoreError};

/// How long notes wait for other changes to ride with.
const NOTES_WAIT: Duration = Duration::from_secs(1);

/// How long what is held waits after a try in vain: twice as long each time, within these.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What is asked of the task.
pub(super) enum Request {
    Store(Change, oneshot::Sender<Result<Effect, StoreError>>),
    Keep(Change, oneshot::Sender<Effect>),
    /// There are notes where there were none.
    Noted,
    /// The store may be written again.
    Retry,
    /// The store may not be written any more.
    Probe,
    Pulse(oneshot::Sender<()>),
    Flush(oneshot::Sender<()>),
}

/// The state of the task.
pub(super) struct Task {
    store: Arc<dyn Store>,
    meter: Arc<dyn Meter>,
    requests: UnboundedReceiver<Request>,
    shared: Arc<Shared>,
    waiting: Waiting,
    notes_due: Option<Instant>,
    flushes: Vec<oneshot::Sender<()>>,
    trouble: Option<Trouble>,
    /// Whether to write even where there is nothing to.
    is_probing: bool,
}

/// The store couldn't be written.
struct Trouble {
    /// What may not be lost, the oldest first.
    held: VecDeque<(Change, oneshot::Sender<Effect>)>,
    retry_at: Instant,
    delay: Duration,
    /// How many are tried at once: one at first, so that a change that is never taken can't hold
    /// the others up.
    width: usize,
}

impl Task {
    pub(super) fn new(
        store: Arc<dyn Store>,
        meter: Arc<dyn Meter>,
        requests: UnboundedReceiver<Request>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            store,
            meter,
            requests,
            shared,
            waiting: Waiting::default(),
            notes_due: None,
            flushes: Vec::new(),
            trouble: None,
            is_probing: false,
        }
    }

    pub(super) async fn run(mut self) {
        while self.has_work().await {
            let group = self.group();
            self.commit(group).await;
        }
        self.finish().await;
    }

    /// Comes back with true when there is something to do, and with false when there never will be.
    async fn has_work(&mut self) -> bool {
        loop {
            while let Ok(request) = self.requests.try_recv() {
                self.take_in(request);
            }
            if !self.waiting.is_empty() || self.is_probing {
                return true;
            }
            self.waiting.shrink();
            if !self.flushes.is_empty() && self.is_flushed() {
                self.flushes.drain(..).for_each(|flush| answer(flush, ()));
            }
            let retry_at = self.trouble.as_ref().map(|trouble| trouble.retry_at);
            let due = [retry_at, self.notes_due].into_iter().flatten().min();
            let request = match due {
                Some(due) if due <= Instant::now() => return true,
                Some(due) => tokio::select! {
                    biased;
                    request = self.requests.recv() => request,
                    () = sleep_until(due) => return true,
                },
                None => self.requests.recv().await,
            };
            match request {
                Some(request) => self.take_in(request),
                None => return false,
            }
        }
    }

    fn is_flushed(&self) -> bool {
        let holds = |trouble: &Trouble| !trouble.held.is_empty();
        !self.trouble.as_ref().is_some_and(holds) && self.shared.notes(|notes| notes.is_empty())
    }

    fn take_in(&mut self, request: Request) {
        match (request, &mut self.trouble) {
            (Request::Keep(change, reply), Some(trouble)) => {
                trouble.held.push_back((change, reply));
                self.show_held();
            }
            (Request::Keep(change, reply), None) => {
                self.waiting.push(change, Reply::Keep(reply));
            }
            (Request::Store(change, reply), _) => {
                self.waiting.push(change, Reply::Store(reply));
            }
            (Request::Noted, _) => {
                let wait = match self.flushes.is_empty() {
                    true => NOTES_WAIT,
                    false => Duration::ZERO,
                };
                self.notes_due
                    .get_or_insert(Instant::now().saturating_add(wait));
            }
            (Request::Retry, Some(trouble)) => trouble.retry_at = Instant::now(),
            // In trouble, the store is tried all the time.
            (Request::Retry, None) | (Request::Probe, Some(_)) => {}
            (Request::Probe, None) => self.is_probing = true,
            (Request::Pulse(reply), _) => self.waiting.push_pulse(reply),
            (Request::Flush(reply), trouble) => {
                self.flushes.push(reply);
                let now = Instant::now();
                self.notes_due = self.notes_due.map(|due| due.min(now));
                if let Some(trouble) = trouble {
                    trouble.retry_at = now;
                }
            }
        }
    }

    /// What goes into the next transaction: what is held and due; or else what is waiting, and
    /// notes to ride with it.
    fn group(&mut self) -> Group {
        let now = Instant::now();
        if let Some(trouble) = &mut self.trouble
            && trouble.retry_at <= now
        {
            let mut group = Group::default();
            let count = trouble.width.min(trouble.held.len());
            for (change, reply) in trouble.held.drain(..count) {
                group.push(change, Reply::Keep(reply));
            }
            group.again = true;
            return group;
        }
        let mut group = self.waiting.group();
        let is_due = self.notes_due.is_some_and(|due| due <= now);
        if is_due || !group.changes.is_empty() && self.trouble.is_none() {
            self.add_notes(&mut group);
        }
        group
    }

    fn add_notes(&mut self, group: &mut Group) {
        let most = match group.changes.is_empty() {
            true => GROUP,
            false => RIDERS,
        };
        let (notes, no_more) = self
            .shared
            .notes(|notes| (notes.take(most), notes.is_empty()));
        for note in notes {
            group.push(note, Reply::Nobody);
        }
        if no_more {
            self.notes_due = None;
        }
    }

    async fn commit(&mut self, mut group: Group) {
        group.sort();
        // Where nothing is held, trouble is over when nothing can be written again.
        let is_probing = std::mem::take(&mut self.is_probing);
        if !group.changes.is_empty() || group.again || is_probing {
            let start = Instant::now();
            match self.write(&mut group).await {
                Ok(effects) => {
                    self.meter.committed(group.changes.len(), start.elapsed());
                    self.count_stale(&group.changes, &effects);
                    for (reply, effect) in group.replies.into_iter().zip(effects) {
                        reply.done(effect);
                    }
                    self.recover();
                }
                Err(error) => self.fail(&error, group.changes, group.replies, group.again),
            }
        }
        for pulse in group.pulses {
            answer(pulse, ());
        }
    }

    fn count_stale(&self, changes: &[Change], effects: &[Effect]) {
        let both = changes.iter().zip(effects);
        let is_stale = |(change, effect): &(&Change, &Effect)| {
            change.is_fenced() && matches!(effect, Effect::Nothing)
        };
        match both.filter(is_stale).count() {
            0 => {}
            stale => self.meter.stale(stale),
        }
    }

    /// Something was stored.
    fn recover(&mut self) {
        let Some(trouble) = &mut self.trouble else {
            return;
        };
        if trouble.held.is_empty() {
            tracing::info!("the store is written again");
            self.trouble = None;
            self.shared.trouble(|shown| *shown = None);
        } else {
            trouble.retry_at = Instant::now();
            trouble.delay = RETRY.0;
            trouble.width = (trouble.width * 2).min(GROUP);
            self.show_held();
        }
    }

    /// Nothing of a group was stored.
    fn fail(&mut self, error: &StoreError, changes: Vec<Change>, replies: Vec<Reply>, again: bool) {
        if self.trouble.is_none() {
            tracing::error!(%error, "the store can't be written; what ends is held until it can");
        }
        let now = Instant::now();
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            held: VecDeque::new(),
            retry_at: now.saturating_add(RETRY.0),
            delay: RETRY.0,
            width: 1,
        });
        let mut kept = VecDeque::new();
        let mut noted = Vec::new();
        for (change, reply) in changes.into_iter().zip(replies) {
            match reply {
                Reply::Store(reply) => answer(reply, Err(error.clone())),
                Reply::Keep(reply) => kept.push_back((change, reply)),
                Reply::Nobody => noted.push(change),
            }
        }
        if again {
            trouble.delay = trouble.delay.saturating_mul(2).min(RETRY.1);
            trouble.retry_at = now.saturating_add(trouble.delay);
            trouble.width = 1;
        }
        if again && kept.len() > 1 {
            kept.append(&mut trouble.held);
            trouble.held = kept;
        } else {
            trouble.held.append(&mut kept);
        }
        if !noted.is_empty() {
            self.notes_due = Some(now.saturating_add(RETRY.1));
            self.shared
                .notes(|notes| noted.into_iter().for_each(|note| notes.put_back(note)));
        }
        let held = trouble.held.len();
        self.shared
            .trouble(|shown| *shown = Some((error.to_string(), held)));
    }

    fn show_held(&self) {
        let held = self
            .trouble
            .as_ref()
            .map_or(0, |trouble| trouble.held.len());
        self.shared.trouble(|shown| {
            if let Some((_, shown)) = shown {
                *shown = held;
            }
        });
    }

    /// Nobody is left to ask: stores what was noted, and what is held if that is possible now.
    async fn finish(mut self) {
        while !self.shared.notes(|notes| notes.is_empty()) {
            let notes = self.shared.notes(|notes| notes.take(GROUP));
            if self.store.commit(&notes).await.is_err() {
                break;
            }
        }
        let held = self.trouble.take().map(|trouble| trouble.held);
        let held: Vec<Change> = held
            .into_iter()
            .flatten()
            .map(|(change, _)| change)
            .collect();
        if !held.is_empty()
            && let Err(error) = self.store.commit(&held).await
        {
            tracing::error!(%error, count = held.len(), "what was held is lost; the watches go on with the next start");
        }
    }
}
