//! An event stream that is opened anew whenever it ends, as when the daemon is restarted.

use std::time::Duration;

use tokio::time::sleep;

use crate::cli::control::{ControlError, Daemon, Events};

/// How long after the end of a stream the next one is asked for, and the most that grows to.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// Opens a stream again: tries until it is there, and says of each failure what it was, how many
/// there were in a row, and when the next try is; it may want no more of them.
pub(super) async fn reopen<E: From<ControlError>>(
    daemon: &Daemon,
    query: &[(&str, String)],
    mut failed: impl FnMut(ControlError, u32, Duration) -> Result<(), E>,
) -> Result<Events, E> {
    let mut next = FIRST;
    let mut in_a_row = 0;
    loop {
        sleep(next).await;
        match daemon.events(query).await {
            Ok(events) => return Ok(events),
            // Between the making of a socket and its being opened to its group, it is barred.
            Err(error @ (ControlError::Away(_) | ControlError::Barred(_))) => {
                in_a_row += 1;
                next = (next * 2).min(LONGEST);
                failed(error, in_a_row, next)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
