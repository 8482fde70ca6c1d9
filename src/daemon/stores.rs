//! The store that the configuration names.

use std::sync::Arc;

use super::run::DaemonError;
use crate::config::StorePlace;
use crate::engine::Membership;
use crate::store::{PostgresStore, SharedStore, SqliteStore, Store};

/// An open store, of either kind.
pub(crate) enum Opened {
    /// This daemon's own.
    Sqlite(Arc<SqliteStore>),
    /// One that others may share.
    Postgres(Arc<PostgresStore>),
}

impl Opened {
    /// Opens it. The password of a database is read now, and not again.
    pub(crate) async fn open(place: &StorePlace) -> Result<Self, DaemonError> {
        match place {
            StorePlace::Sqlite(path) => {
                let store = SqliteStore::open(path).await?;
                Ok(Self::Sqlite(Arc::new(store)))
            }
            StorePlace::Postgres(postgres) => {
                let plan = postgres.plan().map_err(DaemonError::Password)?;
                let (instance, lease) = (plan.instance.clone(), plan.lease);
                let store = PostgresStore::open(plan).await?;
                tracing::info!(instance, ?lease, "sharing a store with other daemons");
                Ok(Self::Postgres(Arc::new(store)))
            }
        }
    }

    /// What everything is kept in.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Postgres(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// The same, where others may share it.
    pub(crate) fn shared(&self) -> Option<Arc<dyn SharedStore>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(Arc::clone(store) as Arc<dyn SharedStore>),
        }
    }

    /// The same, where others may share it, with a clock that goes by it.
    pub(crate) fn membership(&self) -> Option<Membership> {
        let clock = Arc::default();
        self.shared().map(|store| Membership { store, clock })
    }

    /// Lets go of it. Nothing can be read or written any more.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
