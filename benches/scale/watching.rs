//! What watches cost that only wait, an hour between two requests: memory, a start, CPU time.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::accepting;
use crate::daemon::{Daemon, Shape};
use crate::progress::{say, until_at_rest, until_polled};

/// How long the idle daemon is looked at.
const IDLE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(crate) struct Watching {
    /// Resident bytes over the empty daemon, per watch, once all have been asked for: of those that
    /// were added, and of those that were restored after kill -9.
    pub(crate) added: f64,
    pub(crate) restored: f64,
    /// From the start of the process until it is ready, with a full store.
    pub(crate) startup: Duration,
    /// Of one core, of the daemon that only waits.
    pub(crate) idle_share: f64,
}

/// Leaves the store behind in the folder.
pub(crate) async fn measure(url: &str, count: usize, folder: &Path) -> Watching {
    let shape = Shape {
        dcs: url.to_owned(),
        // Fewer than it could send: there would be no limit to keep to otherwise.
        max_rps: 20_000,
        ..Shape::default()
    };
    let each = |bytes: u64, empty: u64| bytes.saturating_sub(empty) as f64 / count as f64;
    say(&format!("{count} watches: adding them"));
    let daemon = Daemon::start(folder, &shape).await;
    until_at_rest(&daemon).await;
    let empty = daemon.process().resident_bytes();
    accepting::in_batches(&daemon, 0..count).await;
    until_polled(&daemon, count).await;
    until_at_rest(&daemon).await;
    let added = each(daemon.process().resident_bytes(), empty);
    daemon.kill().await;

    say(&format!("{count} watches: starting with a full store"));
    let start = Instant::now();
    let daemon = Daemon::start(folder, &shape).await;
    let startup = start.elapsed();
    until_polled(&daemon, count).await;
    until_at_rest(&daemon).await;
    let restored = each(daemon.process().resident_bytes(), empty);
    say(&format!("{count} watches: looking at them wait"));
    let before = daemon.process().cpu();
    tokio::time::sleep(IDLE).await;
    let idle = daemon.process().cpu() - before;
    daemon.kill().await;
    Watching {
        added,
        restored,
        startup,
        idle_share: idle.as_secs_f64() / IDLE.as_secs_f64(),
    }
}
