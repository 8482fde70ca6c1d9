//! The store that the configuration names.

use std::sync::Arc;

use super::run::DaemonError;
use crate::config::StorePlace;
use crate::store::{SharedStore, SqliteStore, Store, StoreError};

/// An open store, of either kind.
pub(super) enum Opened {
    /// This daemon's own.
    Sqlite(Arc<SqliteStore>),
}

impl Opened {
    /// Opens it. The password of a database is read now, and not again.
    pub(super) async fn open(place: &StorePlace) -> Result<Self, DaemonError> {
        match place {
            StorePlace::Sqlite(path) => {
                let store = SqliteStore::open(path).await?;
                Ok(Self::Sqlite(Arc::new(store)))
            }
            StorePlace::Postgres(postgres) => {
                postgres.plan().map_err(DaemonError::Password)?;
                let why = "this program can't use PostgreSQL yet; give path instead of url";
                Err(StoreError::Unusable(why.to_owned()).into())
            }
        }
    }

    /// What everything is kept in.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// The same, where others may share it.
    #[expect(dead_code, reason = "the engine's parts will have it")]
    pub(super) fn shared(&self) -> Option<Arc<dyn SharedStore>> {
        match self {
            Self::Sqlite(_) => None,
        }
    }

    /// Lets go of it. Nothing can be read or written any more.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }
}
