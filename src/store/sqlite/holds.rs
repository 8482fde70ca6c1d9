//! What services said of credentials.

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::model::{CredentialHold, HoldChange};
use crate::store::columns::millis;
use crate::store::holds::{FORGOTTEN_AFTER, REFUSED, columns, hold};

const HOLD: &str = "INSERT INTO credential_hold (key, kind, held_until, detail) \
     VALUES (?, ?, ?, ?) ON CONFLICT (key, kind) \
     DO UPDATE SET held_until = excluded.held_until, detail = excluded.detail";
const FORGET: &str = "DELETE FROM credential_hold WHERE held_until < ?";
const ACCEPTED: &str = "DELETE FROM credential_hold WHERE key = ? AND kind = ?";
const LIFT: &str = "DELETE FROM credential_hold WHERE key = ?";

/// Stores one change.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    change: &HoldChange,
) -> sqlx::Result<()> {
    match change {
        HoldChange::Held(new) => {
            let (kind, detail) = columns(new);
            let until = millis(new.until);
            sqlx::query(HOLD)
                .bind(&new.key)
                .bind(kind)
                .bind(until)
                .bind(detail)
                .execute(&mut *connection)
                .await?;
            sqlx::query(FORGET)
                .bind(until.saturating_sub(FORGOTTEN_AFTER))
                .execute(connection)
                .await?;
        }
        HoldChange::Accepted { key } => {
            let query = sqlx::query(ACCEPTED).bind(key).bind(REFUSED);
            query.execute(connection).await?;
        }
        HoldChange::Lifted { keys } => {
            for key in keys {
                let query = sqlx::query(LIFT).bind(key);
                query.execute(&mut *connection).await?;
            }
        }
    }
    Ok(())
}

/// All that is stored.
pub(super) async fn read(readers: &SqlitePool) -> sqlx::Result<Vec<CredentialHold>> {
    let rows = sqlx::query("SELECT key, kind, held_until, detail FROM credential_hold")
        .fetch_all(readers)
        .await?;
    let mut holds = Vec::with_capacity(rows.len());
    for row in rows {
        let (kind, detail): (String, String) = (row.try_get(1)?, row.try_get(3)?);
        holds.extend(hold(row.try_get(0)?, &kind, row.try_get(2)?, &detail));
    }
    Ok(holds)
}
