//! What several daemons that share a store can rely on.

mod claims;
mod fences;
mod instances;
mod notices;
mod replays;
mod room;
mod wishes;

use dcs_wait::model::{Delivery, DeliveryState, Fence, Outcome, WatchRecord};
use dcs_wait::store::{Alive, Change, Held, PostgresStore, Renewal, SharedStore};

use super::samples::{accept, attempted, commit, delivery, end};
use crate::postgres::Database;

/// Two daemons that share a database and know of each other.
async fn two() -> (Database, PostgresStore, PostgresStore) {
    let database = Database::new().await;
    let one = database.joined("one").await;
    let two = database.joined("two").await;
    alive(&one).await;
    alive(&two).await;
    (database, one, two)
}

async fn close(stores: [&PostgresStore; 2]) {
    for store in stores {
        store.close().await;
    }
}

/// Renews a lease that hasn't been lost.
async fn alive(store: &PostgresStore) -> Alive {
    match store.renew(Held::default()).await.unwrap() {
        Renewal::Renewed(alive) => alive,
        Renewal::Lost => panic!("its lease is lost"),
    }
}

/// Has the lease of an instance end, as time does.
async fn expire(database: &Database, instance: &str) {
    let sql = format!("UPDATE instance SET expires_at = 0 WHERE name = '{instance}'");
    database.change(&sql).await;
}

/// Has an instance end without a word, and another find that out.
async fn die(database: &Database, instance: &str, other: &PostgresStore) {
    expire(database, instance).await;
    alive(other).await;
}

/// The same change under another fence.
fn under(fence: u32, mut change: Change) -> Change {
    match &mut change {
        Change::Note { fence: of, .. }
        | Change::End { fence: of, .. }
        | Change::Release { fence: of, .. }
        | Change::Attempted { fence: of, .. } => *of = Fence::new(fence),
        _ => panic!("it has no fence: {change:?}"),
    }
    change
}

/// Accepts watches of these numbers.
async fn accept_each(store: &PostgresStore, numbers: std::ops::Range<u64>) {
    let accepts: Vec<Change> = numbers.map(accept).collect();
    commit(store, &accepts).await;
}

/// Accepts and ends a watch that owes a delivery of the same number.
async fn owe(store: &PostgresStore, n: u64) {
    let owed = vec![delivery(n, n, "ci")];
    commit(store, &[accept(n), end(n, Outcome::Failed, owed)]).await;
}

/// Likewise, and carries it out.
async fn deliver(store: &PostgresStore, n: u64) {
    owe(store, n).await;
    commit(store, &[attempted(n, 1, DeliveryState::Delivered)]).await;
}

/// The number of each watch, and its fence.
fn watches(records: &[WatchRecord]) -> Vec<(u64, u32)> {
    let number = |bytes: &[u8; 16]| u64::from_be_bytes(bytes[..8].try_into().unwrap());
    let both = |one: &WatchRecord| (number(one.watch.id.as_bytes()), one.fence.number());
    records.iter().map(both).collect()
}

/// Likewise of deliveries.
fn deliveries(deliveries: &[Delivery]) -> Vec<(u64, u32)> {
    let number = |bytes: &[u8; 16]| u64::from_be_bytes(bytes[..8].try_into().unwrap());
    let both = |one: &Delivery| (number(one.id.as_bytes()), one.fence.number());
    deliveries.iter().map(both).collect()
}
