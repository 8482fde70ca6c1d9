//! Connections for one purpose, so that what hurries doesn't wait behind what takes long.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// How long a connection may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(1);

/// After how long a connection that was idle is asked whether it is still there: a server that was
/// started anew knows none of them.
const TRUSTED: Duration = Duration::from_secs(1);

/// At most so many connections, each made when it is first needed. One that was in use when
/// something went wrong, or when nobody waits any more, is dropped, and its transaction with it.
pub(super) struct Lane {
    options: PgConnectOptions,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
    free: Semaphore,
    width: u32,
}

impl Lane {
    pub(super) fn new(options: PgConnectOptions, width: u32) -> Self {
        Self {
            options,
            idle: Mutex::new(Vec::new()),
            free: Semaphore::new(width as usize),
            width,
        }
    }

    /// Has `work` done on a connection, which comes back with the result. All of it, waiting for a
    /// connection included, may take `limit`: a server may be gone without a word.
    pub(super) async fn run<T, W>(
        &self,
        limit: Duration,
        work: impl FnOnce(PgConnection) -> W,
    ) -> sqlx::Result<T>
    where
        W: Future<Output = sqlx::Result<(PgConnection, T)>>,
    {
        let all = async {
            let turn = self.free.acquire().await;
            let _turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
            let connection = match self.sound().await {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            let (connection, result) = work(connection).await?;
            if !self.free.is_closed() {
                self.idle(|idle| idle.push((connection, Instant::now())));
            }
            Ok(result)
        };
        timeout(limit, all).await.unwrap_or_else(|_| {
            let why = format!("the database hasn't answered within {} s", limit.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
        })
    }

    /// A connection that is idle, and still there.
    async fn sound(&self) -> Option<PgConnection> {
        while let Some((mut connection, since)) = self.idle(Vec::pop) {
            if since.elapsed() < TRUSTED || connection.ping().await.is_ok() {
                return Some(connection);
            }
        }
        None
    }

    /// Lets go of all connections, and makes no more.
    pub(super) async fn close(&self) {
        // Whoever has a connection is waited for, for as long as it may take.
        let all = timeout(FAREWELL, self.free.acquire_many(self.width)).await;
        self.free.close();
        drop(all);
        for (connection, _) in self.idle(std::mem::take) {
            // Nothing is lost when this fails: it only tidies up.
            drop(timeout(FAREWELL, connection.close()).await);
        }
    }

    fn idle<T>(&self, use_them: impl FnOnce(&mut Vec<(PgConnection, Instant)>) -> T) -> T {
        use_them(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
