//! The store that the configuration names.

use std::sync::Arc;

use super::run::DaemonError;
use crate::config::StorePlace;
use crate::engine::Membership;
use crate::store::{PostgresStore, SharedStore, SqliteStore, Store, StoreError};

/// An open store, of either kind.
pub(crate) enum Opened {
    /// This daemon's own.
    Sqlite(Arc<SqliteStore>),
    /// One that others may share.
    Postgres(Arc<PostgresStore>),
}

impl Opened {
    /// Opens it for a daemon. The password of a database is read now, and not again.
    pub(crate) async fn open(place: &StorePlace) -> Result<Self, DaemonError> {
        let opened = Self::open_to_copy(place).await?;
        let why = match opened.store().is_unfinished().await {
            Ok(false) => return Ok(opened),
            // What a daemon did here meanwhile would keep the copy from ever going on.
            Ok(true) => StoreError::Unusable(
                "a copy into the store was begun, and isn't finished: finish it with the same \
                 dcs-wait store migrate, or begin with an empty store"
                    .to_owned(),
            ),
            Err(error) => error,
        };
        opened.close().await;
        Err(why.into())
    }

    /// Opens it to copy another store into it; a copy may have been begun before.
    pub(crate) async fn open_to_copy(place: &StorePlace) -> Result<Self, DaemonError> {
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

    /// Opens the store that there is, and makes none.
    pub(crate) async fn open_existing(place: &StorePlace) -> Result<Self, DaemonError> {
        match place {
            StorePlace::Sqlite(path) => {
                let store = SqliteStore::open_existing(path).await?;
                Ok(Self::Sqlite(Arc::new(store)))
            }
            StorePlace::Postgres(postgres) => {
                let plan = postgres.plan().map_err(DaemonError::Password)?;
                let store = PostgresStore::open_existing(plan).await?;
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
