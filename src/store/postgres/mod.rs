//! A store in a PostgreSQL database, which several daemons share.

mod lease;

use std::time::Duration;

use secrecy::SecretString;

use super::StoreError;

/// Where a PostgreSQL database is, and how this process appears in it.
#[derive(Debug, Clone)]
pub struct PostgresPlan {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password; with `sslmode`, `sslrootcert`,
    /// `host` (the directory of a Unix socket) as parameters.
    pub url: String,
    /// The password, where one is needed.
    pub password: Option<SecretString>,
    /// What this process is called among those that share the database; unique names are kinder, but
    /// each run is an instance of its own all the same.
    pub instance: String,
    /// How long a lease is.
    pub lease: Duration,
}

impl PostgresPlan {
    /// Whether a database can be reached by this URL at all; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with it, and what to do: the part of a sentence that follows its name.
    pub fn check_url(_url: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Keeps everything in a PostgreSQL database.
pub struct PostgresStore {
    plan: PostgresPlan,
}

impl PostgresStore {
    /// Opens the store, and makes its tables where there are none. Joins nobody yet.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when waiting doesn't help: the URL, the password or the database are
    /// wrong, or it is a newer version's. [`StoreError::NotNow`] when that may pass.
    pub async fn open(plan: PostgresPlan) -> Result<Self, StoreError> {
        Ok(Self { plan })
    }

    /// Closes all connections.
    pub async fn close(&self) {}
}
