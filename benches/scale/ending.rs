//! Many jobs that end within seconds: whether every outcome is stored and every webhook sent, and how
//! soon.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::accepting;
use crate::daemon::{Daemon, Shape};
use crate::metrics::Metrics;
use crate::progress::say;
use crate::receiver::Receiver;
use crate::simulator::Simulator;
use crate::statistics::Spread;

/// Jobs that end per second; all of them within ten seconds at most up to 100,000.
const PER_SECOND: f64 = 10_000.0;
const SHORTEST: Duration = Duration::from_secs(10);

/// How many parts the jobs are added in, evenly over the time that they then end in.
const PARTS: usize = 100;

/// What is late by this much is missing.
const MISSING: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub(crate) struct Ending {
    /// Outcomes in the store, and jobs whose webhooks have arrived.
    pub(crate) stored: usize,
    pub(crate) sent: usize,
    /// From the first to the last outcome.
    pub(crate) over: Duration,
    /// From an outcome to its webhook.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Each job goes on at the first request for it and has ended at the second, an interval later; so
/// they end as they were added.
pub(crate) async fn measure(count: usize) -> Ending {
    say(&format!("{count} watches: ending them"));
    let simulator = Simulator::start(&json!([{ "status": "RUNNING" }, { "status": "SUCCESS" }]));
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let over = SHORTEST.max(Duration::from_secs_f64(count as f64 / PER_SECOND));
    let shape = Shape {
        dcs: simulator.url.clone(),
        webhook: Some(receiver.address),
        interval: 2 * over,
        jitter: 0.0,
        ..Shape::default()
    };
    let daemon = Daemon::start(folder.path(), &shape).await;
    let mut turns = tokio::time::interval(over / PARTS as u32);
    for part in 0..PARTS {
        turns.tick().await;
        let jobs = count * part / PARTS..count * (part + 1) / PARTS;
        accepting::in_batches(&daemon, jobs).await;
    }
    let (mut sent, mut last) = (0, Instant::now());
    while sent < count && last.elapsed() < shape.interval + MISSING {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = receiver.count();
        if now > sent {
            (sent, last) = (now, Instant::now());
        }
    }
    let stored = Metrics::of(&daemon).await;
    let stored = stored.get("dcs_wait_stored_watches{state=\"ended\"}");
    daemon.stop().await;

    let arrived: Vec<_> = receiver.arrived().into_values().collect();
    let outcomes = || arrived.iter().map(|arrival| arrival.ended);
    let first = outcomes().min().unwrap_or(SystemTime::UNIX_EPOCH);
    let last = outcomes().max().unwrap_or(first);
    let delays = arrived.iter();
    let delays = delays.map(|one| one.at.duration_since(one.ended).unwrap_or_default());
    let delays = Spread::of(delays.collect());
    Ending {
        stored: stored as usize,
        sent: arrived.len(),
        over: last.duration_since(first).unwrap_or_default(),
        p50: delays.percentile(50),
        p99: delays.percentile(99),
    }
}
