//! Lists, as people and as programs read them.

use std::time::{Duration, SystemTime};

use crate::report::duration;

/// The rows in columns of even width below their titles. The last column isn't padded.
pub(super) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let titles = titles.map(str::to_owned);
    let all = || std::iter::once(&titles).chain(rows);
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let width = |row: &[String; N]| row.get(column).map_or(0, |cell| cell.chars().count());
            all().map(width).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, &width)| format!("{cell:<width$}  "))
            .collect();
        line.trim_end().to_owned()
    };
    all().map(line).collect()
}

/// How long ago that was, or how far ahead it is.
pub(super) fn ago(at: SystemTime, now: SystemTime) -> String {
    let whole = |apart: Duration| duration(Duration::from_secs(apart.as_secs()));
    match (now.duration_since(at), at.duration_since(now)) {
        (Ok(past), _) if past < Duration::from_secs(1) => "now".to_owned(),
        (Ok(past), _) => format!("{} ago", rough(past).unwrap_or_else(|| whole(past))),
        (_, Ok(ahead)) => format!("in {}", rough(ahead).unwrap_or_else(|| whole(ahead))),
        _ => "now".to_owned(),
    }
}

/// Two days and more, in days.
fn rough(apart: Duration) -> Option<String> {
    let days = apart.as_secs() / (24 * 3600);
    (days >= 2).then(|| format!("{days}d"))
}

/// A time to the second, for programs and for logs; UTC.
pub(super) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "running"], ["longer", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["ID", "STATE"], &rows),
            ["ID      STATE", "a       running", "longer  x"]
        );
    }

    #[test]
    fn times_are_told_as_far_as_they_matter() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (seconds, expected) in [
            (0, "now"),
            (59, "59s ago"),
            (61, "1m01s ago"),
            (3 * 3600, "3h00m ago"),
            (5 * 24 * 3600, "5d ago"),
        ] {
            assert_eq!(ago(now - Duration::from_secs(seconds), now), expected);
        }
        assert_eq!(ago(now + Duration::from_secs(90), now), "in 1m30s");
    }
}
