//! A store that a copy was begun into, and isn't finished, is marked.

use dcs_wait::store::{
    CopyError, MemoryStore, PostgresStore, SharedStore, SqliteStore, Store, copy,
};

use super::copying::{everything, fill};
use super::samples::{opened, place};
use crate::postgres::Database;

async fn copied(from: &dyn Store, to: &dyn Store) -> Result<(), CopyError> {
    copy(from, to, &mut |_| {}).await.map(drop)
}

async fn is_marked_and_unmarked(store: &dyn Store) {
    let counts = store.counts().await.unwrap();
    assert!(!store.is_unfinished().await.unwrap());
    for mark in [false, true, true, false] {
        store.mark_unfinished(mark).await.unwrap();
        assert_eq!(store.is_unfinished().await.unwrap(), mark);
    }
    assert_eq!(store.counts().await.unwrap(), counts);
}

#[tokio::test]
async fn every_store_can_be_marked() {
    is_marked_and_unmarked(&MemoryStore::new()).await;
    let (_directory, path) = place();
    let store = opened(&path).await;
    is_marked_and_unmarked(&store).await;
    store.close().await;
    let database = Database::new().await;
    let store = database.opened().await;
    is_marked_and_unmarked(&store).await;
    store.close().await;
}

#[tokio::test]
async fn the_mark_outlives_whoever_made_it() {
    let (_directory, path) = place();
    let store = opened(&path).await;
    store.mark_unfinished(true).await.unwrap();
    store.close().await;
    let store = opened(&path).await;
    assert!(store.is_unfinished().await.unwrap());
    store.close().await;

    let database = Database::new().await;
    let store = database.opened().await;
    store.mark_unfinished(true).await.unwrap();
    store.close().await;
    let store = database.opened().await;
    assert!(store.is_unfinished().await.unwrap());
    // Whoever made it is gone, so another may go on.
    store.mark_unfinished(true).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_daemon_that_had_opened_it_before_cannot_join_it_either() {
    let database = Database::new().await;
    let (early, copying) = (database.opened().await, database.opened().await);
    copying.mark_unfinished(true).await.unwrap();
    let refused = early.join().await.unwrap_err().to_string();
    assert!(refused.contains("a copy into the store"), "{refused}");
    copying.mark_unfinished(false).await.unwrap();
    early.join().await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_whole_is_not_copied() {
    let (from, to) = (MemoryStore::new(), MemoryStore::new());
    fill(&from).await;
    from.mark_unfinished(true).await.unwrap();
    let refused = copied(&from, &to).await.unwrap_err();
    assert!(matches!(refused, CopyError::From(_)), "{refused}");
    assert!(refused.to_string().contains("isn't finished"), "{refused}");
    assert!(!to.is_unfinished().await.unwrap());
}

#[tokio::test]
async fn a_store_is_not_copied_into_itself() {
    let database = Database::new().await;
    let (one, same) = (database.opened().await, database.opened().await);
    fill(&one).await;
    let before = everything(&one).await;
    let refused = copied(&one, &same).await.unwrap_err();
    assert!(matches!(refused, CopyError::Same), "{refused}");
    assert!(!one.is_unfinished().await.unwrap());
    assert_eq!(everything(&one).await, before);
    one.close().await;
    same.close().await;
}

#[tokio::test]
async fn of_two_copies_into_one_database_the_second_is_refused() {
    let from = MemoryStore::new();
    fill(&from).await;
    let database = Database::new().await;
    let (first, second) = (database.opened().await, database.opened().await);
    first.mark_unfinished(true).await.unwrap();
    let refused = copied(&from, &second).await.unwrap_err();
    assert!(refused.to_string().contains("another copy"), "{refused}");
    copied(&from, &first).await.unwrap();
    // Now all is there.
    copied(&from, &second).await.unwrap();
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_database_that_a_daemon_has_joined_is_not_marked() {
    let database = Database::new().await;
    let store = database.opened().await;
    let daemon = database.joined("dcs-7").await;
    let refused = store.mark_unfinished(true).await.unwrap_err();
    let expected = "the daemon dcs-7 uses the database; stop it first";
    assert_eq!(refused.to_string(), expected);
    assert!(!store.is_unfinished().await.unwrap());
    daemon.leave().await.unwrap();
    store.mark_unfinished(true).await.unwrap();
    daemon.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_store_that_is_to_be_there_is_not_made() {
    let database = Database::new().await;
    let refused = PostgresStore::open_existing(database.plan("one")).await;
    let refused = refused.map(drop).unwrap_err().to_string();
    let expected = format!("there is no store in the database {}", database.name());
    assert!(refused.starts_with(&expected), "{refused}");
    let mut connection = database.connected().await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let tables: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(tables, 0);
    database.opened().await.close().await;
    let store = PostgresStore::open_existing(database.plan("one")).await;
    store.unwrap().close().await;

    let (directory, path) = place();
    std::fs::write(&path, "").unwrap();
    let refused = SqliteStore::open_existing(&path).await;
    let refused = refused.map(drop).unwrap_err().to_string();
    assert!(refused.starts_with("there is no store in the file "));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    std::fs::remove_file(&path).unwrap();
    opened(&path).await.close().await;
    let store = SqliteStore::open_existing(&path).await;
    store.unwrap().close().await;
}
