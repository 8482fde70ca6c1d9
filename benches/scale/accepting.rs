//! How fast watches are accepted, each on disk before its answer. The limit on requests is the usual
//! one, so that what is accepted isn't slowed down by what is asked.

use std::ops::Range;
use std::time::Instant;

use serde_json::{Value, json};

use crate::daemon::{Daemon, Shape};
use crate::jobs::job;
use crate::progress::say;

/// The most watches in one request.
const BATCH: usize = 1000;

/// The most that are added one by one.
const ONE_BY_ONE: usize = 20_000;

/// Watches per second.
#[derive(Clone, Copy)]
pub(crate) struct Accepting {
    /// One in a request, by 64 clients at once.
    pub(crate) one_by_one: f64,
    /// Many in a request, one request after the other.
    pub(crate) in_batches: f64,
}

pub(crate) async fn measure(url: &str, count: usize) -> Accepting {
    say(&format!("{count} watches: accepting them"));
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        dcs: url.to_owned(),
        max_rps: 10,
        ..Shape::default()
    };
    let daemon = Daemon::start(folder.path(), &shape).await;
    let first = ONE_BY_ONE.min(count / 2);
    let start = Instant::now();
    daemon.add(0..first).await;
    let one_by_one = first as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    in_batches(&daemon, first..count).await;
    let in_batches = (count - first) as f64 / start.elapsed().as_secs_f64();
    daemon.kill().await;
    Accepting {
        one_by_one,
        in_batches,
    }
}

/// Adds watches for the jobs with these numbers, as many in a request as may be.
pub(crate) async fn in_batches(daemon: &Daemon, jobs: Range<usize>) {
    let client = daemon.client();
    for first in jobs.clone().step_by(BATCH) {
        let batch = first..jobs.end.min(first + BATCH);
        let length = batch.len();
        let watches: Vec<Value> = batch
            .map(|number| json!({ "job_id": job(number) }))
            .collect();
        let answer = client
            .post("http://daemon/v1/watches/batch")
            .header("content-type", "application/json")
            .body(json!({ "watches": watches }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let accepted: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(accepted["watches"].as_array().unwrap().len(), length);
    }
}
