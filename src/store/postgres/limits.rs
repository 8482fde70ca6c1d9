//! How long the server works, and how long this side waits for it.

use std::time::Duration;

use crate::store::limits::{CLIENT_MARGIN, WRITE_TIMEOUT};

/// How long anything may take, waiting for a connection included.
pub(super) const QUERY_TIMEOUT: Duration = WRITE_TIMEOUT;

/// How long what changes much may take.
pub(super) const BULK_QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much sooner than a statement a wait for a lock ends: the server's error then names the lock.
const LOCK_MARGIN: Duration = Duration::from_secs(1);

/// The server's own limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerLimits {
    lock: Duration,
    pub(super) statement: Duration,
}

impl ServerLimits {
    /// For statements that are waited for during [`QUERY_TIMEOUT`].
    pub(super) const QUERY: Self = Self::within(QUERY_TIMEOUT);

    /// For statements that are waited for during [`BULK_QUERY_TIMEOUT`].
    pub(super) const BULK: Self = Self::within(BULK_QUERY_TIMEOUT);

    /// The limits of a server whose client waits this long.
    const fn within(client: Duration) -> Self {
        let statement = client.saturating_sub(CLIENT_MARGIN);
        Self {
            lock: statement.saturating_sub(LOCK_MARGIN),
            statement,
        }
    }

    /// The limits as parameters of a connection.
    pub(super) fn parameters(self) -> [(&'static str, String); 4] {
        let statement = setting(self.statement);
        [
            ("lock_timeout", setting(self.lock)),
            ("statement_timeout", statement.clone()),
            ("idle_in_transaction_session_timeout", statement.clone()),
            // A client that no longer reads a large answer holds locks meanwhile.
            ("tcp_user_timeout", statement),
        ]
    }
}

/// A duration as the server reads it.
pub(super) fn setting(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_gives_up_before_its_client_does() {
        for (client, server) in [
            (QUERY_TIMEOUT, ServerLimits::QUERY),
            (BULK_QUERY_TIMEOUT, ServerLimits::BULK),
        ] {
            assert!(server.statement + CLIENT_MARGIN <= client, "{server:?}");
            assert!(server.lock + LOCK_MARGIN <= server.statement, "{server:?}");
            assert!(!server.lock.is_zero(), "{server:?}");
        }
    }

    #[test]
    fn limits_are_written_in_milliseconds() {
        let names = ServerLimits::QUERY.parameters();
        assert_eq!(names[0], ("lock_timeout", "4000ms".to_owned()));
        assert_eq!(names[1], ("statement_timeout", "5000ms".to_owned()));
    }
}
