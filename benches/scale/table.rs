//! The figures as a table in Markdown.

use std::fmt::Write as _;

use crate::figures::Row;

/// Rows without any value are left out.
pub(crate) fn table(counts: &[usize], rows: &[Row]) -> String {
    let mut table = String::from("| figure |");
    counts
        .iter()
        .for_each(|count| write!(table, " {} |", short(*count)).unwrap());
    table += " bare limit | target | |\n|---|";
    counts.iter().for_each(|_| table += "--:|");
    table += "--:|---|---|\n";
    for row in rows {
        if row.values.iter().all(Option::is_none) {
            continue;
        }
        write!(table, "| {} |", row.figure).unwrap();
        for value in row.values.iter().chain([&row.bare]) {
            write!(table, " {} |", value.map(row.show).unwrap_or_default()).unwrap();
        }
        let target = row.target.map_or("", |target| target.text);
        writeln!(table, " {target} | {} |", verdict(counts, row)).unwrap();
    }
    table
}

/// Whether the target is met, and with how many watches it isn't.
fn verdict(counts: &[usize], row: &Row) -> String {
    let Some(target) = row.target else {
        return String::new();
    };
    let judged: Vec<(usize, bool)> = counts
        .iter()
        .zip(&row.values)
        .filter_map(|(count, value)| Some((*count, (target.is_met)(*count, (*value)?)?)))
        .collect();
    let missed = judged.iter().filter(|(_, is_met)| !is_met);
    let missed: Vec<String> = missed.map(|(count, _)| short(*count)).collect();
    match (judged.is_empty(), missed.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "met".to_owned(),
        (false, false) => format!("missed at {}", missed.join(", ")),
    }
}

/// `10k`, `1M`.
pub(crate) fn short(count: usize) -> String {
    match count {
        count if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        count if count.is_multiple_of(1000) => format!("{}k", count / 1000),
        count => count.to_string(),
    }
}
