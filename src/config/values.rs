//! Values that people write, in the configuration file and as options alike.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest duration that is taken: ten years. What is longer is a slip of the pen.
const MAX_DURATION: Duration = Duration::from_secs(3653 * 24 * 3600);

/// The requests per second that may be asked for.
pub(crate) const RATES: RangeInclusive<f64> = 0.001..=100_000.0;

/// Reads a duration such as `90s`, `10m` or `1h 30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
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
pub(crate) fn parse_limit(text: &str) -> Result<Option<Duration>, String> {
    match text.trim() {
        "none" => Ok(None),
        text => parse_duration(text)
            .map(Some)
            .map_err(|why| format!("{why}, or 'none' for no limit")),
    }
}

/// Reads an error code of the service, such as `DCS.4133`.
pub(crate) fn parse_code(text: &str) -> Option<String> {
    let code = text.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.';
    (!code.is_empty() && code.chars().all(allowed)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h 30m", 5400), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(parse_limit("none"), Ok(None));
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
        assert_eq!(parse_code(" DCS.4133"), Some("DCS.4133".to_owned()));
        for text in ["", " ", "a b", "DCS-4133"] {
            assert_eq!(parse_code(text), None, "{text}");
        }
    }
}
