//! Values of options, read and checked.

use std::time::Duration;

pub(super) use crate::config::values::parse_duration;
use crate::config::values::{self, RATES, parse_limit};
use crate::model::Outcome;

/// The value of `--timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timeout(pub(super) Option<Duration>);

/// Reads a duration, or `none`.
pub(super) fn parse_timeout(text: &str) -> Result<Timeout, String> {
    parse_limit(text).map(Timeout)
}

/// Reads a number of requests per second.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(rate) if RATES.contains(&rate) => Ok(rate),
        _ => Err("give a number from 0.001 to 100000".to_owned()),
    }
}

/// Reads a number.
pub(super) fn parse_number(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .map_err(|_| "it is no number; give one such as 0.5".to_owned())
}

/// Reads an error code of the service.
pub(super) fn parse_code(text: &str) -> Result<String, String> {
    values::parse_code(text).ok_or_else(|| {
        "it is no error code; give codes such as DCS.4133, separated by commas".to_owned()
    })
}

/// How long a list may get.
pub(super) fn parse_length(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(length) if length > 0 => Ok(length),
        _ => Err("give a whole number from 1 on"),
    }
}

/// Reads an outcome.
pub(super) fn parse_outcome(text: &str) -> Result<Outcome, String> {
    Outcome::of_word(text.trim()).ok_or_else(|| {
        let words = Outcome::ALL.map(Outcome::as_str).join(", ");
        format!("it is no outcome; there are: {words}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_more_than_zero_and_finite() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "nan", "many", "1e9"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
