//! The statements that change rows, each for many rows at once: an array a column.
//!
//! How each is to be carried out must not depend on what the database believes of its tables, as that
//! may be hours old: rows are found by their IDs, `= ANY($n)`, and what is to become of them by a hash
//! (see [`PLANNING`]). What else is asked of a row is written so that no index is of it.
//!
//! Whatever takes something into possession asks within the same statement whether the instance is
//! alive, and keeps it from being declared dead until the transaction is over. So nothing is ever of
//! an instance that has been forgotten.

use super::values::with_watch;

/// Leaves the database only this way: nothing is read from one end to the other, and no list is gone
/// through for each row. A plan serves as long as its connection.
pub(super) const PLANNING: [(&str, &str); 3] = [
    ("enable_seqscan", "off"),
    ("enable_nestloop", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// Rows of those that are new, and by whom they are held: `$7`, for those that there is room for, if
/// that is alive.
pub(super) const ACCEPT: &str = "WITH me AS ( \
     SELECT id FROM instance WHERE id = $7 AND NOT dead FOR KEY SHARE) \
     INSERT INTO watch (id, project, job_id, hooks, accepted_at, deadline_at, owner, fence) \
     SELECT new.id, project, job_id, hooks, accepted_at, deadline_at, \
     CASE WHEN mine THEN coalesce((SELECT me.id FROM me), 0) ELSE 0 END, 1 \
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], \
     $8::boolean[]) AS new(id, project, job_id, hooks, accepted_at, deadline_at, mine) \
     ON CONFLICT DO NOTHING RETURNING id, owner";

pub(super) const TO_JOIN: &str = with_watch!(
    "SELECT",
    ", watch.owner FROM watch \
     JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS new(job_id, project)) AS new \
     ON watch.job_id = new.job_id AND watch.project = new.project \
     WHERE watch.job_id = ANY($1) AND joinable ORDER BY watch.id FOR NO KEY UPDATE OF watch"
);

pub(super) const JOIN: &str = "UPDATE watch SET hooks = new.hooks, \
     hooks_changed = hooks_changed OR owner <> $3 \
     FROM unnest($1::uuid[], $2::text[]) AS new(id, hooks) \
     WHERE watch.id = ANY($1) AND watch.id = new.id";

// No index is of a sum, nor of those without an end.
pub(super) const NOTE: &str = "UPDATE watch SET polls = new.polls, job_status = status, \
     job_type = type, job_begin = begin_at, job_end = end_at, job_fail_reason = reason \
     FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], \
     $8::bigint[], $9::text[]) \
     AS new(id, fence, polls, status, type, begin_at, end_at, reason) \
     WHERE watch.id = ANY($2) AND watch.id = new.id AND ended_at IS NULL AND owner + 0 = $1 \
     AND watch.fence = new.fence RETURNING watch.id";

/// Apart from [`NOTE`], as it changes what indexes are of.
pub(super) const END: &str = "UPDATE watch SET polls = new.polls, job_status = status, \
     job_type = type, job_begin = begin_at, job_end = end_at, job_fail_reason = reason, \
     outcome = how, ended_at = at, fault_status = http_status, fault_code = code, \
     fault_message = message, fault_request_id = request_id, \
     joinable = CASE WHEN of_the_job THEN joinable END \
     FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], \
     $8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::integer[], $13::text[], \
     $14::text[], $15::text[], $16::boolean[]) \
     AS new(id, fence, polls, status, type, begin_at, end_at, reason, how, at, http_status, code, \
     message, request_id, of_the_job) \
     WHERE watch.id = ANY($2) AND watch.id = new.id AND ended_at IS NULL AND owner + 0 = $1 \
     AND watch.fence = new.fence RETURNING watch.id, hooks";

pub(super) const RELEASE: &str = "UPDATE watch SET owner = 0 WHERE id = ANY($1) AND owner = $2";

pub(super) const ADD_ANSWERS: &str = "INSERT INTO answers \
     (watch_id, answer, count, first_at, last_at) \
     SELECT watch_id, answer, count, first_at, last_at \
     FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY \
     AS new(watch_id, answer, count, first_at, last_at, place) ORDER BY place";

pub(super) const OWE: &str = "WITH me AS ( \
     SELECT id FROM instance WHERE id = $1 AND NOT dead FOR KEY SHARE) \
     INSERT INTO delivery (id, watch_id, hook, body, created_at, state, due, attempts, tries, \
     fence, owner) \
     SELECT new.id, watch_id, hook, body, created_at, state, due, attempts, tries, new.fence, \
     coalesce((SELECT me.id FROM me), 0) \
     FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], \
     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) WITH ORDINALITY \
     AS new(id, watch_id, hook, body, created_at, state, due, attempts, tries, fence, place) \
     JOIN watch ON watch.id = watch_id \
     WHERE watch.id = ANY($3) AND coalesce(outcome, '') <> '' ORDER BY place \
     ON CONFLICT (watch_id, hook) DO NOTHING RETURNING id, owner";

pub(super) const ADD_DURATION: &str = "INSERT INTO duration (project, job_type, began, took) \
     SELECT project, new.job_type, began, took \
     FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY \
     AS new(watch_id, job_type, began, took, place) JOIN watch ON watch.id = watch_id \
     WHERE watch.id = ANY($1) ORDER BY place";

pub(super) const LEARN: &str = "INSERT INTO duration (project, job_type, began, took) \
     SELECT project, job_type, began, took \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY \
     AS new(project, job_type, began, took, place) ORDER BY place";

/// The delivery is locked first: what is read of it stays so.
pub(super) const ADD_ATTEMPT: &str = "WITH held AS ( \
     SELECT new.id, number, at, took, answer, delivered \
     FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], \
     $8::boolean[]) AS new(id, fence, number, at, took, answer, delivered) \
     JOIN delivery ON delivery.id = new.id \
     WHERE delivery.id = ANY($2) AND owner + 0 = $1 AND delivery.fence = new.fence FOR NO KEY UPDATE OF delivery) \
     INSERT INTO attempt (delivery_id, number, at, took, answer, delivered) SELECT * FROM held \
     ON CONFLICT DO NOTHING RETURNING delivery_id";

pub(super) const ATTEMPTED: &str = "UPDATE delivery SET state = new.state, due = new.due, \
     attempts = attempts + 1, tries = tries + 1 \
     FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS new(id, state, due) \
     WHERE delivery.id = ANY($1) AND delivery.id = new.id";

/// How those stand that are to be replayed. What is joined with a row that is locked may be older than
/// that row, so whether its owner is alive is asked for afterwards.
pub(super) const TO_REPLAY: &str = "SELECT id, state = 'pending', owner FROM delivery \
     WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

pub(super) const ALIVE: &str = "SELECT id FROM instance WHERE id = ANY($1) AND NOT dead";

pub(super) const REPLAY_HERE: &str = "WITH me AS ( \
     SELECT id FROM instance WHERE id = $1 AND NOT dead FOR KEY SHARE) \
     UPDATE delivery SET state = 'pending', due = new.due, tries = 0, wished = FALSE, \
     owner = coalesce((SELECT me.id FROM me), 0), \
     fence = CASE WHEN acquired THEN fence + 1 ELSE fence END \
     FROM unnest($2::uuid[], $3::bigint[], $4::boolean[]) AS new(id, due, acquired) \
     WHERE delivery.id = ANY($2) AND delivery.id = new.id RETURNING owner";

pub(super) const REPLAY_THERE: &str = "UPDATE delivery SET due = new.due, tries = 0, wished = TRUE \
     FROM unnest($1::uuid[], $2::bigint[]) AS new(id, due) \
     WHERE delivery.id = ANY($1) AND delivery.id = new.id";

/// Here one list is gone through for each row, and few are. It takes as long as it takes: who waits for it
/// does so for longer as well.
pub(super) const BEFORE_PRUNING: &str =
    "SET LOCAL enable_nestloop = on; SET LOCAL statement_timeout = '30s'";

/// What may be forgotten, as it looks before it is locked.
pub(super) const TO_PRUNE: &str = "SELECT id FROM watch WHERE ended_at < $1 AND NOT EXISTS ( \
     SELECT 1 FROM delivery WHERE watch_id = watch.id AND state <> 'delivered') \
     ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Forgets with the watch what refers to it.
pub(super) const PRUNE: &str = "DELETE FROM watch WHERE id = ANY($1) AND NOT EXISTS ( \
     SELECT 1 FROM delivery WHERE watch_id = watch.id AND state <> 'delivered')";

/// A row that stays as it is is written all the same.
pub(super) const TOUCH: &str = "UPDATE meta SET version = version";

/// What the others are told arrives when the transaction is over.
pub(super) const TELL: &str = "SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word";
