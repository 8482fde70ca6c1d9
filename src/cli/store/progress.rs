//! How far a copy has come, told at standard error: on a line of the terminal, or now and then.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::SaturatingAdd as _;
use crate::output::stderr;
use crate::store::Copied;

/// How often the line of a terminal is written at most.
const EVERY: Duration = Duration::from_millis(200);

/// How often a line of its own is written where there is no terminal.
const EVERY_LINE: Duration = Duration::from_secs(10);

/// The progress of a copy, which is known wherever that is broken off.
pub(super) struct Progress {
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    /// How many watches there are, once that is known.
    all: Option<u64>,
    copied: Copied,
    next: Instant,
}

impl Progress {
    pub(super) fn new(is_terminal: bool) -> Self {
        let first = if is_terminal {
            Duration::ZERO
        } else {
            EVERY_LINE
        };
        let state = State {
            all: None,
            copied: Copied::default(),
            next: Instant::now().saturating_add(first),
        };
        Self {
            is_terminal,
            state: Mutex::new(state),
        }
    }

    /// That of whoever reads standard error.
    pub(super) fn shown() -> Self {
        Self::new(io::stderr().is_terminal())
    }

    /// So many watches are to be copied.
    pub(super) fn begin(&self, all: u64) {
        self.state().all = Some(all);
    }

    pub(super) fn tell(&self, copied: Copied) {
        if let Some(text) = self.told(copied) {
            write(&text);
        }
    }

    /// What is to be written now that it has come so far.
    fn told(&self, copied: Copied) -> Option<String> {
        let mut state = self.state();
        state.copied = copied;
        let now = Instant::now();
        if now < state.next {
            return None;
        }
        let every = if self.is_terminal { EVERY } else { EVERY_LINE };
        state.next = now.saturating_add(every);
        let text = state.so_far()?;
        Some(match self.is_terminal {
            true => format!("\r\x1b[2K{text}"),
            false => format!("{text}\n"),
        })
    }

    /// Takes the line of a terminal away.
    pub(super) fn end(&self) {
        if self.is_terminal {
            write("\r\x1b[2K");
        }
    }

    /// Why there is no more, how far it has come, and how to go on.
    pub(super) fn cut_short(&self, why: &str) -> String {
        match self.state().so_far() {
            Some(text) => format!("{why}; {text}; the same command goes on"),
            None => why.to_owned(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `14,004 of 40,007 watches are copied`; nothing before that has begun.
    fn so_far(&self) -> Option<String> {
        if self.copied == Copied::default() {
            return None;
        }
        let watches = grouped(self.copied.watches + self.copied.watches_before);
        let all = grouped(self.all?);
        let deliveries = match self.copied.deliveries + self.copied.deliveries_before {
            0 => String::new(),
            number => format!(" and {}", counted(number, "delivery", "deliveries")),
        };
        Some(format!("{watches} of {all} watches{deliveries} are copied"))
    }
}

fn write(text: &str) {
    stderr().log(text);
}

/// What was copied, and what was there before: `12 watches, 3 deliveries in 1s; 40,000 watches, 0
/// deliveries were there already`.
pub(super) fn result(copied: Copied, took: &str) -> String {
    let new = amount(copied.watches, copied.deliveries);
    let before = (copied.watches_before, copied.deliveries_before);
    let there = match before {
        (0, 0) => String::new(),
        (watches, deliveries) => {
            format!("; {} were there already", amount(watches, deliveries))
        }
    };
    format!("copied {new} in {took}{there}")
}

/// `12,345 watches, 1 delivery`.
fn amount(watches: u64, deliveries: u64) -> String {
    let watches = counted(watches, "watch", "watches");
    let deliveries = counted(deliveries, "delivery", "deliveries");
    format!("{watches}, {deliveries}")
}

fn counted(number: u64, one: &str, several: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { several }
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

    fn so_far(watches: u64, watches_before: u64) -> Copied {
        Copied {
            watches,
            watches_before,
            ..Copied::default()
        }
    }

    #[test]
    fn a_result_tells_one_from_several_and_new_from_old() {
        let copied = Copied {
            watches: 1,
            deliveries: 12_345,
            ..Copied::default()
        };
        let expected = "copied 1 watch, 12,345 deliveries in 1s";
        assert_eq!(result(copied, "1s"), expected);
        let on = Copied {
            watches_before: 40_000,
            ..copied
        };
        let expected = "copied 1 watch, 12,345 deliveries in 1s; 40,000 watches, 0 deliveries were \
                        there already";
        assert_eq!(result(on, "1s"), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_terminal_a_line_comes_every_ten_seconds() {
        let progress = Progress::new(false);
        progress.begin(40_007);
        assert_eq!(progress.told(so_far(250, 0)), None);
        tokio::time::advance(EVERY_LINE).await;
        let told = progress.told(so_far(4, 14_000));
        let expected = "14,004 of 40,007 watches are copied\n";
        assert_eq!(told.as_deref(), Some(expected));
        assert_eq!(progress.told(so_far(254, 14_000)), None);
    }

    #[tokio::test]
    async fn a_terminal_has_one_line_at_once() {
        let progress = Progress::new(true);
        progress.begin(1);
        let told = progress.told(so_far(1, 0));
        assert_eq!(told.as_deref(), Some("\r\x1b[2K1 of 1 watches are copied"));
    }

    #[tokio::test]
    async fn what_is_cut_short_says_how_far_it_came_once_it_has_begun() {
        let progress = Progress::new(false);
        assert_eq!(progress.cut_short("interrupted"), "interrupted");
        progress.begin(700);
        progress.tell(Copied {
            deliveries: 250,
            ..so_far(700, 0)
        });
        assert_eq!(
            progress.cut_short("interrupted"),
            "interrupted; 700 of 700 watches and 250 deliveries are copied; the same command goes on"
        );
    }
}
