//! Compares schedules: `cargo bench --bench schedule [simulation|change|wire]...`, all three by
//! default. With `--svg FILE`, the simulation draws a plot as well.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, measures real time, and ends where something fails"
)]

mod distributions;
mod one_width;
mod optimum;
mod plot;
mod schedules;
mod simulate;
#[path = "../common/svg.rs"]
mod svg;
mod wire;

use distributions::Distribution;
use optimum::optimum;
use schedules::{Candidate, backoff, for_changes, others};
use simulate::{Averages, simulate, simulate_change};

fn main() {
    // Cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut asked = Vec::new();
    let mut svg = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--svg" => svg = words.next(),
            _ => asked.push(word),
        }
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    if wanted("simulation") {
        let rows = simulation();
        if let Some(path) = svg {
            std::fs::write(path, plot::svg(&rows)).unwrap();
        }
    }
    if wanted("change") {
        change();
    }
    if wanted("wire") {
        wire::run();
    }
}

/// A schedule with what it costs over the optimum, for each distribution.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ratios: Vec<f64>,
}

impl Row {
    pub(crate) fn mean(&self) -> f64 {
        geometric_mean(self.ratios.iter().copied())
    }
}

/// All schedules on all distributions, in virtual time.
fn simulation() -> Vec<Row> {
    let distributions = Distribution::all();
    let best: Vec<Averages> = distributions.iter().map(optimum).collect();
    let base: Vec<Averages> = costs(&backoff(), &distributions);
    println!(
        "Ten distributions of durations, a request worth 0.5 s of delay; means are geometric.\n"
    );
    println!(
        "| schedule | requests | delay | p95 delay | cost over the best | worst | requests × delay |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut rows = Vec::new();
    for candidate in [backoff()].into_iter().chain(others()) {
        let costs = costs(&candidate, &distributions);
        let ratios: Vec<f64> = (costs.iter().zip(&best))
            .map(|(cost, best)| cost.cost() / best.cost())
            .collect();
        let product = |one: &Averages| one.requests * one.delay;
        let products = costs.iter().zip(&base);
        let products = products.map(|(one, base)| product(one) / product(base));
        let mean = |of: fn(&Averages) -> f64| geometric_mean(costs.iter().map(of));
        let row = Row {
            name: candidate.name,
            ratios,
        };
        println!(
            "| {} | {:.1} | {:.1} s | {:.1} s | {:.2} | {:.1} | {:.2} |",
            row.name,
            mean(|one| one.requests),
            mean(|one| one.delay),
            mean(|one| one.p95),
            row.mean(),
            row.ratios.iter().copied().fold(0.0, f64::max),
            geometric_mean(products),
        );
        rows.push(row);
    }
    println!("\nCost over the best possible, by distribution:\n");
    print!("| durations | best cost |");
    rows.iter().for_each(|row| print!(" {} |", row.name));
    print!("\n|---|--:|");
    rows.iter().for_each(|_| print!("--:|"));
    println!();
    for (place, distribution) in distributions.iter().enumerate() {
        print!("| {} | {:.2} s |", distribution.name, best[place].cost());
        rows.iter()
            .for_each(|row| print!(" {:.2} |", row.ratios[place]));
        println!();
    }
    rows
}

fn costs(candidate: &Candidate, distributions: &[Distribution]) -> Vec<Averages> {
    let all = distributions.iter();
    all.map(|one| simulate(candidate, one)).collect()
}

/// A type whose jobs suddenly take another time.
fn change() {
    const AFTER: [usize; 8] = [0, 1, 2, 3, 5, 10, 30, 64];
    println!("\nCost over the best possible, so many jobs after a type has changed:\n");
    print!("| change | schedule |");
    AFTER.iter().for_each(|jobs| print!(" {jobs} |"));
    print!("\n|---|---|");
    AFTER.iter().for_each(|_| print!("--:|"));
    println!();
    for (before, now) in [(60.0, 15.0), (15.0, 60.0), (12.0, 3.0), (600.0, 60.0)] {
        let (was, is) = (Distribution::around(before), Distribution::around(now));
        let best = optimum(&is).cost();
        for candidate in for_changes() {
            print!("| {before} s to {now} s | {} |", candidate.name);
            for jobs in AFTER {
                let cost = simulate_change(&candidate, &was, &is, jobs).cost();
                print!(" {:.2} |", cost / best);
            }
            println!();
        }
    }
}

fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), one: f64| {
        (sum + one.ln(), count + 1)
    });
    (sum / f64::from(count)).exp()
}
