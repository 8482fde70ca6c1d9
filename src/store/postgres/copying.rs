//! Whether a copy into the store isn't finished.

use sqlx::{Connection, PgConnection};

use super::errors::unfit;
use super::limits::QUERY_TIMEOUT;
use super::{PostgresStore, instance};
use crate::store::StoreError;

/// Under which number one process after the other copies into the store. The connection that writes
/// holds it, so that it is free again when the process is gone.
const LOCK: i64 = 0x6463_7378;

impl PostgresStore {
    pub(super) async fn mark(&self, is_unfinished: bool) -> Result<(), StoreError> {
        let marked = self.writer.run(QUERY_TIMEOUT, |mut connection| async move {
            let marked = if is_unfinished {
                begin(&mut connection).await?
            } else {
                end(&mut connection).await?;
                Ok(())
            };
            Ok((connection, marked))
        });
        let marked = marked.await.map_err(|error| unfit("written", error))?;
        marked.map_err(StoreError::Unusable)
    }
}

/// Notes that a copy isn't finished; or says who is at it otherwise.
async fn begin(connection: &mut PgConnection) -> sqlx::Result<Result<(), String>> {
    let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *connection)
        .await?;
    if !is_ours {
        let why = "another copy into it is under way; wait until that has ended";
        return Ok(Err(why.to_owned()));
    }
    let mut transaction = connection.begin().await?;
    // A row of the tally that a store without a copy lacks, and that no count is of.
    sqlx::query("INSERT INTO tally VALUES (0, 'copying', 1) ON CONFLICT DO NOTHING")
        .execute(&mut *transaction)
        .await?;
    // Whoever comes from now on finds the mark.
    let instances = instance::list(&mut transaction, 0).await?;
    if let Some(alive) = instances.into_iter().find(|one| !one.is_dead) {
        transaction.rollback().await?;
        return Ok(Err(format!(
            "the daemon {} uses the database; stop it first",
            alive.name
        )));
    }
    transaction.commit().await?;
    Ok(Ok(()))
}

async fn end(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM tally WHERE slot = 0 AND what = 'copying'")
        .execute(&mut *connection)
        .await?;
    sqlx::query("SELECT pg_advisory_unlock_all()")
        .execute(&mut *connection)
        .await?;
    Ok(())
}

pub(super) async fn is_unfinished(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tally WHERE slot = 0 AND what = 'copying')")
        .fetch_one(connection)
        .await
}
