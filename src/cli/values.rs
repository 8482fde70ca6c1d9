//! Values of options, read and checked.

use std::time::Duration;

/// The longest duration that is taken: ten years. What is longer is a slip of the pen.
const MAX_DURATION: Duration = Duration::from_secs(3653 * 24 * 3600);

/// The value of `--timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timeout(pub(super) Option<Duration>);

/// Reads a duration such as `90s`, `10m` or `1h 30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err("a duration can't be negative; give one such as 90s, 10m or 2h".to_owned());
    }
    let duration = humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberExpected(_) | humantime::DurationError::Empty => {
            "it is no duration; give one such as 90s, 10m or 2h".to_owned()
        }
        other => format!("{other}; give a duration such as 90s, 10m or 2h"),
    })?;
    if duration > MAX_DURATION {
        return Err(
            "it is longer than ten years; give a duration such as 90s, 10m or 2h".to_owned(),
        );
    }
    Ok(duration)
}

/// Reads a duration, or `none`.
pub(super) fn parse_timeout(text: &str) -> Result<Timeout, String> {
    match text.trim() {
        "none" => Ok(Timeout(None)),
        text => parse_duration(text)
            .map(|duration| Timeout(Some(duration)))
            .map_err(|why| format!("{why}, or 'none' for no limit")),
    }
}

/// Reads a number of requests per second.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(rate) if (0.001..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("give a number from 0.001 to 1000".to_owned()),
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
    let code = text.trim();
    if code.is_empty() || !code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
        return Err(
            "it is no error code; give codes such as DCS.4133, separated by commas".to_owned(),
        );
    }
    Ok(code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h 30m", 5400), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(parse_timeout("none"), Ok(Timeout(None)));
    }

    #[test]
    fn what_is_no_sensible_duration_is_refused_with_an_example() {
        for text in [
            "",
            "-5s",
            "10",
            "5 parsecs",
            "11y",
            "99999999999999999999s",
            "none",
        ] {
            let why = parse_duration(text).unwrap_err();
            assert!(why.contains("such as 90s"), "{text}: {why}");
        }
    }

    #[test]
    fn an_error_code_is_taken_without_the_blanks_around_it() {
        assert_eq!(parse_code(" DCS.4133"), Ok("DCS.4133".to_owned()));
        for text in ["", " ", "a b", "DCS-4133"] {
            assert!(parse_code(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_more_than_zero_and_finite() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "nan", "many", "1e9"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
