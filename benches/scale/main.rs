//! Measures the daemon with few watches and with very many: `cargo bench --bench scale [-- COUNT...]
//! [FIGURE...] [--svg FILE]`. Counts are written `1k` or `1M`; the figures are `accepting`,
//! `watching`, `polling`, `lateness` and `ending`. By default it is all of them, with 1k, 10k, 100k
//! and 1M. The service is the simulator in a process of its own, the receiver of the webhooks is in
//! this one.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, prints, and ends where something fails"
)]

mod accepting;
#[path = "../limit/asking.rs"]
mod asking;
#[path = "../common/daemon.rs"]
mod daemon;
mod ending;
mod figures;
#[path = "../limit/floor.rs"]
mod floor;
#[path = "../common/jobs.rs"]
mod jobs;
mod metrics;
mod plot;
mod polling;
#[path = "../common/process.rs"]
mod process;
mod progress;
#[path = "../common/receiver.rs"]
mod receiver;
#[path = "../common/serve.rs"]
mod serve;
#[path = "../common/simulator.rs"]
mod simulator;
#[path = "../common/statistics.rs"]
mod statistics;
#[path = "../common/svg.rs"]
mod svg;
mod table;
mod watching;

use figures::{Bare, Figures};
use progress::say;
use simulator::Simulator;

const COUNTS: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];

/// What was asked for.
struct Wanted {
    counts: Vec<usize>,
    figures: Vec<String>,
    svg: Option<String>,
}

impl Wanted {
    fn from_arguments() -> Self {
        // Cargo adds `--bench`.
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        let mut wanted = Self {
            counts: Vec::new(),
            figures: Vec::new(),
            svg: None,
        };
        while let Some(word) = words.next() {
            match count(&word) {
                Some(count) => wanted.counts.push(count),
                None if word == "--svg" => wanted.svg = words.next(),
                None => wanted.figures.push(word),
            }
        }
        if wanted.counts.is_empty() {
            wanted.counts = COUNTS.to_vec();
        }
        wanted
    }

    fn has(&self, figure: &str) -> bool {
        self.figures.is_empty() || self.figures.iter().any(|word| word == figure)
    }
}

/// Reads `10k`, `1M` and `500`.
fn count(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1000),
        None => text
            .strip_suffix('M')
            .map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    Some(digits.parse::<usize>().ok()? * unit)
}

fn main() {
    if floor::is_child() {
        return;
    }
    let wanted = Wanted::from_arguments();
    let bare = bare(&wanted);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut all = Vec::new();
    for count in &wanted.counts {
        all.push(runtime.block_on(measure(&wanted, *count)));
        // The next may take long.
        if all.len() < wanted.counts.len() {
            say(&table(&all, &bare));
        }
    }
    println!("{}", table(&all, &bare));
    if let Some(path) = wanted.svg {
        std::fs::write(path, plot::svg(&all, &bare)).unwrap();
    }
}

fn table(all: &[Figures], bare: &Bare) -> String {
    let counts: Vec<usize> = all.iter().map(|figures| figures.count).collect();
    table::table(&counts, &figures::rows(all, bare))
}

/// The limit for what is measured.
fn bare(wanted: &Wanted) -> Bare {
    let mut bare = Bare::default();
    if wanted.has("polling") {
        say("bare hyper");
        let simulator = Simulator::start(&simulator::running());
        bare.requests = Some(floor::requests_per_cpu_second(&simulator.url));
    }
    if wanted.has("watching") {
        say("bare tasks");
        let most = wanted.counts.iter().max();
        bare.tasks = most.map(|count| floor::tasks(*count));
    }
    bare
}

async fn measure(wanted: &Wanted, count: usize) -> Figures {
    let simulator = Simulator::start(&simulator::running());
    let url = &simulator.url;
    let mut figures = Figures {
        count,
        ..Figures::default()
    };
    if wanted.has("accepting") {
        figures.accepting = Some(accepting::measure(url, count).await);
    }
    let folder = tempfile::tempdir().unwrap();
    let needs_a_store = ["watching", "polling", "lateness"];
    if needs_a_store.iter().any(|figure| wanted.has(figure)) {
        figures.watching = Some(watching::measure(url, count, folder.path()).await);
    }
    if wanted.has("polling") {
        figures.polling = Some(polling::measure(url, count, folder.path()).await);
    }
    if wanted.has("lateness") {
        figures.lateness = Some(polling::lateness(url, count, folder.path()).await);
    }
    if wanted.has("ending") {
        figures.ending = Some(ending::measure(count).await);
    }
    figures
}
