//! The bare limit to compare the daemon with: `cargo bench --bench limit [-- requests|tasks]...`,
//! both by default.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the clock, and ends where something fails"
)]

mod asking;
mod floor;
#[path = "../common/jobs.rs"]
mod jobs;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/simulator.rs"]
mod simulator;

use simulator::Simulator;

fn main() {
    if floor::is_child() {
        return;
    }
    // Cargo adds `--bench`.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    if wanted("requests") {
        let simulator = Simulator::start(&simulator::running());
        let requests = floor::requests_per_cpu_second(&simulator.url);
        println!("bare hyper, 64 connections: {requests:.0} requests per CPU-second");
    }
    if wanted("tasks") {
        for count in [100_000, 1_000_000] {
            let tasks = floor::tasks(count);
            println!(
                "{count} bare tasks that sleep: {:.0} B each, {:.3} % of a core",
                tasks.resident_bytes,
                tasks.cpu_share * 100.0
            );
        }
    }
}
