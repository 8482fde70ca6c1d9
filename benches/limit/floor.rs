//! The bare limit, in a process of its own: the least that asking for a job, or waiting to ask
//! again, can cost.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::process::Process;
use crate::{asking, jobs};

/// The word that makes the benchmark one of the processes that it measures.
const CHILD: &str = "floor";

/// How long requests are counted, and before that, how long they are made without.
const COUNTED: Duration = Duration::from_secs(10);
const WARMING_UP: Duration = Duration::from_secs(1);

/// How long idle tasks are watched.
const IDLE: Duration = Duration::from_secs(20);

/// What tasks cost that do nothing but sleep.
#[derive(Clone, Copy)]
pub(crate) struct Tasks {
    pub(crate) resident_bytes: f64,
    /// Of one core, all of them together.
    pub(crate) cpu_share: f64,
}

/// Requests per second of CPU time with bare hyper, over 64 connections.
pub(crate) fn requests_per_cpu_second(url: &str) -> f64 {
    measure(&["requests", url])[0]
}

/// What that many tasks cost, each of which holds an ID and sleeps for an hour.
pub(crate) fn tasks(count: usize) -> Tasks {
    let measured = measure(&["tasks", &count.to_string()]);
    Tasks {
        resident_bytes: measured[0],
        cpu_share: measured[1],
    }
}

/// Runs this program again as a child that prints numbers.
fn measure(words: &[&str]) -> Vec<f64> {
    let child = Command::new(std::env::current_exe().unwrap())
        .arg(CHILD)
        .args(words)
        .env("MALLOC_ARENA_MAX", "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "the bare limit couldn't be measured"
    );
    let printed = String::from_utf8(child.stdout).unwrap();
    let words = printed.split_whitespace();
    words.map(|number| number.parse().unwrap()).collect()
}

/// Is the child, where this process was started as one; whether it was.
pub(crate) fn is_child() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [CHILD, "requests", url] => ask(url),
        [CHILD, "tasks", count] => sleep(count.parse().unwrap()),
        _ => return false,
    }
    true
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn ask(url: &str) {
    let counted = runtime().block_on(async {
        let answers = asking::begin(url).await;
        tokio::time::sleep(WARMING_UP).await;
        let (before, cpu) = (answers.load(Ordering::Relaxed), this().cpu());
        tokio::time::sleep(COUNTED).await;
        let counted = answers.load(Ordering::Relaxed) - before;
        counted as f64 / (this().cpu() - cpu).as_secs_f64()
    });
    println!("{counted}");
}

fn sleep(count: usize) {
    let process = this();
    let empty = process.resident_bytes();
    let (resident, cpu) = runtime().block_on(async {
        for number in 0..count {
            let id = jobs::job(number).into_boxed_str();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                drop(id);
            });
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (resident, cpu) = (process.resident_bytes(), process.cpu());
        tokio::time::sleep(IDLE).await;
        (resident, process.cpu() - cpu)
    });
    let each = (resident - empty) as f64 / count as f64;
    println!("{each} {}", cpu.as_secs_f64() / IDLE.as_secs_f64());
}

fn this() -> Process {
    Process(std::process::id())
}
