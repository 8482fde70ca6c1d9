//! Queries.
//!
//! A unary plus keeps SQLite from using a column's index: where several columns are asked for, the
//! one that fits the fewest rows leads, and the order of the IDs comes from its index. Those of one job
//! are few, and sorted.

use std::future::poll_fn;
use std::time::SystemTime;

use sqlx::sqlite::SqliteRow;
use sqlx::{Encode, QueryBuilder, Sqlite, SqlitePool, Type};

use super::values::{self, select_delivery, select_watch};
use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, DeliveryState, HookName, JobId, Outcome, ProjectName,
    WatchId, WatchRecord,
};
use crate::store::columns::{AllDurations, by_type, foreign_text, time};
use crate::store::{Counts, DeliveryFilter, Page, WatchFilter};

/// The most of bodies that is read at once, in bytes, but for one body: earlier versions stored
/// megabytes in each.
const BODIES_AT_ONCE: usize = 8 * 1024 * 1024;

pub(super) async fn active(
    readers: &SqlitePool,
    after: Option<WatchId>,
    limit: u32,
) -> sqlx::Result<Vec<WatchRecord>> {
    let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    let rows = sqlx::query(select_watch!(
        "WHERE outcome IS NULL AND id > ? ORDER BY id LIMIT ?"
    ))
    .bind(after)
    .bind(limit)
    .fetch_all(readers)
    .await?;
    rows.iter().map(values::watch).collect()
}

pub(super) async fn pending(
    readers: &SqlitePool,
    after: Option<DeliveryId>,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    let mut rows = sqlx::query(select_delivery!(
        "WHERE state = 'pending' AND id > ? ORDER BY id LIMIT ?"
    ))
    .bind(after)
    .bind(limit)
    .fetch(readers);
    let mut found = Vec::new();
    let mut room = BODIES_AT_ONCE;
    while room > 0
        && let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await
    {
        let delivery = values::delivery(&row?)?;
        room = room.saturating_sub(delivery.body.len());
        found.push(delivery);
    }
    Ok(found)
}

pub(super) async fn watch(
    readers: &SqlitePool,
    id: WatchId,
) -> sqlx::Result<Option<(WatchRecord, Vec<Answers>)>> {
    // A transaction sees one state of things.
    let mut transaction = readers.begin().await?;
    let row = sqlx::query(select_watch!("WHERE id = ?"))
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let answers = sqlx::query(concat!(
        "SELECT watch_id, ",
        foreign_text!("answer"),
        ", count, first_at, last_at FROM answers WHERE watch_id = ? ORDER BY rowid"
    ))
    .bind(id.as_bytes().as_slice())
    .fetch_all(&mut *transaction)
    .await?;
    let answers = answers
        .iter()
        .map(values::answers)
        .collect::<Result<_, _>>()?;
    Ok(Some((values::watch(&row)?, answers)))
}

pub(super) async fn watches(
    readers: &SqlitePool,
    filter: &WatchFilter,
    page: Page<WatchId>,
) -> sqlx::Result<Vec<WatchRecord>> {
    let mut query = Filtered::new(select_watch!("WHERE TRUE"));
    query.is("job_id", filter.job_id.as_ref().map(JobId::as_str));
    // Nearly all have succeeded, and are in no index of outcomes: it wants to hear that others are
    // asked for.
    let outcome = filter.outcome.map(Outcome::as_str);
    let is_common = filter.outcome == Some(Outcome::Succeeded);
    query.is(
        "outcome <> 'succeeded' AND outcome",
        outcome.filter(|_| !is_common),
    );
    if filter.ended == Some(false) {
        query.fits("outcome IS NULL");
    }
    query.is("project", filter.project.as_ref().map(ProjectName::as_str));
    if filter.ended == Some(true) || is_common {
        query.fits("outcome IS NOT NULL");
    }
    query.is("outcome", outcome.filter(|_| is_common));
    let before = page.before.map(|id| *id.as_bytes());
    let rows = query.page(readers, before, page.limit).await?;
    rows.iter().map(values::watch).collect()
}

pub(super) async fn delivery(
    readers: &SqlitePool,
    id: DeliveryId,
) -> sqlx::Result<Option<(Delivery, Vec<Attempt>)>> {
    let mut transaction = readers.begin().await?;
    let row = sqlx::query(select_delivery!("WHERE id = ?"))
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let attempts = sqlx::query(
        "SELECT delivery_id, number, at, took, answer, delivered FROM attempt \
         WHERE delivery_id = ? ORDER BY number",
    )
    .bind(id.as_bytes().as_slice())
    .fetch_all(&mut *transaction)
    .await?;
    let attempts = attempts
        .iter()
        .map(values::attempt)
        .collect::<Result<_, _>>()?;
    Ok(Some((values::delivery(&row)?, attempts)))
}

pub(super) async fn deliveries(
    readers: &SqlitePool,
    filter: &DeliveryFilter,
    page: Page<DeliveryId>,
) -> sqlx::Result<Vec<Delivery>> {
    let mut query = Filtered::new(if filter.without_bodies {
        select_delivery!("''", "WHERE TRUE")
    } else {
        select_delivery!("WHERE TRUE")
    });
    query.is(
        "watch_id",
        filter.watch_id.as_ref().map(|id| id.as_bytes().as_slice()),
    );
    // Nearly all deliveries have arrived.
    let is_common = filter.state == Some(DeliveryState::Delivered.as_str());
    query.is("state", filter.state.filter(|_| !is_common));
    query.is("hook", filter.hook.as_ref().map(HookName::as_str));
    query.is("state", filter.state.filter(|_| is_common));
    let before = page.before.map(|id| *id.as_bytes());
    let rows = query.page(readers, before, page.limit).await?;
    rows.iter().map(values::delivery).collect()
}

pub(super) async fn durations(readers: &SqlitePool) -> sqlx::Result<AllDurations> {
    let rows = sqlx::query(
        "SELECT project, job_type, began, took FROM duration ORDER BY project, job_type, id",
    )
    .fetch_all(readers)
    .await?;
    Ok(by_type(rows.iter().filter_map(values::duration)))
}

pub(super) async fn seen_at(readers: &SqlitePool) -> sqlx::Result<Option<SystemTime>> {
    let seen_at: Option<i64> = sqlx::query_scalar("SELECT seen_at FROM clock")
        .fetch_optional(readers)
        .await?;
    seen_at.map(time).transpose().map_err(sqlx::Error::Decode)
}

pub(super) async fn counts(readers: &SqlitePool) -> sqlx::Result<Counts> {
    let row = sqlx::query(
        "SELECT (SELECT n FROM tally WHERE what = 'active'), \
         (SELECT n FROM tally WHERE what = 'ended'), \
         (SELECT n FROM tally WHERE what = 'pending'), \
         (SELECT n FROM tally WHERE what = 'dead'), \
         (SELECT created_at FROM delivery WHERE state = 'pending' ORDER BY id LIMIT 1)",
    )
    .fetch_one(readers)
    .await?;
    values::counts(&row)
}

pub(super) async fn is_unfinished(readers: &SqlitePool) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tally WHERE what = 'copying')")
        .fetch_one(readers)
        .await
}

/// A page of a query with conditions, of which the first leads.
struct Filtered {
    query: QueryBuilder<Sqlite>,
    has_lead: bool,
}

impl Filtered {
    fn new(sql: &'static str) -> Self {
        Self {
            query: QueryBuilder::new(sql),
            has_lead: false,
        }
    }

    fn fits(&mut self, condition: &'static str) {
        let and = if self.has_lead { " AND +" } else { " AND " };
        self.query.push(and).push(condition);
        self.has_lead = true;
    }

    fn is<'v, T>(&mut self, column: &'static str, value: Option<T>)
    where
        T: Encode<'v, Sqlite> + Type<Sqlite>,
    {
        if let Some(value) = value {
            self.fits(column);
            self.query.push(" = ").push_bind(value);
        }
    }

    /// The newest first.
    async fn page(
        mut self,
        readers: &SqlitePool,
        before: Option<[u8; 16]>,
        limit: u32,
    ) -> sqlx::Result<Vec<SqliteRow>> {
        if let Some(before) = &before {
            self.query.push(" AND id < ").push_bind(before.as_slice());
        }
        self.query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        self.query.build().fetch_all(readers).await
    }
}
