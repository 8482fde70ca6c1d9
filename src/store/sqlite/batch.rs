//! Many rows by one statement.
//!
//! A connection of sqlx is a thread, and each statement a trip to it and back, which costs more than
//! most of the statements do. So a statement is kept in forms for several rows at once.

use std::collections::HashSet;

use sqlx::SqliteConnection;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use super::values::id_bytes;
use crate::store::changes::distinct;

/// A statement with its parameters still to come.
pub(super) type Prepared = Query<'static, Sqlite, SqliteArguments>;

/// How many rows a statement has a form for; the largest first, and one last.
const SIZES: [usize; 3] = [64, 8, 1];

/// A statement for several rows.
pub(super) struct Batch(Vec<(usize, String)>);

impl Batch {
    /// A statement about the rows of a table `new` with these columns, which begins after this.
    pub(super) fn new(columns: &str, statement: &str) -> Self {
        let parameters = vec!["?"; columns.split(',').count()].join(", ");
        let forms = SIZES.map(|size| {
            let rows = vec![format!("({parameters})"); size].join(", ");
            let sql = format!("WITH new ({columns}) AS (VALUES {rows}) {statement}");
            (size, sql)
        });
        Self(forms.into())
    }

    /// Runs the statement for the rows in their order. Says for each whether it changed anything,
    /// which are those whose ID the statement returns.
    pub(super) async fn run<T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[T],
        id: impl Fn(&T) -> [u8; 16],
        bind: impl Fn(Prepared, &T) -> Prepared,
    ) -> sqlx::Result<Vec<bool>> {
        let mut changed = Vec::with_capacity(rows.len());
        for rows in distinct(rows, &id) {
            for (rows, sql) in self.parts(rows) {
                let query = rows.iter().fold(sqlx::query(sql), &bind);
                let returned = query.fetch_all(&mut *connection).await?;
                let returned: HashSet<[u8; 16]> = returned
                    .iter()
                    .map(|row| id_bytes(row, 0).map_err(sqlx::Error::Decode))
                    .collect::<Result<_, _>>()?;
                changed.extend(rows.iter().map(|row| returned.contains(&id(row))));
            }
        }
        Ok(changed)
    }

    /// Runs a statement that returns nothing for the rows in their order.
    pub(super) async fn execute<T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(Prepared, &T) -> Prepared,
    ) -> sqlx::Result<()> {
        for (rows, sql) in self.parts(rows) {
            let query = rows.iter().fold(sqlx::query(sql), &bind);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The rows in parts of the sizes that there are, each with its form.
    fn parts<'a, T>(&'static self, rows: &'a [T]) -> impl Iterator<Item = (&'a [T], &'static str)> {
        let mut left = rows;
        std::iter::from_fn(move || {
            let (size, sql) = self.0.iter().find(|(size, _)| *size <= left.len())?;
            let (now, later) = left.split_at_checked(*size)?;
            left = later;
            Some((now, sql.as_str()))
        })
    }
}
