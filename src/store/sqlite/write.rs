//! Changes to rows, in one transaction.

use std::time::SystemTime;

use sqlx::{Connection, SqliteConnection};

use super::batch::{Batch, Prepared, batch};
use super::schema::{self, VERSION};
use super::values::{self, duration_millis, joined, millis, select_watch};
use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, DeliveryState, End, Progress, Ran, Watch, WatchId,
    WatchRecord,
};
use crate::store::{Change, Effect, PRUNED_AT_ONCE};

const ACCEPT: Batch = batch!(
    "INSERT INTO watch (id, project, job_id, hooks, accepted_at, deadline_at, polls) \
     VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING;"
);

const TO_JOIN: &str = select_watch!(
    "WHERE project = ? AND job_id = ? AND (outcome IS NULL OR outcome IN ('succeeded', 'failed'))"
);

const PROCEED: Batch = batch!(
    "UPDATE watch SET polls = ?, job_status = ?, job_type = ?, job_begin = ?, job_end = ?, \
     job_fail_reason = ?, outcome = ?, ended_at = ?, fault_status = ?, fault_code = ?, \
     fault_message = ?, fault_request_id = ? WHERE id = ? AND outcome IS NULL;"
);

const ADD_ANSWERS: Batch = batch!(
    "INSERT INTO answers (watch_id, answer, count, first_at, last_at) VALUES (?, ?, ?, ?, ?);"
);

const OWE: Batch = batch!(
    "INSERT INTO delivery (id, watch_id, hook, body, created_at, state, due, attempts, tries) \
     SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM watch WHERE id = ? AND outcome IS NOT NULL \
     ON CONFLICT (watch_id, hook) DO NOTHING;"
);

const ADD_DURATION: Batch = batch!(
    "INSERT INTO duration (project, job_type, began, took) SELECT project, ?, ?, ? FROM watch \
     WHERE id = ?;"
);

const ADD_ATTEMPT: Batch = batch!(
    "INSERT INTO attempt (delivery_id, number, at, took, answer, delivered) \
     SELECT id, ?, ?, ?, ?, ? FROM delivery WHERE id = ? ON CONFLICT DO NOTHING;"
);

const ATTEMPTED: Batch = batch!(
    "UPDATE delivery SET state = ?, due = ?, attempts = attempts + 1, tries = tries + 1 \
     WHERE id = ?;"
);

const REPLAY: Batch =
    batch!("UPDATE delivery SET state = 'pending', due = ?, tries = 0 WHERE id = ?;");

/// Forgets with the watch what refers to it.
const PRUNE: &str = "DELETE FROM watch WHERE id IN ( \
     SELECT id FROM watch WHERE ended_at < ? AND NOT EXISTS ( \
     SELECT 1 FROM delivery WHERE watch_id = watch.id AND state <> 'delivered') \
     ORDER BY ended_at LIMIT ?)";

/// How far a watch has come, or how it ended.
struct Step<'a> {
    watch_id: WatchId,
    progress: &'a Progress,
    end: Option<&'a End>,
    answers: &'a [Answers],
    deliveries: &'a [Delivery],
    ran: Option<&'a Ran>,
}

impl<'a> Step<'a> {
    fn of(change: &'a Change) -> Option<Self> {
        match change {
            Change::Note {
                watch_id,
                progress,
                answers,
            } => Some(Self {
                watch_id: *watch_id,
                progress,
                end: None,
                answers,
                deliveries: &[],
                ran: None,
            }),
            Change::End {
                watch_id,
                progress,
                end,
                answers,
                deliveries,
                ran,
            } => Some(Self {
                watch_id: *watch_id,
                progress,
                end: Some(end),
                answers,
                deliveries,
                ran: ran.as_ref(),
            }),
            _ => None,
        }
    }
}

/// Stores the changes, all or none.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    changes: &[Change],
) -> sqlx::Result<Vec<Effect>> {
    // A transaction that begins as a reader can't always become a writer.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if changes.is_empty() {
        // A row that stays as it is would not be written.
        schema::mark(&mut transaction, VERSION).await?;
    }
    let mut effects = Vec::with_capacity(changes.len());
    for alike in changes.chunk_by(|one, next| kind(one) == kind(next)) {
        effects.extend(store_alike(&mut transaction, alike).await?);
    }
    transaction.commit().await?;
    Ok(effects)
}

/// Changes in a row that are of one kind are stored together.
fn kind(change: &Change) -> u8 {
    match change {
        Change::Accept(_) => 0,
        Change::Note { .. } | Change::End { .. } => 1,
        Change::Owe(_) => 2,
        Change::Attempted { .. } => 3,
        Change::Replay { .. } => 4,
        Change::Prune(_) => 5,
    }
}

/// Stores changes of one kind.
async fn store_alike(
    connection: &mut SqliteConnection,
    changes: &[Change],
) -> sqlx::Result<Vec<Effect>> {
    let mut watches = Vec::new();
    let mut steps = Vec::new();
    let mut attempts = Vec::new();
    let mut replays = Vec::new();
    let mut effects = Vec::new();
    for change in changes {
        match change {
            Change::Accept(watch) => watches.push(watch),
            Change::Note { .. } | Change::End { .. } => steps.extend(Step::of(change)),
            Change::Owe(deliveries) => {
                let owed = owe(connection, &deliveries.iter().collect::<Vec<_>>()).await?;
                effects.push(done_if(owed.contains(&true)));
            }
            Change::Attempted {
                delivery_id,
                attempt,
                state,
            } => attempts.push((*delivery_id, attempt, *state)),
            Change::Replay { delivery_id, due } => replays.push((*delivery_id, *due)),
            Change::Prune(before) => effects.push(prune(connection, *before).await?),
        }
    }
    effects.extend(accept(connection, &watches).await?);
    effects.extend(proceed(connection, &steps).await?);
    effects.extend(attempted(connection, &attempts).await?);
    effects.extend(replay(connection, &replays).await?);
    Ok(effects)
}

fn done_if(changed: bool) -> Effect {
    if changed {
        Effect::Done
    } else {
        Effect::Nothing
    }
}

/// Those of the rows that changed something.
fn changed<'a, T>(rows: &'a [T], changed: &'a [bool]) -> impl Iterator<Item = &'a T> {
    let pairs = rows.iter().zip(changed);
    pairs.filter_map(|(row, changed)| changed.then_some(row))
}

fn done_each(changed: Vec<bool>) -> Vec<Effect> {
    changed.into_iter().map(done_if).collect()
}

async fn accept(
    connection: &mut SqliteConnection,
    watches: &[&Watch],
) -> sqlx::Result<Vec<Effect>> {
    let new = ACCEPT
        .run(connection, watches, |query, watch| {
            query
                .bind(watch.id.as_bytes().as_slice())
                .bind(watch.project.as_str())
                .bind(watch.job_id.as_str())
                .bind(joined(&watch.hooks))
                .bind(millis(watch.accepted_at))
                .bind(watch.deadline_at.map(millis))
        })
        .await?;
    let mut effects = Vec::with_capacity(watches.len());
    for (watch, new) in watches.iter().zip(new) {
        let record = if new {
            WatchRecord {
                watch: (*watch).clone(),
                progress: Progress::default(),
                end: None,
            }
        } else {
            join(connection, watch).await?
        };
        effects.push(Effect::Accepted {
            record: Box::new(record),
            joined: !new,
        });
    }
    Ok(effects)
}

/// Joins the watch that there is for the job.
async fn join(connection: &mut SqliteConnection, watch: &Watch) -> sqlx::Result<WatchRecord> {
    let row = sqlx::query(TO_JOIN)
        .bind(watch.project.as_str())
        .bind(watch.job_id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let mut record = values::watch(&row)?;
    if record.watch.join(&watch.hooks) {
        sqlx::query("UPDATE watch SET hooks = ? WHERE id = ?")
            .bind(joined(&record.watch.hooks))
            .bind(record.watch.id.as_bytes().as_slice())
            .execute(connection)
            .await?;
    }
    Ok(record)
}

async fn proceed(
    connection: &mut SqliteConnection,
    steps: &[Step<'_>],
) -> sqlx::Result<Vec<Effect>> {
    let took = PROCEED.run(connection, steps, bind_step).await?;
    let answers: Vec<(WatchId, &Answers)> = changed(steps, &took)
        .flat_map(|step| step.answers.iter().map(|one| (step.watch_id, one)))
        .collect();
    ADD_ANSWERS
        .run(connection, &answers, |query, (watch_id, answers)| {
            query
                .bind(watch_id.as_bytes().as_slice())
                .bind(&*answers.answer)
                .bind(answers.count)
                .bind(millis(answers.first_at))
                .bind(millis(answers.last_at))
        })
        .await?;
    let deliveries: Vec<&Delivery> = changed(steps, &took)
        .flat_map(|step| step.deliveries)
        .collect();
    owe(connection, &deliveries).await?;
    let durations: Vec<(WatchId, &Ran)> = changed(steps, &took)
        .filter_map(|step| Some((step.watch_id, step.ran?)))
        .collect();
    ADD_DURATION
        .run(connection, &durations, |query, (watch_id, ran)| {
            query
                .bind(&*ran.job_type)
                .bind(millis(ran.began))
                .bind(duration_millis(ran.took))
                .bind(watch_id.as_bytes().as_slice())
        })
        .await?;
    Ok(done_each(took))
}

fn bind_step(query: Prepared, step: &Step<'_>) -> Prepared {
    let job = step.progress.job.as_ref();
    let fault = step.end.and_then(|end| end.fault.as_ref());
    query
        .bind(step.progress.polls)
        .bind(job.map(|job| job.status.as_str()))
        .bind(job.and_then(|job| job.job_type.as_deref()))
        .bind(job.and_then(|job| job.begin_time).map(millis))
        .bind(job.and_then(|job| job.end_time).map(millis))
        .bind(job.and_then(|job| job.fail_reason.as_deref()))
        .bind(step.end.map(|end| end.outcome.as_str()))
        .bind(step.end.map(|end| millis(end.at)))
        .bind(fault.and_then(|fault| fault.http_status))
        .bind(fault.and_then(|fault| fault.code.as_deref()))
        .bind(fault.map(|fault| fault.message.as_str()))
        .bind(fault.and_then(|fault| fault.request_id.as_deref()))
        .bind(step.watch_id.as_bytes().as_slice())
}

/// Adds what is owed for watches that have ended; says for each whether it is new.
async fn owe(
    connection: &mut SqliteConnection,
    deliveries: &[&Delivery],
) -> sqlx::Result<Vec<bool>> {
    OWE.run(connection, deliveries, |query, delivery| {
        query
            .bind(delivery.id.as_bytes().as_slice())
            .bind(delivery.hook.as_str())
            .bind(&delivery.body)
            .bind(millis(delivery.created_at))
            .bind(delivery.state.as_str())
            .bind(due(delivery.state))
            .bind(delivery.attempts)
            .bind(delivery.tries)
            .bind(delivery.watch_id.as_bytes().as_slice())
    })
    .await
}

fn due(state: DeliveryState) -> Option<i64> {
    match state {
        DeliveryState::Pending(due) => Some(millis(due)),
        DeliveryState::Delivered | DeliveryState::Dead => None,
    }
}

async fn attempted(
    connection: &mut SqliteConnection,
    attempts: &[(DeliveryId, &Attempt, DeliveryState)],
) -> sqlx::Result<Vec<Effect>> {
    let new = ADD_ATTEMPT
        .run(connection, attempts, |query, (id, attempt, _)| {
            query
                .bind(attempt.number)
                .bind(millis(attempt.at))
                .bind(duration_millis(attempt.took))
                .bind(attempt.answer.as_str())
                .bind(attempt.delivered)
                .bind(id.as_bytes().as_slice())
        })
        .await?;
    let made: Vec<_> = changed(attempts, &new).collect();
    ATTEMPTED
        .run(connection, &made, |query, (id, _, state)| {
            query
                .bind(state.as_str())
                .bind(due(*state))
                .bind(id.as_bytes().as_slice())
        })
        .await?;
    Ok(done_each(new))
}

async fn replay(
    connection: &mut SqliteConnection,
    replays: &[(DeliveryId, SystemTime)],
) -> sqlx::Result<Vec<Effect>> {
    let known = REPLAY
        .run(connection, replays, |query, (id, due)| {
            query.bind(millis(*due)).bind(id.as_bytes().as_slice())
        })
        .await?;
    Ok(done_each(known))
}

async fn prune(connection: &mut SqliteConnection, before: SystemTime) -> sqlx::Result<Effect> {
    let done = sqlx::query(PRUNE)
        .bind(millis(before))
        .bind(i64::try_from(PRUNED_AT_ONCE).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(Effect::Pruned(done.rows_affected()))
}
