//! The changes by which a store comes to hold what another one does.

use crate::model::{
    Answers, Attempt, Delivery, DeliveryState, Fence, Progress, WatchId, WatchRecord,
};
use crate::store::Change;

/// What is to be stored of a watch beside that it was accepted.
pub(super) fn step(record: WatchRecord, answers: Vec<Answers>, fence: Fence) -> Option<Change> {
    let watch_id: WatchId = record.watch.id;
    let progress = record.progress;
    match record.end {
        Some(end) => Some(Change::End {
            watch_id,
            fence,
            progress,
            end,
            answers,
            deliveries: Vec::new(),
            // Durations are copied as they are kept, also those without a watch.
            ran: None,
        }),
        None if progress == Progress::default() && answers.is_empty() => None,
        None => Some(Change::Note {
            watch_id,
            fence,
            progress,
            answers,
        }),
    }
}

/// A delivery with its attempts.
pub(super) type Tried = (Delivery, Vec<Attempt>);

/// The attempts before the last replay, and those since.
pub(super) fn parts((delivery, attempts): &Tried) -> (&[Attempt], &[Attempt]) {
    let since_replay = attempts.len().min(delivery.tries as usize);
    attempts.split_at(attempts.len() - since_replay)
}

/// The changes by which deliveries come to be, and are tried; or else tried until their last replay,
/// and replayed: [`retried`] has the rest of those.
pub(super) fn owed<'a>(all: impl Iterator<Item = &'a Tried>) -> Vec<Change> {
    let (mut owe, mut tried, mut replays) = (Vec::new(), Vec::new(), Vec::new());
    for kept in all {
        let (delivery, attempts) = kept;
        let mut bare = delivery.clone();
        bare.fence = Fence::FIRST;
        if !attempts.is_empty() {
            bare.state = DeliveryState::Pending(delivery.created_at);
            bare.attempts = delivery.attempts.saturating_sub(attempts.len() as u32);
            bare.tries = 0;
        }
        owe.push(bare);
        match parts(kept) {
            ([], since) => tried.extend(attempted(delivery, since, Fence::FIRST)),
            (before, _) => {
                let pending = |one: &Attempt| DeliveryState::Pending(one.at);
                tried.extend(
                    before
                        .iter()
                        .map(|one| attempt_of(delivery, one, Fence::FIRST, pending(one))),
                );
                let due = match delivery.state {
                    DeliveryState::Pending(due) => due,
                    DeliveryState::Delivered | DeliveryState::Dead => delivery.created_at,
                };
                replays.push(Change::Replay {
                    delivery_id: delivery.id,
                    due,
                });
            }
        }
    }
    let mut changes = vec![Change::Owe(owe)];
    changes.extend(tried);
    changes.extend(replays);
    changes
}

/// The attempts since the last replay of a delivery, which may have raised its fence to this one.
pub(super) fn retried(kept: &Tried, fence: Fence) -> impl Iterator<Item = Change> {
    attempted(&kept.0, parts(kept).1, fence)
}

/// The last attempts of a delivery, which leave it as it stands.
fn attempted<'a>(
    delivery: &'a Delivery,
    attempts: &'a [Attempt],
    fence: Fence,
) -> impl Iterator<Item = Change> + 'a {
    attempts.iter().enumerate().map(move |(index, one)| {
        let is_last = index + 1 == attempts.len();
        let state = if is_last {
            delivery.state
        } else {
            DeliveryState::Pending(one.at)
        };
        attempt_of(delivery, one, fence, state)
    })
}

fn attempt_of(
    delivery: &Delivery,
    attempt: &Attempt,
    fence: Fence,
    state: DeliveryState,
) -> Change {
    Change::Attempted {
        delivery_id: delivery.id,
        fence,
        attempt: attempt.clone(),
        state,
    }
}
