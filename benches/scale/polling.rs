//! What requests cost, with as many as go out; and how late they are, with few.

use std::path::Path;
use std::time::Duration;

use crate::daemon::{Daemon, Shape};
use crate::metrics::Metrics;
use crate::progress::{say, until_polled};

/// Requests per second that are due where as many go out as can: more than can.
const ALL: f64 = 100_000.0;

/// Requests per second that are due where lateness is measured.
const FEW: f64 = 2_000.0;

/// How long requests are counted.
const COUNTED: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(crate) struct Polling {
    /// Requests per second of the daemon's CPU time.
    pub(crate) per_cpu_second: f64,
    pub(crate) per_second: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Lateness {
    pub(crate) per_second: f64,
    /// In seconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// With the watches of the store in the folder.
pub(crate) async fn measure(url: &str, count: usize, folder: &Path) -> Polling {
    say(&format!("{count} watches: asking as often as can be"));
    let shape = Shape {
        dcs: url.to_owned(),
        interval: interval(count, ALL),
        ..Shape::default()
    };
    let daemon = Daemon::start(folder, &shape).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, cpu) = (Metrics::of(&daemon).await.polls(), daemon.process().cpu());
    tokio::time::sleep(COUNTED).await;
    let polls = Metrics::of(&daemon).await.polls() - before;
    let cpu = daemon.process().cpu() - cpu;
    daemon.kill().await;
    Polling {
        per_cpu_second: polls / cpu.as_secs_f64(),
        per_second: polls / COUNTED.as_secs_f64(),
    }
}

/// With the watches of the store in the folder, each of which is asked for at a time of its own.
pub(crate) async fn lateness(url: &str, count: usize, folder: &Path) -> Lateness {
    say(&format!("{count} watches: asking now and then"));
    let shape = Shape {
        dcs: url.to_owned(),
        interval: interval(count, FEW),
        jitter: 1.0,
        ..Shape::default()
    };
    let daemon = Daemon::start(folder, &shape).await;
    until_polled(&daemon, count).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = Metrics::of(&daemon).await;
    tokio::time::sleep(COUNTED).await;
    let after = Metrics::of(&daemon).await;
    daemon.kill().await;
    let late = after.lateness_since(&before);
    Lateness {
        per_second: (after.polls() - before.polls()) / COUNTED.as_secs_f64(),
        p50: late.quantile(0.5),
        p99: late.quantile(0.99),
    }
}

/// Between two requests for a job, where so many are due per second for all of them.
fn interval(count: usize, per_second: f64) -> Duration {
    let interval = Duration::from_secs_f64(count as f64 / per_second);
    interval.max(Duration::from_millis(10))
}
