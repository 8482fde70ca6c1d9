//! What a store is given, without an engine.

use std::time::Duration;

use dcs_wait::model::{
    Answers, Attempt, DeliveryId, DeliveryState, End, Fence, Outcome, Progress, Watch, WatchId,
};
use dcs_wait::store::Change;

use super::harness::START;

/// So many watches in one project, each for a job of its own.
pub(super) fn watches(count: u64) -> Vec<Watch> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..count)
        .map(|number| Watch {
            id: WatchId::new(START, &mut random),
            project: "north".parse().unwrap(),
            job_id: format!("job-{number}").parse().unwrap(),
            hooks: [].into(),
            accepted_at: START,
            deadline_at: None,
        })
        .collect()
}

/// The end of a watch whose job succeeded.
pub(super) fn end(watch: &Watch) -> Change {
    Change::End {
        watch_id: watch.id,
        fence: Fence::FIRST,
        progress: Progress::default(),
        end: End {
            outcome: Outcome::Succeeded,
            fault: None,
            at: START,
        },
        answers: vec![answers("SUCCESS")],
        deliveries: Vec::new(),
        ran: None,
    }
}

/// A line of a watch's history.
pub(super) fn answers(answer: &str) -> Answers {
    Answers {
        answer: answer.to_owned().into(),
        count: 1,
        first_at: START,
        last_at: START,
    }
}

/// A first attempt, which delivered.
pub(super) fn attempted(random: &mut fastrand::Rng) -> Change {
    Change::Attempted {
        delivery_id: DeliveryId::new(START, random),
        fence: Fence::FIRST,
        attempt: Attempt {
            number: 1,
            at: START,
            took: Duration::from_millis(1),
            answer: "HTTP 204 No Content".to_owned(),
            delivered: true,
        },
        state: DeliveryState::Delivered,
    }
}
