//! An event stream that is opened anew whenever it ends, as when the daemon is restarted.

use std::time::Duration;

use tokio::time::sleep;

use crate::cli::control::{ControlError, Daemon, Events};

/// How long after the end of a stream the next one is asked for, and the most that grows to.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait after so many failures in a row.
pub(super) fn pause(in_a_row: u32) -> Duration {
    FIRST
        .saturating_mul(2_u32.pow(in_a_row.min(8)))
        .min(LONGEST)
}

/// Opens a stream again: tries until it is there, and says of each failure what it was, how many
/// there were in a row, and when the next try is; it may want no more of them.
pub(super) async fn reopen<E: From<ControlError>>(
    daemon: &Daemon,
    query: &[(&str, String)],
    mut failed: impl FnMut(ControlError, u32, Duration) -> Result<(), E>,
) -> Result<Events, E> {
    let mut in_a_row = 0;
    loop {
        sleep(pause(in_a_row)).await;
        match daemon.events(query).await {
            Ok(events) => return Ok(events),
            // Between the making of a socket and its being opened to its group, it is barred.
            Err(error @ (ControlError::Away(_) | ControlError::Barred(_))) => {
                in_a_row += 1;
                failed(error, in_a_row, pause(in_a_row))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
