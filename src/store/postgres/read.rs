//! Queries.

use sqlx::postgres::PgRow;
use sqlx::{Connection, Encode, PgConnection, Postgres, QueryBuilder, Row, Type};
use uuid::Uuid;

use super::values::{self, uuid, with_delivery, with_watch};
use crate::model::{
    Answers, Attempt, Delivery, DeliveryId, HookName, JobId, Outcome, ProjectName, WatchId,
    WatchRecord,
};
use crate::store::columns::{AllDurations, by_type, foreign_text, time};
use crate::store::{Counts, DeliveryFilter, Page, WatchFilter};

/// What is before all IDs that there are.
pub(super) fn after(id: Option<&[u8; 16]>) -> Uuid {
    id.map_or(Uuid::nil(), uuid)
}

pub(super) async fn active(
    connection: &mut PgConnection,
    id: Option<WatchId>,
    limit: u32,
) -> sqlx::Result<Vec<WatchRecord>> {
    let rows = sqlx::query(with_watch!(
        "SELECT",
        "FROM watch WHERE outcome IS NULL AND id > $1 ORDER BY id LIMIT $2"
    ))
    .bind(after(id.as_ref().map(WatchId::as_bytes)))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(values::watch).collect()
}

pub(super) async fn pending(
    connection: &mut PgConnection,
    id: Option<DeliveryId>,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query(with_delivery!(
        "SELECT",
        "FROM delivery WHERE state = 'pending' AND id > $1 ORDER BY id LIMIT $2"
    ))
    .bind(after(id.as_ref().map(DeliveryId::as_bytes)))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(values::delivery).collect()
}

pub(super) async fn watch(
    connection: &mut PgConnection,
    id: WatchId,
) -> sqlx::Result<Option<(WatchRecord, Vec<Answers>)>> {
    let mut transaction = connection.begin_with(ONE_STATE).await?;
    let row = sqlx::query(with_watch!("SELECT", "FROM watch WHERE id = $1"))
        .bind(uuid(id.as_bytes()))
        .fetch_optional(&mut *transaction)
        .await?;
    let answers = sqlx::query(concat!(
        "SELECT watch_id, ",
        foreign_text!("answer"),
        ", count, first_at, last_at FROM answers WHERE watch_id = $1 ORDER BY id"
    ))
    .bind(uuid(id.as_bytes()))
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let answers: sqlx::Result<_> = answers.iter().map(values::answers).collect();
    Ok(Some((values::watch(&row)?, answers?)))
}

/// All statements of the transaction see one state of things.
const ONE_STATE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn watches(
    connection: &mut PgConnection,
    filter: &WatchFilter,
    page: Page<WatchId>,
) -> sqlx::Result<Vec<WatchRecord>> {
    let mut query = Filtered::new(with_watch!("SELECT", "FROM watch WHERE TRUE"));
    query.is("job_id", filter.job_id.as_ref().map(JobId::as_str));
    query.is("project", filter.project.as_ref().map(ProjectName::as_str));
    let outcome = filter.outcome.map(Outcome::as_str);
    query.is("outcome", outcome);
    // Nearly all have succeeded, and are in no index of outcomes: it wants to hear that others are
    // asked for.
    query.fits(
        "outcome <> 'succeeded'",
        outcome.is_some() && filter.outcome != Some(Outcome::Succeeded),
    );
    query.fits("outcome IS NULL", filter.ended == Some(false));
    query.fits("outcome IS NOT NULL", filter.ended == Some(true));
    let before = page.before.map(|id| uuid(id.as_bytes()));
    let rows = query.page(connection, before, page.limit).await?;
    rows.iter().map(values::watch).collect()
}

pub(super) async fn delivery(
    connection: &mut PgConnection,
    id: DeliveryId,
) -> sqlx::Result<Option<(Delivery, Vec<Attempt>)>> {
    let mut transaction = connection.begin_with(ONE_STATE).await?;
    let row = sqlx::query(with_delivery!("SELECT", "FROM delivery WHERE id = $1"))
        .bind(uuid(id.as_bytes()))
        .fetch_optional(&mut *transaction)
        .await?;
    let attempts = sqlx::query(
        "SELECT delivery_id, number, at, took, answer, delivered FROM attempt \
         WHERE delivery_id = $1 ORDER BY number",
    )
    .bind(uuid(id.as_bytes()))
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let attempts: sqlx::Result<_> = attempts.iter().map(values::attempt).collect();
    Ok(Some((values::delivery(&row)?, attempts?)))
}

pub(super) async fn deliveries(
    connection: &mut PgConnection,
    filter: &DeliveryFilter,
    page: Page<DeliveryId>,
) -> sqlx::Result<Vec<Delivery>> {
    let mut query = Filtered::new(if filter.without_bodies {
        with_delivery!("SELECT", "''", "FROM delivery WHERE TRUE")
    } else {
        with_delivery!("SELECT", "FROM delivery WHERE TRUE")
    });
    let watch_id = filter.watch_id.map(|id| uuid(id.as_bytes()));
    query.is("watch_id", watch_id);
    query.is("hook", filter.hook.as_ref().map(HookName::as_str));
    query.is("state", filter.state);
    // As with outcomes: nearly all have arrived.
    query.fits(
        "state <> 'delivered'",
        filter.state.is_some_and(|state| state != "delivered"),
    );
    let before = page.before.map(|id| uuid(id.as_bytes()));
    let rows = query.page(connection, before, page.limit).await?;
    rows.iter().map(values::delivery).collect()
}

pub(super) async fn durations(connection: &mut PgConnection) -> sqlx::Result<AllDurations> {
    let rows = sqlx::query(
        "SELECT project, job_type, began, took FROM duration ORDER BY project, job_type, id",
    )
    .fetch_all(connection)
    .await?;
    Ok(by_type(rows.iter().filter_map(values::duration)))
}

pub(super) async fn counts(connection: &mut PgConnection) -> sqlx::Result<Counts> {
    let row = sqlx::query(
        "SELECT coalesce(sum(n) FILTER (WHERE what = 'active'), 0)::bigint, \
         coalesce(sum(n) FILTER (WHERE what = 'ended'), 0)::bigint, \
         coalesce(sum(n) FILTER (WHERE what = 'pending'), 0)::bigint, \
         coalesce(sum(n) FILTER (WHERE what = 'dead'), 0)::bigint, \
         (SELECT created_at FROM delivery WHERE state = 'pending' ORDER BY id LIMIT 1) FROM tally",
    )
    .fetch_one(connection)
    .await?;
    let count = |index| row.try_get::<i64, _>(index).map(values::at_least_none);
    let oldest: Option<i64> = row.try_get(4)?;
    let oldest = oldest.map(time).transpose();
    Ok(Counts {
        active: count(0)?,
        ended: count(1)?,
        pending: count(2)?,
        dead: count(3)?,
        oldest_pending: oldest.map_err(|why| {
            sqlx::Error::Decode(format!("the oldest pending delivery: {why}").into())
        })?,
    })
}

/// A page of a query with conditions.
struct Filtered(QueryBuilder<Postgres>);

impl Filtered {
    fn new(sql: &'static str) -> Self {
        Self(QueryBuilder::new(sql))
    }

    fn fits(&mut self, condition: &'static str, is_asked_for: bool) {
        if is_asked_for {
            self.0.push(" AND ").push(condition);
        }
    }

    fn is<'v, T>(&mut self, column: &'static str, value: Option<T>)
    where
        T: Encode<'v, Postgres> + Type<Postgres>,
    {
        if let Some(value) = value {
            self.fits(column, true);
            self.0.push(" = ").push_bind(value);
        }
    }

    /// The newest first.
    async fn page(
        mut self,
        connection: &mut PgConnection,
        before: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<PgRow>> {
        if let Some(before) = before {
            self.0.push(" AND id < ").push_bind(before);
        }
        let limit = i64::from(limit);
        self.0.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        self.0.build().fetch_all(connection).await
    }
}
