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

/// The fence after a replay of what nobody holds, which acquires it. A store without leases looks at
/// none.
const REPLAYED: Fence = Fence::new(Fence::FIRST.number() + 1);

/// The changes by which deliveries come to be, are tried, replayed and tried again.
pub(super) fn owed(kept: &[(Delivery, Vec<Attempt>)]) -> Vec<Change> {
    let mut owe = Vec::with_capacity(kept.len());
    let (mut first, mut replays, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for (delivery, attempts) in kept {
        let made = attempts.len() as u32;
        let mut bare = delivery.clone();
        bare.fence = Fence::FIRST;
        if made > 0 {
            bare.state = DeliveryState::Pending(delivery.created_at);
            bare.attempts = delivery.attempts.saturating_sub(made);
            bare.tries = 0;
        }
        owe.push(bare);
        let since_replay = delivery.tries.min(made) as usize;
        let (before, after) = attempts.split_at(attempts.len() - since_replay);
        first.extend(before.iter().map(|one| {
            let state = DeliveryState::Pending(one.at);
            attempted(delivery, Fence::FIRST, one, state)
        }));
        if !before.is_empty() {
            let due = match delivery.state {
                DeliveryState::Pending(due) => due,
                DeliveryState::Delivered | DeliveryState::Dead => delivery.created_at,
            };
            replays.push(Change::Replay {
                delivery_id: delivery.id,
                due,
            });
        }
        let fence = if before.is_empty() {
            Fence::FIRST
        } else {
            REPLAYED
        };
        last.extend(after.iter().enumerate().map(|(index, one)| {
            let state = if index + 1 == after.len() {
                delivery.state
            } else {
                DeliveryState::Pending(one.at)
            };
            attempted(delivery, fence, one, state)
        }));
    }
    let mut changes = vec![Change::Owe(owe)];
    changes.extend(first);
    changes.extend(replays);
    changes.extend(last);
    changes
}

fn attempted(delivery: &Delivery, fence: Fence, attempt: &Attempt, state: DeliveryState) -> Change {
    Change::Attempted {
        delivery_id: delivery.id,
        fence,
        attempt: attempt.clone(),
        state,
    }
}
