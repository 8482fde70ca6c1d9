//! Rows to values and back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, End, Fault, Fence, Job, JobStatus, JobType, Outcome,
    Progress, ProjectName, Ran, Watch, WatchId, WatchRecord,
};
use crate::sanitize::ForeignText;
use crate::store::columns::{BoxError, hooks, state, time};

/// The columns that [`watch`] reads, in its order, with more around them.
macro_rules! with_watch {
    ($before:expr, $after:expr) => {
        concat!(
            $before,
            " watch.id, watch.project, watch.job_id, watch.hooks, watch.accepted_at, \
             watch.deadline_at, watch.polls, ",
            $crate::store::columns::foreign_text!("watch.job_status"),
            ", ",
            $crate::store::columns::foreign_text!("watch.job_type"),
            ", watch.job_begin, watch.job_end, ",
            $crate::store::columns::foreign_text!("watch.job_fail_reason"),
            ", watch.outcome, watch.ended_at, watch.fault_status, ",
            $crate::store::columns::foreign_text!("watch.fault_code"),
            ", ",
            $crate::store::columns::foreign_text!("watch.fault_message"),
            ", ",
            $crate::store::columns::foreign_text!("watch.fault_request_id"),
            ", watch.fence ",
            $after
        )
    };
}
pub(super) use with_watch;

/// The columns that [`delivery`] reads, in its order, with more around them.
macro_rules! with_delivery {
    ($before:expr, $after:expr) => {
        with_delivery!($before, "delivery.body", $after)
    };
    ($before:expr, $body:literal, $after:expr) => {
        concat!(
            $before,
            " delivery.id, delivery.watch_id, delivery.hook, ",
            $body,
            ", delivery.created_at, delivery.state, delivery.due, delivery.attempts, delivery.tries, delivery.fence ",
            $after
        )
    };
}
pub(super) use with_delivery;

/// Stands before what is written for another character.
const ESCAPE: char = '\u{1a}';

/// A text as a column can hold it: PostgreSQL knows no character of number 0.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// The text that was [`escaped`].
fn plain(escaped: &str) -> Cow<'_, str> {
    if !escaped.contains(ESCAPE) {
        return escaped.into();
    }
    let mut plain = String::with_capacity(escaped.len());
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match (c, c == ESCAPE) {
            (_, true) => match chars.next() {
                Some('0') => plain.push('\0'),
                Some(other) => plain.push(other),
                None => plain.push(ESCAPE),
            },
            (c, false) => plain.push(c),
        }
    }
    plain.into()
}

fn text(row: &PgRow, index: usize) -> Result<Cow<'_, str>, BoxError> {
    Ok(plain(row.try_get(index)?))
}

fn optional_text(row: &PgRow, index: usize) -> Result<Option<Cow<'_, str>>, BoxError> {
    Ok(row.try_get::<Option<&str>, _>(index)?.map(plain))
}

/// A number in a column of a larger type.
fn number<T: TryFrom<i64, Error: Into<BoxError>>>(
    row: &PgRow,
    index: usize,
) -> Result<T, BoxError> {
    T::try_from(row.try_get(index)?).map_err(Into::into)
}

/// A count that can't be below zero.
pub(super) fn at_least_none(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn fence(row: &PgRow, index: usize) -> Result<Fence, BoxError> {
    Ok(Fence::new(number(row, index)?))
}

fn optional_time(row: &PgRow, index: usize) -> Result<Option<SystemTime>, BoxError> {
    row.try_get::<Option<i64>, _>(index)?.map(time).transpose()
}

pub(super) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

pub(super) fn watch_id(id: Uuid) -> WatchId {
    WatchId::from_bytes(id.into_bytes())
}

fn delivery_id(id: Uuid) -> DeliveryId {
    DeliveryId::from_bytes(id.into_bytes())
}

/// Names the row, where it can't be understood.
fn of_row<T>(table: &'static str, row: &PgRow, value: Result<T, BoxError>) -> sqlx::Result<T> {
    value.map_err(|why| {
        let id: Uuid = row.try_get(0).unwrap_or_default();
        sqlx::Error::Decode(format!("{table} {id}: {why}").into())
    })
}

/// A watch of [`with_watch`].
pub(super) fn watch(row: &PgRow) -> sqlx::Result<WatchRecord> {
    of_row("watch", row, read_watch(row))
}

fn read_watch(row: &PgRow) -> Result<WatchRecord, BoxError> {
    Ok(WatchRecord {
        watch: Watch {
            id: watch_id(row.try_get(0)?),
            project: row.try_get::<&str, _>(1)?.parse()?,
            job_id: row.try_get::<&str, _>(2)?.parse()?,
            hooks: hooks(row.try_get(3)?)?,
            accepted_at: time(row.try_get(4)?)?,
            deadline_at: optional_time(row, 5)?,
        },
        progress: Progress {
            polls: number(row, 6)?,
            job: read_job(row)?.map(Arc::new),
        },
        end: read_end(row)?,
        fence: fence(row, 18)?,
    })
}

fn read_job(row: &PgRow) -> Result<Option<Job>, BoxError> {
    let Some(status) = optional_text(row, 7)? else {
        return Ok(None);
    };
    Ok(Some(Job {
        status: JobStatus::from(&*status),
        job_type: optional_text(row, 8)?.map(|name| JobType::from(&*name)),
        begin_time: optional_time(row, 9)?,
        end_time: optional_time(row, 10)?,
        fail_reason: optional_text(row, 11)?.map(ForeignText::from),
    }))
}

fn read_end(row: &PgRow) -> Result<Option<End>, BoxError> {
    let Some(word) = row.try_get::<Option<&str>, _>(12)? else {
        return Ok(None);
    };
    let outcome = Outcome::of_word(word).ok_or_else(|| format!("there is no outcome {word:?}"))?;
    let fault = match optional_text(row, 16)? {
        Some(message) => {
            let status = row.try_get::<Option<i32>, _>(14)?;
            Some(Fault {
                http_status: status.map(TryFrom::try_from).transpose()?,
                code: optional_text(row, 15)?.map(ForeignText::from),
                message: message.into(),
                request_id: optional_text(row, 17)?.map(ForeignText::from),
            })
        }
        None => None,
    };
    let at = optional_time(row, 13)?.ok_or("it has ended, but not when")?;
    Ok(Some(End { outcome, fault, at }))
}

/// A line of a watch's history, of the columns `watch_id, answer, count, first_at, last_at`.
pub(super) fn answers(row: &PgRow) -> sqlx::Result<Answers> {
    let read = || {
        Ok(Answers {
            answer: text(row, 1)?.into_owned().into(),
            count: number(row, 2)?,
            first_at: time(row.try_get(3)?)?,
            last_at: time(row.try_get(4)?)?,
        })
    };
    of_row("the answers of watch", row, read())
}

/// A delivery of [`with_delivery`].
pub(super) fn delivery(row: &PgRow) -> sqlx::Result<Delivery> {
    let read = || {
        Ok(Delivery {
            id: delivery_id(row.try_get(0)?),
            watch_id: watch_id(row.try_get(1)?),
            hook: row.try_get::<&str, _>(2)?.parse()?,
            body: text(row, 3)?.into(),
            created_at: time(row.try_get(4)?)?,
            state: state(row.try_get(5)?, optional_time(row, 6)?)?,
            attempts: number(row, 7)?,
            tries: number(row, 8)?,
            fence: fence(row, 9)?,
        })
    };
    of_row("delivery", row, read())
}

/// An attempt, of the columns `delivery_id, number, at, took, answer, delivered`.
pub(super) fn attempt(row: &PgRow) -> sqlx::Result<Attempt> {
    let read = || {
        Ok(Attempt {
            number: number(row, 1)?,
            at: time(row.try_get(2)?)?,
            took: Duration::from_millis(number(row, 3)?),
            answer: text(row, 4)?.into_owned(),
            delivered: row.try_get(5)?,
        })
    };
    of_row("the attempts of delivery", row, read())
}

/// How long a job took, of the columns `project, job_type, began, took`. `None` where that makes no
/// sense: it only helps to choose when to ask, and is no reason for a daemon not to start.
pub(super) fn duration(row: &PgRow) -> Option<(ProjectName, Ran)> {
    let read = || -> Result<_, BoxError> {
        let began = time(row.try_get(2)?)?;
        let took = Duration::from_millis(number(row, 3)?);
        let job_type = JobType::from(&*text(row, 1)?);
        Ok((
            row.try_get::<&str, _>(0)?.parse()?,
            Ran::new(job_type, began, took),
        ))
    };
    let (project, ran) = read().ok()?;
    Some((project, ran?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_postgresql_could_not_hold_come_back() {
        for text in [
            "",
            "plain",
            "\0",
            "\u{1a}",
            "a\0\u{1a}0\u{1a}\u{1a}\0b",
            "0\u{1a}0",
        ] {
            let escaped = escaped(text);
            assert!(!escaped.contains('\0'));
            assert_eq!(plain(&escaped), text);
        }
    }

    #[test]
    fn a_text_without_such_characters_is_kept_as_it_is() {
        assert!(matches!(escaped("SUCCESS"), Cow::Borrowed("SUCCESS")));
        assert!(matches!(plain("SUCCESS"), Cow::Borrowed("SUCCESS")));
    }
}
