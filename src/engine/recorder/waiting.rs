//! What waits to be stored, and what of it goes into the next transaction.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::super::answer;
use super::task::Request;
use crate::store::{Change, Effect, StoreError};

/// The most changes that go into one transaction, save where one is more by itself. The more there
/// are, the less each costs, as pages and the disk are written once for all; but the first of many
/// outcomes shouldn't wait for the last.
pub(super) const GROUP: usize = 1024;

/// How many of those that are in no hurry go with others that are, where not all can: enough to get
/// on, and too few to hold anybody up.
pub(super) const RIDERS: usize = 128;

/// Who is told what became of a change.
pub(super) enum Reply {
    Store(oneshot::Sender<Result<Effect, StoreError>>),
    Keep(oneshot::Sender<Effect>),
    Nobody,
}

impl Reply {
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Keep(_))
    }

    pub(super) fn done(self, effect: Effect) {
        match self {
            Self::Store(reply) => answer(reply, Ok(effect)),
            Self::Keep(reply) => answer(reply, effect),
            Self::Nobody => {}
        }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are changes, and a box for each would save nothing"
)]
enum Item {
    Change(Change, Reply),
    Pulse(oneshot::Sender<()>),
}

/// What waits, each in the order in which it was asked for.
#[derive(Default)]
pub(super) struct Waiting {
    urgent: VecDeque<Item>,
    /// What is about deliveries. Clients wait for watches, and hooks for ends; but that one has
    /// fired is news to nobody.
    deliveries: VecDeque<(Change, Reply)>,
}

impl Waiting {
    pub(super) fn push(&mut self, change: Change, reply: Reply) {
        match change {
            // One after the other, as a replay may be of what was tried a moment ago.
            Change::Attempted { .. } | Change::Replay { .. } => {
                self.deliveries.push_back((change, reply));
            }
            _ => self.urgent.push_back(Item::Change(change, reply)),
        }
    }

    pub(super) fn push_pulse(&mut self, reply: oneshot::Sender<()>) {
        self.urgent.push_back(Item::Pulse(reply));
    }

    /// Takes out what need not be held: its caller can try again.
    pub(super) fn take_unheld(&mut self) -> Vec<Request> {
        let mut unheld = Vec::new();
        for item in std::mem::take(&mut self.urgent) {
            match item {
                Item::Change(change, Reply::Store(reply)) => {
                    unheld.push(Request::Store(change, reply));
                }
                Item::Pulse(reply) => unheld.push(Request::Pulse(reply)),
                held => self.urgent.push_back(held),
            }
        }
        for (change, reply) in std::mem::take(&mut self.deliveries) {
            match reply {
                Reply::Store(reply) => unheld.push(Request::Store(change, reply)),
                held => self.deliveries.push_back((change, held)),
            }
        }
        unheld
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.deliveries.is_empty()
    }

    /// Takes out what goes into the next transaction.
    pub(super) fn group(&mut self) -> Group {
        let mut group = Group::default();
        let riders = self.deliveries.len().min(RIDERS);
        while group.weight + riders < GROUP {
            match self.urgent.pop_front() {
                Some(Item::Change(change, reply)) => group.push(change, reply),
                Some(Item::Pulse(reply)) => group.pulses.push(reply),
                None => break,
            }
        }
        while group.weight < GROUP
            && let Some((change, reply)) = self.deliveries.pop_front()
        {
            group.push(change, reply);
        }
        group
    }

    /// Gives back the room that a burst took.
    pub(super) fn shrink(&mut self) {
        self.urgent.shrink_to(GROUP);
        self.deliveries.shrink_to(GROUP);
    }
}

/// What goes into one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) changes: Vec<Change>,
    pub(super) replies: Vec<Reply>,
    pub(super) pulses: Vec<oneshot::Sender<()>>,
    /// How many there would be if there were one for each watch.
    weight: usize,
    /// Whether it was held before.
    pub(super) again: bool,
}

impl Group {
    pub(super) fn push(&mut self, change: Change, reply: Reply) {
        self.weight += match &change {
            Change::AcceptAll(watches) => watches.len(),
            _ => 1,
        };
        self.changes.push(change);
        self.replies.push(reply);
    }

    /// Puts like changes together, which a store may well write at once. No two in a group depend
    /// on each other beyond that order: who asks for the second has the answer to the first.
    pub(super) fn sort(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let replies = std::mem::take(&mut self.replies);
        let mut both: Vec<(Change, Reply)> = changes.into_iter().zip(replies).collect();
        both.sort_by_key(|(change, _)| rank(change));
        (self.changes, self.replies) = both.into_iter().unzip();
    }
}

/// Which changes come first.
fn rank(change: &Change) -> u8 {
    match change {
        Change::Accept(_) | Change::AcceptAll(_) => 0,
        // What was noted of a watch is part of its end.
        Change::Note { .. } | Change::End { .. } | Change::Release { .. } => 1,
        Change::Owe(_) => 2,
        Change::Attempted { .. } => 3,
        Change::Replay { .. } => 4,
        Change::Learn { .. }
        | Change::Prune(_)
        | Change::Hold(_)
        | Change::SeenAt(_)
        | Change::ShiftTimes { .. } => 5,
    }
}
