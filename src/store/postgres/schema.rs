//! The versions of the tables, and the way from each to the next.
//!
//! The version is in `meta`. sqlx's migrations would keep a table of checksums instead, and name no
//! versions where a database is newer than the program.

use sqlx::{Connection, PgConnection};

use super::statements::TOUCH;
use crate::store::StoreError;

/// Each makes tables of the version of its place in the list ones of the next. What has been released
/// is never changed.
const MIGRATIONS: [&str; 2] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_credential_holds.sql"),
];

/// The version that this program works with.
const VERSION: i64 = MIGRATIONS.len() as i64;

/// Marks tables as this program's.
const PROGRAM: &str = "dcs-wait";

/// What all of the tables are called.
const TABLES: [&str; 8] = [
    "meta", "instance", "watch", "answers", "delivery", "attempt", "duration", "tally",
];

/// Under which number one daemon after the other looks at the tables: `dcsw` in ASCII.
const LOCK: i64 = 0x6463_7377;

/// The oldest server that is known to do.
const OLDEST_SERVER: i64 = 13;

/// What is to become of tables that aren't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    Made,
    Refused,
}

/// Brings the tables to [`VERSION`], all or nothing. Refuses what isn't this program's or is too new.
/// `place` names the database in messages.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    place: &str,
    absent: Absent,
) -> sqlx::Result<Result<(), StoreError>> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    let version = match examine(&mut transaction, place).await? {
        Ok(0) if absent == Absent::Refused => {
            return Ok(Err(StoreError::Unusable(format!(
                "there is no store in the database {place}; check its name, and the user's \
                 search_path"
            ))));
        }
        Ok(version) => version,
        Err(why) => return Ok(Err(StoreError::Unusable(why))),
    };
    for (step, migration) in (1_i64..).zip(MIGRATIONS) {
        if step > version {
            sqlx::raw_sql(migration).execute(&mut *transaction).await?;
            sqlx::query("UPDATE meta SET version = $1")
                .bind(step)
                .execute(&mut *transaction)
                .await?;
        }
    }
    // A server that only follows another, or a user that may only read, is found out now.
    sqlx::query(TOUCH).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// The version of the tables, 0 where there are none; or why they aren't to be touched.
async fn examine(connection: &mut PgConnection, place: &str) -> sqlx::Result<Result<i64, String>> {
    let (server, encoding, schema): (i64, String, Option<String>) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::bigint, \
         current_setting('server_encoding'), current_schema()::text",
    )
    .fetch_one(&mut *connection)
    .await?;
    let server = server / 10_000;
    if server < OLDEST_SERVER {
        return Ok(Err(format!(
            "the server of {place} is PostgreSQL {server}, and {OLDEST_SERVER} is the oldest that \
             will do; update it"
        )));
    }
    if encoding != "UTF8" {
        return Ok(Err(format!(
            "the database {place} is encoded in {encoding}; create another with: createdb \
             --encoding=UTF8 --template=template0"
        )));
    }
    let Some(schema) = schema else {
        return Ok(Err(format!(
            "the database {place} has no schema to keep tables in; create one that the user's \
             search_path names"
        )));
    };
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace \
         AND relname = ANY($2)",
    )
    .bind(format!("\"{}\"", schema.replace('"', "\"\"")))
    .bind(TABLES.map(str::to_owned).to_vec())
    .fetch_all(&mut *connection)
    .await?;
    if there.is_empty() {
        return Ok(Ok(0));
    }
    let is_marked: bool = sqlx::query_scalar(
        "SELECT count(*) = 2 FROM pg_attribute \
         WHERE attrelid = to_regclass('meta') AND attname IN ('program', 'version')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mark: Option<(String, i64)> = match is_marked {
        true => {
            sqlx::query_as("SELECT program::text, version::bigint FROM meta")
                .fetch_optional(&mut *connection)
                .await?
        }
        false => None,
    };
    Ok(match mark {
        Some((program, version)) if program == PROGRAM && version > VERSION => Err(format!(
            "the store {place} has version {version}, and this program works with versions up to \
             {VERSION}; run the newer program, or restore a backup from before it"
        )),
        Some((program, version)) if program == PROGRAM && there.len() == TABLES.len() => {
            Ok(version)
        }
        _ => Err(format!(
            "the database {place} has tables called {} that are another program's, or not all of \
             a store's; give the store a database of its own, or restore a backup",
            there.join(", ")
        )),
    })
}
