//! The real thing: jobs of a simulated service, waited for by the program itself over HTTP.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use dcs_wait::sim::{ACCESS_KEY, PROJECT_ID, SECRET_KEY, ScriptedJob, SimOptions, Simulator, Step};
use serde_json::Value;

use crate::distributions::Distribution;
use crate::simulate::Waits;

/// Jobs whose ends are learned from.
const HISTORY: usize = 30;

/// Jobs that are measured, all at once.
const JOBS: usize = 300;

/// Waits for jobs of a type that takes 3 s, lognormal with a σ of 0.3.
pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let names = ["exponential", "before", "learned", "history"];
    let lists = [JOBS, JOBS, JOBS, HISTORY];
    let ids = |name: &str, count| {
        (0..count)
            .map(|n| format!("{name}-{n}"))
            .collect::<Vec<_>>()
    };
    let jobs: Vec<Vec<String>> = names
        .iter()
        .zip(lists)
        .map(|(name, n)| ids(name, n))
        .collect();
    let simulator = runtime.block_on(start(&jobs.concat()));
    let state = tempfile::tempdir().unwrap();
    let wait =
        |jobs: &[String], options: &[&str]| wait(&simulator.url(), jobs, options, state.path());
    println!("\nOver HTTP, {JOBS} jobs of around 3 s (lognormal, σ 0.3) at once:\n");
    println!("| schedule | requests a job | mean delay | p95 delay |");
    println!("|---|--:|--:|--:|");
    let print = |name: &str, waits: Waits| {
        let averages = waits.averages();
        println!(
            "| {name} | {:.2} | {:.2} s | {:.2} s |",
            averages.requests, averages.delay, averages.p95
        );
    };
    let exponential = wait(&jobs[0], &["--schedule=exponential", "--no-history"]);
    print("exponential", exponential);
    print(
        "learned, without history",
        wait(&jobs[1], &["--no-history"]),
    );
    wait(&jobs[3], &[]);
    print("learned, after 30", wait(&jobs[2], &[]));
}

async fn start(ids: &[String]) -> Simulator {
    let takes = Distribution::around(3.0);
    let mut random = fastrand::Rng::with_seed(1);
    let jobs = ids.iter().map(|id| {
        let took = Duration::from_secs_f64(takes.draw(&mut random));
        ScriptedJob::new(id.parse().unwrap(), "masterStandbySwapJob")
            .then(Step::running().lasting(took))
            .then(Step::success())
    });
    let options = SimOptions {
        jobs: jobs.collect(),
        ..SimOptions::default()
    };
    let address = "127.0.0.1:0".parse().unwrap();
    Simulator::start(address, options).await.unwrap()
}

/// Waits for jobs with the program; a job's delay is the time from its end until the line that says
/// so has been read.
fn wait(endpoint: &str, jobs: &[String], options: &[&str], state: &Path) -> Waits {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dcs-wait"))
        .args(jobs)
        .args(options)
        .args(["--output=json", "--quiet", "--max-rps=10000"])
        .env_clear()
        .env("XDG_STATE_HOME", state)
        .env("DCS_WAIT_ENDPOINT", endpoint)
        .env("DCS_WAIT_PROJECT_ID", PROJECT_ID)
        .env("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        .env("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut waits = Waits::default();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let known = SystemTime::now();
        let result: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let ended = humantime::parse_rfc3339(result["end_time"].as_str().unwrap()).unwrap();
        let delay = known.duration_since(ended).unwrap_or_default();
        waits.add(
            result["polls"].as_u64().unwrap() as usize,
            delay.as_secs_f64(),
        );
    }
    assert!(child.wait().unwrap().success());
    waits
}
