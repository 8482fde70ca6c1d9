//! Transactions that are given up for others.

/// How often a transaction is made that collides with others.
pub(super) const TRIES: u32 = 5;

/// Has `$once` done again as long as it collides with what others do.
macro_rules! again {
    ($once:expr) => {{
        let mut tries = 1;
        loop {
            match $once.await {
                Err(error)
                    if tries < $crate::store::postgres::collisions::TRIES
                        && $crate::store::postgres::collisions::is_collision(&error) =>
                {
                    tries += 1
                }
                result => break result,
            }
        }
    }};
}
pub(super) use again;

/// Whether a transaction was given up for another, and may well succeed now.
pub(super) fn is_collision(error: &sqlx::Error) -> bool {
    const SERIALIZATION_FAILURE: &str = "40001";
    const DEADLOCK: &str = "40P01";
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| [SERIALIZATION_FAILURE, DEADLOCK].contains(&&*code))
}
