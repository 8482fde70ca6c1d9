//! Changes to rows, in one transaction.

use std::time::SystemTime;

use sqlx::{Connection, SqliteConnection};

use super::batch::Prepared;
use super::holds;
use super::schema::{self, VERSION};
use super::statements::{
    ACCEPT, ADD_ANSWERS, ADD_ATTEMPT, ADD_DURATION, ATTEMPTED, END, LEARN, NOTE, OWE, PART, PRUNE,
    REPLAY, SEEN_AT, SHIFT_TIMES, TO_JOIN,
};
use super::values;
use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, DeliveryState, Fence, Progress, ProjectName, Ran,
    Watch, WatchId, WatchRecord,
};
use crate::sanitize::ForeignText;
use crate::store::changes::{Step, changed, distinct, done_each, done_if, kind};
use crate::store::columns::{due, duration_millis, joined, millis};
use crate::store::{Change, Effect, PRUNED_AT_ONCE};

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

/// Notes that a copy isn't finished, or that it is: by a row that a store without a copy lacks.
pub(super) async fn mark_unfinished(
    connection: &mut SqliteConnection,
    is_unfinished: bool,
) -> sqlx::Result<()> {
    let sql = if is_unfinished {
        "INSERT INTO tally VALUES ('copying', 1) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM tally WHERE what = 'copying'"
    };
    sqlx::query(sql).execute(connection).await.map(drop)
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
    let mut learned = Vec::new();
    let mut effects = Vec::new();
    for change in changes {
        match change {
            Change::Accept(watch) => watches.push(watch),
            Change::AcceptAll(watches) => {
                let accepted = accept(connection, &watches.iter().collect::<Vec<_>>()).await?;
                effects.push(Effect::Each(accepted));
            }
            Change::Note { .. } | Change::End { .. } | Change::Release { .. } => {
                steps.extend(Step::of(change));
            }
            Change::Owe(deliveries) => {
                let owed = owe(connection, &deliveries.iter().collect::<Vec<_>>()).await?;
                effects.push(done_if(owed.contains(&true)));
            }
            Change::Attempted {
                delivery_id,
                attempt,
                state,
                ..
            } => attempts.push((*delivery_id, attempt, *state)),
            Change::Replay { delivery_id, due } => replays.push((*delivery_id, *due)),
            Change::Learn { project, ran } => learned.push((project, ran)),
            Change::Prune(before) => effects.push(prune(connection, *before).await?),
            Change::Hold(change) => {
                holds::store(connection, change).await?;
                effects.push(Effect::Done);
            }
            Change::SeenAt(now) => effects.push(seen_at(connection, *now).await?),
            Change::ShiftTimes { by_millis } => {
                effects.push(shift_times(connection, *by_millis).await?);
            }
        }
    }
    effects.extend(accept(connection, &watches).await?);
    effects.extend(proceed(connection, &steps).await?);
    effects.extend(attempted(connection, &attempts).await?);
    effects.extend(replay(connection, &replays).await?);
    effects.extend(learn(connection, &learned).await?);
    Ok(effects)
}

async fn seen_at(connection: &mut SqliteConnection, now: SystemTime) -> sqlx::Result<Effect> {
    sqlx::query(SEEN_AT)
        .bind(millis(now))
        .execute(connection)
        .await?;
    Ok(Effect::Done)
}

async fn shift_times(connection: &mut SqliteConnection, by: i64) -> sqlx::Result<Effect> {
    for statement in SHIFT_TIMES {
        sqlx::query(statement)
            .bind(by)
            .execute(&mut *connection)
            .await?;
    }
    Ok(Effect::Done)
}

async fn accept(
    connection: &mut SqliteConnection,
    watches: &[&Watch],
) -> sqlx::Result<Vec<Effect>> {
    let id = |watch: &&Watch| *watch.id.as_bytes();
    let new = ACCEPT
        .run(connection, watches, id, |query, watch| {
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
                fence: Fence::FIRST,
            }
        } else {
            join(connection, watch).await?
        };
        effects.push(Effect::Accepted {
            record: Box::new(record),
            joined: !new,
            held: true,
        });
    }
    Ok(effects)
}

/// Joins the watch that there is for the job.
async fn join(connection: &mut SqliteConnection, watch: &Watch) -> sqlx::Result<WatchRecord> {
    let row = sqlx::query(TO_JOIN)
        .bind(watch.job_id.as_str())
        .bind(watch.project.as_str())
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
    let mut effects = Vec::with_capacity(steps.len());
    for steps in distinct(steps, Step::id) {
        effects.extend(proceed_each(connection, steps).await?);
    }
    Ok(effects)
}

/// Steps of different watches, whose order is of no matter.
async fn proceed_each(
    connection: &mut SqliteConnection,
    steps: &[Step<'_>],
) -> sqlx::Result<Vec<Effect>> {
    let (ends, notes): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| step.end.is_some());
    let id = |step: &&Step| step.id();
    let noted = NOTE.run(connection, &notes, id, bind_note).await?;
    let ended = END.run(connection, &ends, id, bind_end).await?;
    let (mut noted, mut ended) = (noted.into_iter(), ended.into_iter());
    let took: Vec<bool> = steps
        .iter()
        .map(|step| match step.end {
            Some(_) => ended.next() == Some(true),
            None => noted.next() == Some(true),
        })
        .collect();
    let parted: Vec<&Step> = changed(steps, &took)
        .filter(|step| step.end.is_some_and(|end| !end.outcome.is_of_the_job()))
        .collect();
    PART.execute(connection, &parted, |query, step| {
        query.bind(step.watch_id.as_bytes().as_slice())
    })
    .await?;
    let answers: Vec<(WatchId, &Answers)> = changed(steps, &took)
        .flat_map(|step| step.answers.iter().map(|one| (step.watch_id, one)))
        .collect();
    ADD_ANSWERS
        .execute(connection, &answers, |query, (watch_id, answers)| {
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
        .execute(connection, &durations, |query, (watch_id, ran)| {
            query
                .bind(watch_id.as_bytes().as_slice())
                .bind(ran.job_type.raw())
                .bind(millis(ran.began))
                .bind(duration_millis(ran.took))
        })
        .await?;
    Ok(done_each(took))
}

fn bind_note(query: Prepared, step: &&Step<'_>) -> Prepared {
    let job = step.progress.job.as_ref();
    query
        .bind(step.watch_id.as_bytes().as_slice())
        .bind(step.progress.polls)
        .bind(job.map(|job| job.status.raw()))
        .bind(job.and_then(|job| Some(job.job_type.as_ref()?.raw())))
        .bind(job.and_then(|job| job.begin_time).map(millis))
        .bind(job.and_then(|job| job.end_time).map(millis))
        .bind(job.and_then(|job| job.fail_reason.as_ref().map(ForeignText::raw)))
}

fn bind_end(query: Prepared, step: &&Step<'_>) -> Prepared {
    let fault = step.end.and_then(|end| end.fault.as_ref());
    bind_note(query, step)
        .bind(step.end.map(|end| end.outcome.as_str()))
        .bind(step.end.map(|end| millis(end.at)))
        .bind(fault.and_then(|fault| fault.http_status))
        .bind(fault.and_then(|fault| fault.code.as_ref().map(ForeignText::raw)))
        .bind(fault.map(|fault| fault.message.raw()))
        .bind(fault.and_then(|fault| fault.request_id.as_ref().map(ForeignText::raw)))
}

/// Adds what is owed for watches that have ended; says for each whether it is new.
async fn owe(
    connection: &mut SqliteConnection,
    deliveries: &[&Delivery],
) -> sqlx::Result<Vec<bool>> {
    let id = |delivery: &&Delivery| *delivery.id.as_bytes();
    OWE.run(connection, deliveries, id, |query, delivery| {
        query
            .bind(delivery.id.as_bytes().as_slice())
            .bind(delivery.watch_id.as_bytes().as_slice())
            .bind(delivery.hook.as_str())
            .bind(&delivery.body)
            .bind(millis(delivery.created_at))
            .bind(delivery.state.as_str())
            .bind(due(delivery.state))
            .bind(delivery.attempts)
            .bind(delivery.tries)
    })
    .await
}

async fn attempted(
    connection: &mut SqliteConnection,
    attempts: &[(DeliveryId, &Attempt, DeliveryState)],
) -> sqlx::Result<Vec<Effect>> {
    let id = |(id, ..): &(DeliveryId, &Attempt, DeliveryState)| *id.as_bytes();
    let new = ADD_ATTEMPT
        .run(connection, attempts, id, |query, (id, attempt, _)| {
            query
                .bind(id.as_bytes().as_slice())
                .bind(attempt.number)
                .bind(millis(attempt.at))
                .bind(duration_millis(attempt.took))
                .bind(attempt.answer.as_str())
                .bind(attempt.delivered)
        })
        .await?;
    let made: Vec<_> = changed(attempts, &new).copied().collect();
    for made in distinct(&made, id) {
        ATTEMPTED
            .execute(connection, made, |query, (id, _, state)| {
                query
                    .bind(id.as_bytes().as_slice())
                    .bind(state.as_str())
                    .bind(due(*state))
            })
            .await?;
    }
    Ok(done_each(new))
}

async fn replay(
    connection: &mut SqliteConnection,
    replays: &[(DeliveryId, SystemTime)],
) -> sqlx::Result<Vec<Effect>> {
    let id = |(id, _): &(DeliveryId, SystemTime)| *id.as_bytes();
    let known = REPLAY
        .run(connection, replays, id, |query, (id, due)| {
            query.bind(id.as_bytes().as_slice()).bind(millis(*due))
        })
        .await?;
    Ok(done_each(known))
}

async fn learn(
    connection: &mut SqliteConnection,
    learned: &[(&ProjectName, &Ran)],
) -> sqlx::Result<Vec<Effect>> {
    LEARN
        .execute(connection, learned, |query, (project, ran)| {
            query
                .bind(project.as_str())
                .bind(ran.job_type.raw())
                .bind(millis(ran.began))
                .bind(duration_millis(ran.took))
        })
        .await?;
    Ok(vec![Effect::Done; learned.len()])
}

async fn prune(connection: &mut SqliteConnection, before: SystemTime) -> sqlx::Result<Effect> {
    let done = sqlx::query(PRUNE)
        .bind(millis(before))
        .bind(i64::try_from(PRUNED_AT_ONCE).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(Effect::Pruned(done.rows_affected()))
}
