//! The versions of the database, and the way from each to the next.
//!
//! The version is SQLite's own `user_version`. sqlx's migrations would keep a table of checksums
//! instead, and name no versions where a database is newer than the program.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// Marks a database as this program's: `dcsw` in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x6463_7377;

/// Each makes a database of the version of its place in the list one of the next. What has been
/// released is never changed.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_durations.sql"),
    include_str!("migrations/0003_fewer_pages.sql"),
    include_str!("migrations/0004_clock.sql"),
    include_str!("migrations/0005_credential_holds.sql"),
];

/// The version that this program works with.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings a database to [`VERSION`], each step in a transaction of its own.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    for (step, migration) in (1_i64..).zip(MIGRATIONS) {
        if step > version {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::raw_sql(migration).execute(&mut *transaction).await?;
            mark(&mut transaction, step).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

/// Writes into the database's first page what it is.
pub(super) async fn mark(connection: &mut SqliteConnection, version: i64) -> sqlx::Result<()> {
    let sql = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
