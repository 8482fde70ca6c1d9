//! Who is alive.

use std::time::{Duration, SystemTime};

use sqlx::{PgConnection, Row};

use super::notices;
use super::values::at_least_none;
use super::write::tell;
use crate::sanitize::ForeignText;
use crate::store::columns::{BoxError, duration_millis, time};
use crate::store::{Alive, Held, Instance, Renewal};

/// The database's time, in milliseconds since 1970, with more around it.
macro_rules! with_now {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint ",
            $after
        )
    };
}

const JOIN: &str = with_now!(
    "INSERT INTO instance (name, version, joined_at, renewed_at, expires_at) \
     SELECT $1, $2, now, now, now + $3 FROM (SELECT",
    "AS now) AS clock WHERE NOT EXISTS (SELECT FROM tally WHERE what = 'copying') RETURNING id"
);

/// Once the row is there for all to see: whoever renews from then on knows of it.
const HAS_JOINED: &str = with_now!("UPDATE instance SET joined_at =", "WHERE id = $1");

const RENEW: &str = with_now!(
    "UPDATE instance SET renewed_at = now, expires_at = now + $2, watches = $3, deliveries = $4 \
     FROM (SELECT",
    "AS now) AS clock WHERE id = $1 AND NOT dead"
);

const ALL: &str = with_now!(
    "SELECT id, dead, joined_at, renewed_at, expires_at,",
    "FROM instance"
);

/// Those who write as one of them at the moment are left for the next time: what they take into
/// possession must be theirs until then.
const DECLARE_DEAD: &str = with_now!(
    "UPDATE instance SET dead = TRUE WHERE id IN (SELECT id FROM instance \
     WHERE NOT dead AND id <> $1 AND expires_at <",
    "FOR UPDATE SKIP LOCKED) RETURNING id, name"
);

const FORGET: &str = "DELETE FROM instance WHERE id IN (SELECT id FROM instance WHERE dead \
     FOR UPDATE SKIP LOCKED) \
     AND NOT EXISTS (SELECT 1 FROM watch WHERE owner = instance.id AND outcome IS NULL) \
     AND NOT EXISTS (SELECT 1 FROM delivery WHERE owner = instance.id AND state = 'pending')";

const TALLY: &str = "SELECT coalesce(sum(n) FILTER (WHERE what = 'active'), 0)::bigint, \
     coalesce(sum(n) FILTER (WHERE what = 'pending'), 0)::bigint FROM tally";

const LEAVE: &str = "UPDATE instance SET dead = TRUE WHERE id IN ( \
     SELECT id FROM instance WHERE id = $1 FOR UPDATE)";

const LIST: &str = with_now!(
    "SELECT id, dead, joined_at, renewed_at, expires_at,",
    ", name, version, \
     (SELECT count(*) FROM watch WHERE owner = instance.id AND outcome IS NULL), \
     (SELECT count(*) FROM delivery WHERE owner = instance.id AND state = 'pending') \
     FROM instance ORDER BY id"
);

/// Adds an instance, and says its number; `None` where a copy into the store isn't finished.
pub(super) async fn join(
    connection: &mut PgConnection,
    name: &str,
    lease: Duration,
) -> sqlx::Result<Option<i64>> {
    let id: Option<i64> = sqlx::query_scalar(JOIN)
        .bind(name)
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(duration_millis(lease))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = id else {
        return Ok(None);
    };
    let query = sqlx::query(HAS_JOINED).bind(id);
    query.execute(&mut *connection).await?;
    tell(connection, &[notices::changed()]).await?;
    Ok(Some(id))
}

/// Declares an instance dead, once what is written as that one is over.
pub(super) async fn leave(connection: &mut PgConnection, id: i64) -> sqlx::Result<()> {
    let query = sqlx::query(LEAVE).bind(id);
    query.execute(&mut *connection).await?;
    tell(connection, &[notices::changed()]).await
}

/// Renews the lease of an instance, and looks after those of the others. Each statement is a
/// transaction, so that renewing waits for nobody.
pub(super) async fn renew(
    connection: &mut PgConnection,
    id: i64,
    lease: Duration,
    held: Held,
) -> sqlx::Result<Renewal> {
    let renewed = sqlx::query(RENEW)
        .bind(id)
        .bind(duration_millis(lease))
        .bind(i64::try_from(held.watches).unwrap_or(i64::MAX))
        .bind(i64::try_from(held.deliveries).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    if renewed.rows_affected() == 0 {
        return Ok(Renewal::Lost);
    }
    let mut rows = all(connection).await?;
    if rows.iter().any(|row| row.id != id && row.has_expired()) {
        let died: Vec<(i64, String)> = sqlx::query_as(DECLARE_DEAD)
            .bind(id)
            .fetch_all(&mut *connection)
            .await?;
        for (number, instance) in &died {
            tracing::warn!(
                instance = %ForeignText::from(instance.as_str()),
                number,
                "a daemon has shown no sign of life for the length of its lease; others take over what it held"
            );
        }
        if !died.is_empty() {
            tell(connection, &[notices::changed()]).await?;
            rows = all(connection).await?;
        }
    }
    if rows.iter().any(|row| row.dead) {
        sqlx::query(FORGET).execute(&mut *connection).await?;
    }
    let (watches, deliveries): (i64, i64) =
        sqlx::query_as(TALLY).fetch_one(&mut *connection).await?;
    let held = Held {
        watches: at_least_none(watches),
        deliveries: at_least_none(deliveries),
    };
    // Whoever was declared dead since then finds out with the next renewal.
    let alive = alive(&rows, id, held).map_err(sqlx::Error::Decode)?;
    Ok(alive.map_or(Renewal::Lost, Renewal::Renewed))
}

/// What an instance is to know of all; `None` where it isn't among those alive.
fn alive(rows: &[Member], id: i64, all: Held) -> Result<Option<Alive>, BoxError> {
    let living = || rows.iter().filter(|row| !row.dead);
    let others = || living().filter(|row| row.id != id);
    let Some(this) = living().find(|row| row.id == id) else {
        return Ok(None);
    };
    // Whoever joined is known to those who have renewed since.
    let is_known = |one: &Member| {
        living().all(|other| other.id == one.id || other.renewed_at >= one.joined_at)
    };
    let sharing = living().filter(|row| row.id == id || is_known(row));
    let next_death = others().map(Member::left).min();
    Ok(Some(Alive {
        instances: u32::try_from(living().count()).unwrap_or(u32::MAX),
        sharing: u32::try_from(sharing.count()).unwrap_or(u32::MAX),
        all,
        is_known: is_known(this),
        next_death,
        now: time(this.now)?,
    }))
}

/// All instances, for people.
pub(super) async fn list(connection: &mut PgConnection, this: i64) -> sqlx::Result<Vec<Instance>> {
    let rows = sqlx::query(LIST).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let times = Member::of(row)?;
            let joined_at: Result<SystemTime, _> = time(times.joined_at);
            let renewed = times.now.saturating_sub(times.renewed_at);
            Ok(Instance {
                name: row.try_get(6)?,
                number: at_least_none(times.id),
                version: row.try_get(7)?,
                is_this: times.id == this,
                is_dead: times.dead || times.has_expired(),
                joined_at: joined_at.map_err(sqlx::Error::Decode)?,
                renewed: Duration::from_millis(at_least_none(renewed)),
                held: Held {
                    watches: at_least_none(row.try_get(8)?),
                    deliveries: at_least_none(row.try_get(9)?),
                },
            })
        })
        .collect()
}

async fn all(connection: &mut PgConnection) -> sqlx::Result<Vec<Member>> {
    let rows = sqlx::query(ALL).fetch_all(connection).await?;
    rows.iter().map(Member::of).collect()
}

/// An instance at one moment. All times are the database's, in milliseconds since 1970.
struct Member {
    id: i64,
    dead: bool,
    joined_at: i64,
    renewed_at: i64,
    expires_at: i64,
    now: i64,
}

impl Member {
    fn of(row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get(0)?,
            dead: row.try_get(1)?,
            joined_at: row.try_get(2)?,
            renewed_at: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            now: row.try_get(5)?,
        })
    }

    fn has_expired(&self) -> bool {
        self.expires_at < self.now
    }

    /// How much is left of its lease.
    fn left(&self) -> Duration {
        Duration::from_millis(at_least_none(self.expires_at.saturating_sub(self.now)))
    }
}
