//! Who holds what, and what others want of it.

use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::collisions::again;
use super::notices;
use super::read::after;
use super::values::{self, uuid, with_delivery, with_watch};
use super::write::tell;
use crate::model::{Delivery, DeliveryId, Fence, WatchId, WatchRecord};
use crate::store::columns::hooks;
use crate::store::{Wish, Wished};

/// Keeps an instance from being declared dead until the transaction is over.
const STAY: &str = "SELECT id FROM instance WHERE id = $1 AND NOT dead FOR KEY SHARE";

/// Those whose watches are orphans, nobody among them. The order of one owner's is an index's, that of
/// several's has to be made: so only those come that have any.
const ORPHANED_WATCHES: &str = "SELECT gone.owner FROM ( \
     SELECT 0::bigint AS owner UNION ALL SELECT id FROM instance WHERE dead) AS gone \
     CROSS JOIN LATERAL ( \
     SELECT FROM watch WHERE watch.owner = gone.owner AND outcome IS NULL LIMIT 1) AS one";

const ORPHANED_DELIVERIES: &str = "SELECT gone.owner FROM ( \
     SELECT 0::bigint AS owner UNION ALL SELECT id FROM instance WHERE dead) AS gone \
     CROSS JOIN LATERAL ( \
     SELECT FROM delivery WHERE delivery.owner = gone.owner AND state = 'pending' LIMIT 1) AS one";

/// Its hooks are those of the record.
macro_rules! claim_watches {
    ($of:literal) => {
        with_watch!(
            concat!(
                "WITH orphan AS MATERIALIZED (SELECT id FROM watch WHERE outcome IS NULL AND owner ",
                $of,
                " ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) \
                 UPDATE watch SET owner = $1, fence = fence + 1, hooks_changed = FALSE \
                 WHERE id = ANY(ARRAY(SELECT id FROM orphan)) RETURNING"
            ),
            ", watch.call_off OR watch.poll_now"
        )
    };
}

macro_rules! claim_deliveries {
    ($of:literal) => {
        with_delivery!(
            concat!(
                "WITH orphan AS MATERIALIZED (SELECT id FROM delivery WHERE state = 'pending' \
                 AND owner ",
                $of,
                " ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) \
                 UPDATE delivery SET owner = $1, fence = fence + 1, wished = FALSE \
                 WHERE id = ANY(ARRAY(SELECT id FROM orphan)) RETURNING"
            ),
            ""
        )
    };
}

const HELD_WATCHES: &str = with_watch!(
    "SELECT",
    "FROM watch WHERE owner = $1 AND outcome IS NULL AND id > $2 ORDER BY id LIMIT $3"
);

const HELD_DELIVERIES: &str = with_delivery!(
    "SELECT",
    "FROM delivery WHERE owner = $1 AND state = 'pending' AND id > $2 ORDER BY id LIMIT $3"
);

const RELEASE: &str = "UPDATE delivery SET owner = 0 \
     FROM unnest($2::uuid[], $3::bigint[]) AS held(id, fence) \
     WHERE delivery.id = ANY($2) AND delivery.id = held.id AND owner + 0 = $1 \
     AND delivery.fence = held.fence AND due IS NOT NULL";

const WISH: &str = "UPDATE watch SET call_off = call_off OR $2, poll_now = poll_now OR $3 \
     WHERE id = $1 AND outcome IS NULL RETURNING owner";

const WISHED_WATCHES: &str = "SELECT id, hooks, call_off, poll_now, hooks_changed FROM watch \
     WHERE owner = $1 AND outcome IS NULL AND (call_off OR poll_now OR hooks_changed) \
     ORDER BY id FOR NO KEY UPDATE";

/// That it is to be called off is told until it has ended.
const TOLD: &str = "UPDATE watch SET poll_now = FALSE, hooks_changed = FALSE WHERE id = ANY($1)";

const WISHED_DELIVERIES: &str = with_delivery!(
    "UPDATE delivery SET wished = FALSE WHERE owner = $1 AND state = 'pending' AND wished RETURNING",
    ""
);

pub(super) async fn claim_watches(
    connection: &mut PgConnection,
    me: i64,
    limit: u32,
) -> sqlx::Result<Vec<WatchRecord>> {
    again!(claim_watches_once(connection, me, limit))
}

async fn claim_watches_once(
    connection: &mut PgConnection,
    me: i64,
    limit: u32,
) -> sqlx::Result<Vec<WatchRecord>> {
    let mut transaction = connection.begin().await?;
    let owners = orphaned(&mut transaction, me, ORPHANED_WATCHES).await?;
    let query = match owners.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => sqlx::query(claim_watches!("= $2")).bind(me).bind(*one),
        _ => sqlx::query(claim_watches!("= ANY($2)"))
            .bind(me)
            .bind(owners),
    };
    let query = query.bind(i64::from(limit));
    let rows = query.fetch_all(&mut *transaction).await?;
    let mut is_wished = false;
    for row in &rows {
        is_wished |= row.try_get::<bool, _>(19)?;
    }
    if is_wished {
        tell(&mut transaction, &[notices::wished(me)]).await?;
    }
    let claimed: sqlx::Result<Vec<WatchRecord>> = rows.iter().map(values::watch).collect();
    let mut claimed = claimed?;
    transaction.commit().await?;
    claimed.sort_unstable_by_key(|record| record.watch.id);
    Ok(claimed)
}

pub(super) async fn claim_deliveries(
    connection: &mut PgConnection,
    me: i64,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    again!(claim_deliveries_once(connection, me, limit))
}

async fn claim_deliveries_once(
    connection: &mut PgConnection,
    me: i64,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    let mut transaction = connection.begin().await?;
    let owners = orphaned(&mut transaction, me, ORPHANED_DELIVERIES).await?;
    let query = match owners.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => sqlx::query(claim_deliveries!("= $2")).bind(me).bind(*one),
        _ => sqlx::query(claim_deliveries!("= ANY($2)"))
            .bind(me)
            .bind(owners),
    };
    let query = query.bind(i64::from(limit));
    let rows = query.fetch_all(&mut *transaction).await?;
    let claimed: sqlx::Result<Vec<Delivery>> = rows.iter().map(values::delivery).collect();
    let mut claimed = claimed?;
    transaction.commit().await?;
    claimed.sort_unstable_by_key(|delivery| delivery.id);
    Ok(claimed)
}

/// Whose orphans there are; none for an instance that is dead.
async fn orphaned(
    transaction: &mut PgConnection,
    me: i64,
    query: &'static str,
) -> sqlx::Result<Vec<i64>> {
    let alive = sqlx::query(STAY)
        .bind(me)
        .fetch_optional(&mut *transaction)
        .await?;
    match alive {
        Some(_) => sqlx::query_scalar(query).fetch_all(transaction).await,
        None => Ok(Vec::new()),
    }
}

pub(super) async fn held_watches(
    connection: &mut PgConnection,
    me: i64,
    id: Option<WatchId>,
    limit: u32,
) -> sqlx::Result<Vec<WatchRecord>> {
    let rows = sqlx::query(HELD_WATCHES)
        .bind(me)
        .bind(after(id.as_ref().map(WatchId::as_bytes)))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(values::watch).collect()
}

pub(super) async fn held_deliveries(
    connection: &mut PgConnection,
    me: i64,
    id: Option<DeliveryId>,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query(HELD_DELIVERIES)
        .bind(me)
        .bind(after(id.as_ref().map(DeliveryId::as_bytes)))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(values::delivery).collect()
}

pub(super) async fn release_deliveries(
    connection: &mut PgConnection,
    me: i64,
    held: &[(DeliveryId, Fence)],
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| uuid(id.as_bytes())).collect();
    let fences = held.iter().map(|(_, fence)| i64::from(fence.number()));
    let fences: Vec<i64> = fences.collect();
    again!(async {
        let mut transaction = connection.begin().await?;
        let query = sqlx::query(RELEASE).bind(me).bind(&ids).bind(&fences);
        if query.execute(&mut *transaction).await?.rows_affected() > 0 {
            tell(&mut transaction, &[notices::changed()]).await?;
        }
        transaction.commit().await
    })
}

pub(super) async fn wish(
    connection: &mut PgConnection,
    id: WatchId,
    wish: Wish,
) -> sqlx::Result<bool> {
    again!(async {
        let mut transaction = connection.begin().await?;
        let owner: Option<i64> = sqlx::query_scalar(WISH)
            .bind(uuid(id.as_bytes()))
            .bind(wish == Wish::CallOff)
            .bind(wish == Wish::PollNow)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(owner) = owner
            && owner != 0
        {
            tell(&mut transaction, &[notices::wished(owner)]).await?;
        }
        transaction.commit().await?;
        Ok(owner.is_some())
    })
}

pub(super) async fn wishes(connection: &mut PgConnection, me: i64) -> sqlx::Result<Vec<Wished>> {
    again!(wishes_once(connection, me))
}

async fn wishes_once(connection: &mut PgConnection, me: i64) -> sqlx::Result<Vec<Wished>> {
    let mut transaction = connection.begin().await?;
    let watches = sqlx::query(WISHED_WATCHES)
        .bind(me)
        .fetch_all(&mut *transaction)
        .await?;
    let mut wished = Vec::with_capacity(watches.len());
    let mut told: Vec<Uuid> = Vec::new();
    for row in &watches {
        let id: Uuid = row.try_get(0)?;
        let hooks = hooks(row.try_get(1)?).map_err(|why| {
            sqlx::Error::Decode(format!("watch {}: {why}", values::watch_id(id)).into())
        })?;
        let poll_now = row.try_get(3)?;
        if poll_now || row.try_get(4)? {
            told.push(id);
        }
        wished.push(Wished::Watch {
            id: values::watch_id(id),
            hooks,
            call_off: row.try_get(2)?,
            poll_now,
        });
    }
    if !told.is_empty() {
        let query = sqlx::query(TOLD).bind(told);
        query.execute(&mut *transaction).await?;
    }
    let deliveries = sqlx::query(WISHED_DELIVERIES)
        .bind(me)
        .fetch_all(&mut *transaction)
        .await?;
    for row in &deliveries {
        wished.push(Wished::Delivery(values::delivery(row)?));
    }
    transaction.commit().await?;
    Ok(wished)
}
