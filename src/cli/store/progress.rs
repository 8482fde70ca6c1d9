//! How far a copy has come, on a line of the terminal at standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Copied;

/// How often the line is written at most.
const EVERY: Duration = Duration::from_millis(200);

/// The line, where standard error is a terminal; it is gone when this is.
pub(super) struct Progress {
    all: u64,
    is_shown: bool,
    next: Instant,
}

impl Progress {
    /// The progress of so many watches.
    pub(super) fn new(all: u64) -> Self {
        Self {
            all,
            is_shown: io::stderr().is_terminal(),
            next: Instant::now(),
        }
    }

    pub(super) fn tell(&mut self, copied: Copied) {
        let now = Instant::now();
        if self.is_shown && now >= self.next {
            self.next = now + EVERY;
            let all = grouped(self.all);
            write(&format!(
                "\r\x1b[2Kcopied {} (of {all} watches)",
                amount(copied)
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            write("\r\x1b[2K");
        }
    }
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    // A terminal that is gone is missed by nobody.
    drop(stderr.write_all(text.as_bytes()));
    drop(stderr.flush());
}

/// `12,345 watches, 1 delivery`.
pub(super) fn amount(copied: Copied) -> String {
    let counted = |number: u64, one: &str, several: &str| {
        format!(
            "{} {}",
            grouped(number),
            if number == 1 { one } else { several }
        )
    };
    format!(
        "{}, {}",
        counted(copied.watches, "watch", "watches"),
        counted(copied.deliveries, "delivery", "deliveries")
    )
}

/// The number with a comma after every third digit from the right.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_can_be_read() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn one_is_told_from_several() {
        let copied = Copied {
            watches: 1,
            deliveries: 12_345,
        };
        assert_eq!(amount(copied), "1 watch, 12,345 deliveries");
    }
}
