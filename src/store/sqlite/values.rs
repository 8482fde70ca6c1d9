//! Rows to values and back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, End, Fault, Fence, Job, JobStatus, JobType, Outcome,
    Progress, ProjectName, Ran, Watch, WatchId, WatchRecord,
};
use crate::sanitize::ForeignText;
use crate::store::Counts;
use crate::store::columns::{BoxError, hooks, state, time};

/// A query for the columns that [`watch`] reads, in its order, with more to follow.
macro_rules! select_watch {
    ($rest:literal) => {
        concat!(
            "SELECT id, project, job_id, hooks, accepted_at, deadline_at, polls, ",
            $crate::store::columns::foreign_text!("job_status"),
            ", ",
            $crate::store::columns::foreign_text!("job_type"),
            ", job_begin, job_end, ",
            $crate::store::columns::foreign_text!("job_fail_reason"),
            ", outcome, ended_at, fault_status, ",
            $crate::store::columns::foreign_text!("fault_code"),
            ", ",
            $crate::store::columns::foreign_text!("fault_message"),
            ", ",
            $crate::store::columns::foreign_text!("fault_request_id"),
            " FROM watch ",
            $rest
        )
    };
}
pub(super) use select_watch;

/// A query for the columns that [`delivery`] reads, in its order, with more to follow; also with
/// something else in the place of the body.
macro_rules! select_delivery {
    ($rest:literal) => {
        select_delivery!("body", $rest)
    };
    ($body:literal, $rest:literal) => {
        concat!(
            "SELECT id, watch_id, hook, ",
            $body,
            ", created_at, state, due, attempts, tries FROM delivery ",
            $rest
        )
    };
}
pub(super) use select_delivery;

fn optional_time(row: &SqliteRow, index: usize) -> Result<Option<SystemTime>, BoxError> {
    row.try_get::<Option<i64>, _>(index)?.map(time).transpose()
}

/// Names the row, where it can't be understood.
fn of_row<T>(table: &'static str, row: &SqliteRow, value: Result<T, BoxError>) -> sqlx::Result<T> {
    value.map_err(|why| {
        let id: Vec<u8> = row.try_get(0).unwrap_or_default();
        let id = <[u8; 16]>::try_from(id.as_slice()).map_or_else(
            |_| format!("x'{}'", hex(&id)),
            |bytes| WatchId::from_bytes(bytes).to_string(),
        );
        sqlx::Error::Decode(format!("{table} {id}: {why}").into())
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ID in a column.
pub(super) fn id_bytes(row: &SqliteRow, index: usize) -> Result<[u8; 16], BoxError> {
    let bytes: &[u8] = row.try_get(index)?;
    Ok(bytes
        .try_into()
        .map_err(|_| format!("an ID has 16 bytes, not {}", bytes.len()))?)
}

/// A watch of [`select_watch`].
pub(super) fn watch(row: &SqliteRow) -> sqlx::Result<WatchRecord> {
    of_row("watch", row, read_watch(row))
}

fn read_watch(row: &SqliteRow) -> Result<WatchRecord, BoxError> {
    Ok(WatchRecord {
        watch: Watch {
            id: WatchId::from_bytes(id_bytes(row, 0)?),
            project: row.try_get::<&str, _>(1)?.parse()?,
            job_id: row.try_get::<&str, _>(2)?.parse()?,
            hooks: hooks(row.try_get(3)?)?,
            accepted_at: time(row.try_get(4)?)?,
            deadline_at: optional_time(row, 5)?,
        },
        progress: Progress {
            polls: row.try_get(6)?,
            job: read_job(row)?.map(Arc::new),
        },
        end: read_end(row)?,
        fence: Fence::FIRST,
    })
}

fn read_job(row: &SqliteRow) -> Result<Option<Job>, BoxError> {
    let Some(status) = row.try_get::<Option<&str>, _>(7)? else {
        return Ok(None);
    };
    Ok(Some(Job {
        status: JobStatus::from(status),
        job_type: row.try_get::<Option<&str>, _>(8)?.map(JobType::from),
        begin_time: optional_time(row, 9)?,
        end_time: optional_time(row, 10)?,
        fail_reason: optional_text(row, 11)?,
    }))
}

fn optional_text(row: &SqliteRow, column: usize) -> sqlx::Result<Option<ForeignText>> {
    let text = row.try_get::<Option<&str>, _>(column)?;
    Ok(text.map(ForeignText::from))
}

fn read_end(row: &SqliteRow) -> Result<Option<End>, BoxError> {
    let Some(word) = row.try_get::<Option<&str>, _>(12)? else {
        return Ok(None);
    };
    let outcome = Outcome::of_word(word).ok_or_else(|| format!("there is no outcome {word:?}"))?;
    let fault = match optional_text(row, 16)? {
        Some(message) => Some(Fault {
            http_status: row.try_get(14)?,
            code: optional_text(row, 15)?,
            message,
            request_id: optional_text(row, 17)?,
        }),
        None => None,
    };
    let at = optional_time(row, 13)?.ok_or("it has ended, but not when")?;
    Ok(Some(End { outcome, fault, at }))
}

/// A line of a watch's history, of the columns `watch_id, answer, count, first_at, last_at`.
pub(super) fn answers(row: &SqliteRow) -> sqlx::Result<Answers> {
    let read = || {
        Ok(Answers {
            answer: row.try_get::<String, _>(1)?.into(),
            count: row.try_get(2)?,
            first_at: time(row.try_get(3)?)?,
            last_at: time(row.try_get(4)?)?,
        })
    };
    of_row("the answers of watch", row, read())
}

/// A delivery of [`select_delivery`].
pub(super) fn delivery(row: &SqliteRow) -> sqlx::Result<Delivery> {
    let read = || {
        Ok(Delivery {
            id: DeliveryId::from_bytes(id_bytes(row, 0)?),
            watch_id: WatchId::from_bytes(id_bytes(row, 1)?),
            hook: row.try_get::<&str, _>(2)?.parse()?,
            body: row.try_get::<&str, _>(3)?.into(),
            created_at: time(row.try_get(4)?)?,
            state: state(row.try_get(5)?, optional_time(row, 6)?)?,
            attempts: row.try_get(7)?,
            tries: row.try_get(8)?,
            fence: Fence::FIRST,
        })
    };
    of_row("delivery", row, read())
}

/// An attempt, of the columns `delivery_id, number, at, took, answer, delivered`.
pub(super) fn attempt(row: &SqliteRow) -> sqlx::Result<Attempt> {
    let read = || {
        Ok(Attempt {
            number: row.try_get(1)?,
            at: time(row.try_get(2)?)?,
            took: Duration::from_millis(u64::try_from(row.try_get::<i64, _>(3)?)?),
            answer: row.try_get(4)?,
            delivered: row.try_get(5)?,
        })
    };
    of_row("the attempts of delivery", row, read())
}

/// How long a job took, of the columns `project, job_type, began, took`. `None` where that makes no
/// sense: it only helps to choose when to ask, and is no reason for a daemon not to start.
pub(super) fn duration(row: &SqliteRow) -> Option<(ProjectName, Ran)> {
    let read = || -> Result<_, BoxError> {
        let began = time(row.try_get(2)?)?;
        let took = Duration::from_millis(u64::try_from(row.try_get::<i64, _>(3)?)?);
        Ok((
            row.try_get::<&str, _>(0)?.parse()?,
            Ran::new(row.try_get::<&str, _>(1)?.into(), began, took),
        ))
    };
    let (project, ran) = read().ok()?;
    Some((project, ran?))
}

/// Counts of active and ended watches, of pending and dead deliveries, and the time of the oldest of
/// those pending.
pub(super) fn counts(row: &SqliteRow) -> sqlx::Result<Counts> {
    let read = || {
        Ok(Counts {
            active: row.try_get(0)?,
            ended: row.try_get(1)?,
            pending: row.try_get(2)?,
            dead: row.try_get(3)?,
            oldest_pending: optional_time(row, 4)?,
        })
    };
    read().map_err(|why: BoxError| sqlx::Error::Decode(format!("the tally: {why}").into()))
}
