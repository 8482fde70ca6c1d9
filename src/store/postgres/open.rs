//! Opening a store: everything is looked at before anything is changed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::errors::unopened;
use super::lane::Lane;
use super::limits::{BULK_QUERY_TIMEOUT, ServerLimits};
use super::notices::Notices;
use super::schema::Absent;
use super::statements::PLANNING;
use super::url::Address;
use super::write::BOUNDLESS;
use super::{PostgresPlan, PostgresStore, This, schema};
use crate::environment::ProcessEnvironment;
use crate::sanitize::system_words;
use crate::secret::ExposeSecret;
use crate::store::StoreError;

/// How many connections read.
const READERS: u32 = 2;

pub(super) async fn open(plan: PostgresPlan, absent: Absent) -> Result<PostgresStore, StoreError> {
    let address = Address::parse(&plan.url)
        .map_err(|why| StoreError::Unusable(format!("the store's URL {why}")))?;
    if let Some(name) = address.meddling(&ProcessEnvironment) {
        return Err(StoreError::Unusable(format!(
            "the environment has {name}, which would change how the database is reached; remove \
             it, as [store] url says all of that"
        )));
    }
    if let Some(roots) = address.roots()
        && let Err(error) = fs::File::open(roots)
    {
        return Err(StoreError::Unusable(format!(
            "sslrootcert {} in [store] url can't be read: {}",
            roots.display(),
            system_words(&error)
        )));
    }
    let options = address.options();
    let options = match &plan.password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    };
    timeout(BULK_QUERY_TIMEOUT, prepare(&address, &options, absent))
        .await
        .unwrap_or_else(|_| {
            Err(StoreError::NotNow {
                doing: "opened",
                why: format!(
                    "{} hasn't answered within {} s",
                    address.server(),
                    BULK_QUERY_TIMEOUT.as_secs()
                ),
            })
        })?;
    let this = Arc::new(This {
        id: AtomicI64::new(0),
        has_left: AtomicBool::new(false),
        has_others: AtomicBool::new(false),
        room: AtomicU64::new(BOUNDLESS),
    });
    Ok(PostgresStore {
        plan,
        writer: Lane::new(options.clone().options(PLANNING), 1),
        leases: Lane::new(options.clone(), 1),
        readers: Lane::new(options.clone(), READERS),
        notices: Notices::new(options, Arc::clone(&this)),
        this,
    })
}

/// Has the tables be there, in their last version.
async fn prepare(
    address: &Address,
    options: &PgConnectOptions,
    absent: Absent,
) -> Result<(), StoreError> {
    let unopened = |error| unopened(address, error);
    let place = format!("{} at {}", address.database(), address.server());
    // Migrations take long, and another process that makes the tables holds locks meanwhile.
    let options = options.clone().options(ServerLimits::BULK.parameters());
    let mut connection = options.connect().await.map_err(unopened)?;
    let migrated = schema::migrate(&mut connection, &place, absent).await;
    migrated.map_err(unopened)??;
    // Nothing is lost when this fails: it only tidies up.
    drop(timeout(Duration::from_secs(1), connection.close()).await);
    Ok(())
}
