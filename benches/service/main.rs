//! Measures how soon a webhook tells that a job has ended: `cargo bench --bench service`. The service
//! that the daemon asks and the receiver of its webhooks are in this process.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, prints, and ends where something fails"
)]

#[path = "../common/daemon.rs"]
#[expect(dead_code, reason = "benches/scale asks more of it")]
mod daemon;
mod dcs;
#[path = "../common/jobs.rs"]
mod jobs;
#[path = "../common/process.rs"]
#[expect(dead_code, reason = "benches/scale asks more of it")]
mod process;
#[path = "../common/receiver.rs"]
mod receiver;
#[path = "../common/serve.rs"]
mod serve;
#[path = "../common/statistics.rs"]
mod statistics;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use daemon::{Daemon, Shape};
use dcs::Dcs;
use receiver::{Arrival, Receiver};
use statistics::Spread;

/// Jobs that end within the same second.
const ENDING: usize = 1000;

/// From the answer that says `SUCCESS` to the first byte of the webhook's request, with
/// everything in between: parsing, the verdict, the transaction with its fsync, signing, sending.
#[tokio::main]
async fn main() {
    let dcs = Dcs::start().await;
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        dcs: dcs.url.clone(),
        webhook: Some(receiver.address),
        interval: Duration::from_secs(1),
        ..Shape::default()
    };
    let daemon = Daemon::start(folder.path(), &shape).await;
    daemon.add(0..ENDING).await;
    dcs.until_all_were_asked(ENDING).await;
    // The jobs end one after the other, evenly over a second, two seconds from now on.
    dcs.end_all(
        SystemTime::now() + Duration::from_secs(2),
        Duration::from_secs(1),
    );
    while receiver.count() < ENDING {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (arrived, answered) = (receiver.arrived(), dcs.answered());
    let after = |since: fn(&Arrival, SystemTime) -> SystemTime| {
        let delays = arrived.iter();
        let delays = delays.map(|(job, arrival)| {
            let since = since(arrival, answered[job]);
            arrival.at.duration_since(since).unwrap_or_default()
        });
        Spread::of(delays.collect())
    };
    println!(
        "\n{ENDING} jobs that end within a second, from the answer to the webhook:\n  {}",
        after(|_, answered| answered)
    );
    println!(
        "of that, from the outcome's time on, in whole milliseconds:\n  {}",
        after(|arrival, _| arrival.ended)
    );
    println!(
        "beside it, 100 appends to a file with fsync on the same disk:\n  {}",
        Spread::of(fsyncs(folder.path()))
    );
    daemon.stop().await;
}

fn fsyncs(folder: &Path) -> Vec<Duration> {
    let mut file = File::create(folder.join("fsync")).unwrap();
    (0..100)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_all().unwrap();
            start.elapsed()
        })
        .collect()
}
