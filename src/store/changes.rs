//! How the forms that are databases take changes apart.

use std::collections::HashSet;

use super::{Change, Effect};
use crate::model::{Answers, Delivery, End, Fence, Progress, Ran, WatchId};

/// Changes in a row that are of one kind are stored together.
pub(super) fn kind(change: &Change) -> u8 {
    match change {
        Change::Accept(_) => 0,
        Change::AcceptAll(_) => 6,
        Change::Note { .. } | Change::End { .. } | Change::Release { .. } => 1,
        Change::Owe(_) => 2,
        Change::Attempted { .. } => 3,
        Change::Replay { .. } => 4,
        Change::Prune(_) => 5,
        Change::Learn { .. } => 7,
        Change::Hold(_) => 8,
        Change::SeenAt(_) | Change::ShiftTimes { .. } => 9,
    }
}

/// How far a watch has come, or how it ended.
pub(super) struct Step<'a> {
    pub(super) watch_id: WatchId,
    pub(super) fence: Fence,
    pub(super) progress: &'a Progress,
    pub(super) end: Option<&'a End>,
    pub(super) answers: &'a [Answers],
    pub(super) deliveries: &'a [Delivery],
    pub(super) ran: Option<&'a Ran>,
    /// Whether it is given up.
    pub(super) released: bool,
}

impl<'a> Step<'a> {
    pub(super) fn id(&self) -> [u8; 16] {
        *self.watch_id.as_bytes()
    }

    pub(super) fn of(change: &'a Change) -> Option<Self> {
        match change {
            Change::Note {
                watch_id,
                fence,
                progress,
                answers,
            }
            | Change::Release {
                watch_id,
                fence,
                progress,
                answers,
            } => Some(Self {
                watch_id: *watch_id,
                fence: *fence,
                progress,
                end: None,
                answers,
                deliveries: &[],
                ran: None,
                released: matches!(change, Change::Release { .. }),
            }),
            Change::End {
                watch_id,
                fence,
                progress,
                end,
                answers,
                deliveries,
                ran,
            } => Some(Self {
                watch_id: *watch_id,
                fence: *fence,
                progress,
                end: Some(end),
                answers,
                deliveries,
                ran: ran.as_ref(),
                released: false,
            }),
            _ => None,
        }
    }
}

/// The rows in parts, none of which has an ID twice: what a statement makes of the first is for the
/// next to see.
pub(super) fn distinct<T>(rows: &[T], id: impl Fn(&T) -> [u8; 16]) -> impl Iterator<Item = &[T]> {
    let mut left = rows;
    std::iter::from_fn(move || {
        let mut seen = HashSet::with_capacity(left.len());
        let end = left.iter().position(|row| !seen.insert(id(row)));
        let (now, later) = left.split_at_checked(end.unwrap_or(left.len()))?;
        left = later;
        (!now.is_empty()).then_some(now)
    })
}

/// Those of the rows that changed something.
pub(super) fn changed<'a, T>(rows: &'a [T], changed: &'a [bool]) -> impl Iterator<Item = &'a T> {
    let pairs = rows.iter().zip(changed);
    pairs.filter_map(|(row, changed)| changed.then_some(row))
}

pub(super) fn done_if(changed: bool) -> Effect {
    if changed {
        Effect::Done
    } else {
        Effect::Nothing
    }
}

pub(super) fn done_each(changed: Vec<bool>) -> Vec<Effect> {
    changed.into_iter().map(done_if).collect()
}
