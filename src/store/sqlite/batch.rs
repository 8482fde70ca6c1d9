//! Many rows by one statement.
//!
//! A connection of sqlx is a thread, and each statement a trip to it, which costs more than most of
//! the statements do. So a statement is also kept in forms that are it several times over.

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Either, Executor, SqliteConnection};

/// A statement with its parameters still to come.
pub(super) type Prepared = Query<'static, Sqlite, SqliteArguments>;

/// A statement in several sizes.
pub(super) struct Batch {
    /// How many times over, and its text; the largest first, and once last.
    pub(super) sizes: [(usize, &'static str); 3],
}

/// Makes a [`Batch`] of a statement that ends with a semicolon.
macro_rules! batch {
    ($sql:expr) => {
        crate::store::sqlite::batch::Batch {
            sizes: [
                (
                    16,
                    concat!(
                        $sql, $sql, $sql, $sql, $sql, $sql, $sql, $sql, $sql, $sql, $sql, $sql,
                        $sql, $sql, $sql, $sql,
                    ),
                ),
                (4, concat!($sql, $sql, $sql, $sql)),
                (1, $sql),
            ],
        }
    };
}
pub(super) use batch;

impl Batch {
    /// Runs the statement for each of the rows in turn. Says for each whether it changed anything.
    pub(super) async fn run<T>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(Prepared, &T) -> Prepared,
    ) -> sqlx::Result<Vec<bool>> {
        let mut changed = Vec::with_capacity(rows.len());
        let mut left = rows;
        for (size, sql) in self.sizes {
            while let Some((now, later)) = left.split_at_checked(size) {
                if now.is_empty() {
                    break;
                }
                left = later;
                let query = now.iter().fold(sqlx::query(sql), &bind);
                let mut results = pin!(connection.fetch_many(query));
                while let Some(result) = poll_fn(|cx| results.as_mut().poll_next(cx)).await {
                    if let Either::Left(done) = result? {
                        changed.push(done.rows_affected() > 0);
                    }
                }
            }
        }
        Ok(changed)
    }
}
