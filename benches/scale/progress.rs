//! What is said while something takes its time, and how long it takes the daemon to come to rest.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::metrics::Metrics;

/// Says what goes on, on standard error.
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}

/// Waits until so many requests have been sent since the start.
pub(crate) async fn until_polled(daemon: &Daemon, count: usize) {
    let mut told = 0.0;
    loop {
        let polls = Metrics::of(daemon).await.polls();
        if polls >= count as f64 {
            return;
        }
        if polls >= told + 100_000.0 {
            told = polls;
            say(&format!("  {polls} of {count} jobs have been asked for"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until next to nothing is left to do but wait.
pub(crate) async fn until_at_rest(daemon: &Daemon) {
    const LOOK: Duration = Duration::from_secs(2);
    const AT_REST: Duration = Duration::from_millis(100);
    loop {
        let before = daemon.process().cpu();
        tokio::time::sleep(LOOK).await;
        if daemon.process().cpu() - before <= AT_REST {
            return;
        }
    }
}
