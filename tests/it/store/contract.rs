//! What every store promises. Each promise is tried on each form of store.

mod deliveries;
mod durations;
mod holds;
mod lists;
mod pruning;
mod round_trip;
mod watches;

/// Makes a test of each promise for each form.
macro_rules! each_form {
    ($($promise:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&dcs_wait::store::MemoryStore::new()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let (_directory, path) = crate::store::samples::place();
                let store = crate::store::samples::opened(&path).await;
                super::$promise(&store).await;
                store.close().await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                let database = crate::postgres::Database::new().await;
                let store = database.joined("one").await;
                super::$promise(&store).await;
                store.close().await;
            })*
        }
    };
}
use each_form;
