//! The statements that change rows.

use std::sync::LazyLock;

use super::batch::Batch;
use super::values::select_watch;

pub(super) static ACCEPT: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, project, job_id, hooks, accepted_at, deadline_at",
        "INSERT INTO watch (id, project, job_id, hooks, accepted_at, deadline_at, polls) \
         SELECT *, 0 FROM new WHERE TRUE ON CONFLICT DO NOTHING RETURNING id",
    )
});

pub(super) const TO_JOIN: &str = select_watch!("WHERE job_id = ? AND project = ? AND joinable = 1");

// A unary plus keeps SQLite from looking for the watch by anything but its ID.
pub(super) static NOTE: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, polls, status, type, begin, end, reason",
        "UPDATE watch SET polls = new.polls, job_status = status, job_type = type, \
         job_begin = begin, job_end = end, job_fail_reason = reason FROM new \
         WHERE watch.id = new.id AND +outcome IS NULL RETURNING id",
    )
});

/// Apart from [`NOTE`], as each column that it names takes its indexes with it.
pub(super) static END: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, polls, status, type, begin, end, reason, how, at, http_status, code, message, request_id",
        "UPDATE watch SET polls = new.polls, job_status = status, job_type = type, \
         job_begin = begin, job_end = end, job_fail_reason = reason, outcome = how, ended_at = at, \
         fault_status = http_status, fault_code = code, fault_message = message, \
         fault_request_id = request_id FROM new \
         WHERE watch.id = new.id AND +outcome IS NULL RETURNING id",
    )
});

/// Apart from [`END`] as well: most ends are the job's own.
pub(super) static PART: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id",
        "UPDATE watch SET joinable = NULL FROM new WHERE watch.id = new.id",
    )
});

pub(super) static ADD_ANSWERS: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "watch_id, answer, count, first_at, last_at",
        "INSERT INTO answers (watch_id, answer, count, first_at, last_at) SELECT * FROM new",
    )
});

pub(super) static OWE: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, watch_id, hook, body, created_at, state, due, attempts, tries",
        "INSERT INTO delivery (id, watch_id, hook, body, created_at, state, due, attempts, tries) \
         SELECT new.* FROM new CROSS JOIN watch ON watch.id = watch_id \
         WHERE +outcome IS NOT NULL ON CONFLICT (watch_id, hook) DO NOTHING RETURNING id",
    )
});

pub(super) static ADD_DURATION: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "watch_id, job_type, began, took",
        "INSERT INTO duration (project, job_type, began, took) \
         SELECT project, new.job_type, began, took FROM new CROSS JOIN watch ON watch.id = watch_id",
    )
});

pub(super) static LEARN: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "project, job_type, began, took",
        "INSERT INTO duration (project, job_type, began, took) SELECT * FROM new",
    )
});

pub(super) static ADD_ATTEMPT: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "delivery_id, number, at, took, answer, delivered",
        "INSERT INTO attempt (delivery_id, number, at, took, answer, delivered) \
         SELECT new.* FROM new CROSS JOIN delivery ON delivery.id = delivery_id \
         WHERE TRUE ON CONFLICT DO NOTHING RETURNING delivery_id",
    )
});

pub(super) static ATTEMPTED: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, state, due",
        "UPDATE delivery SET state = new.state, due = new.due, attempts = attempts + 1, \
         tries = tries + 1 FROM new WHERE delivery.id = new.id",
    )
});

pub(super) static REPLAY: LazyLock<Batch> = LazyLock::new(|| {
    Batch::new(
        "id, due",
        "UPDATE delivery SET state = 'pending', due = new.due, tries = 0 FROM new \
         WHERE delivery.id = new.id RETURNING id",
    )
});

pub(super) const SEEN_AT: &str = "INSERT INTO clock VALUES (1, ?) \
     ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";

/// Times that are none, such as the latest of all, stay.
pub(super) const SHIFT_TIMES: [&str; 2] = [
    "UPDATE watch SET accepted_at = accepted_at + ?1, deadline_at = deadline_at + ?1 \
     WHERE outcome IS NULL AND abs(accepted_at) < 1e15 AND abs(ifnull(deadline_at, 0)) < 1e15",
    "UPDATE delivery SET due = due + ?1 WHERE state = 'pending' AND abs(due) < 1e15",
];

/// Forgets with the watch what refers to it.
pub(super) const PRUNE: &str = "DELETE FROM watch WHERE id IN ( \
     SELECT id FROM watch WHERE ended_at < ? AND NOT EXISTS ( \
     SELECT 1 FROM delivery WHERE watch_id = watch.id AND state <> 'delivered') \
     ORDER BY ended_at LIMIT ?)";
