//! What the forms that are databases keep in their columns.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::StoreError;
use crate::model::{DeliveryState, Durations, HookName, InvalidId, JobType, ProjectName, Ran};

/// Why a value can't be understood.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long jobs took, as [`super::Store::durations`] has it.
pub(super) type AllDurations = Vec<(ProjectName, JobType, Durations)>;

/// A column of foreign text in SQL, without most of what no reader keeps: earlier versions stored
/// megabytes. More than 8 KiB are left, with each character escaped as well, so that the reader still
/// sees that there was more.
macro_rules! foreign_text {
    ($column:literal) => {
        concat!(
            "CASE WHEN octet_length(",
            $column,
            ") > 32768 THEN substr(",
            $column,
            ", 1, 16400) \
             ELSE ",
            $column,
            " END"
        )
    };
}
pub(super) use foreign_text;

/// A time in milliseconds since 1970; what is less is cut off.
pub(super) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration().as_nanos().div_ceil(1_000_000);
            i64::try_from(before).map_or(i64::MIN, |before| -before)
        }
    }
}

/// A duration in milliseconds; what is less is cut off.
pub(super) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The time of so many milliseconds since 1970.
pub(super) fn time(millis: i64) -> Result<SystemTime, BoxError> {
    let since = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(since)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    time.ok_or_else(|| format!("{millis} is no time").into())
}

/// The hooks of a watch in one text.
pub(super) fn joined(hooks: &[HookName]) -> String {
    let names: Vec<&str> = hooks.iter().map(HookName::as_str).collect();
    names.join(" ")
}

/// The hooks of such a text.
pub(super) fn hooks(joined: &str) -> Result<Arc<[HookName]>, InvalidId> {
    joined.split_ascii_whitespace().map(str::parse).collect()
}

/// When a delivery is due, while it is pending.
pub(super) fn due(state: DeliveryState) -> Option<i64> {
    match state {
        DeliveryState::Pending(due) => Some(millis(due)),
        DeliveryState::Delivered | DeliveryState::Dead => None,
    }
}

/// How a delivery stands, from its word and when it is due.
pub(super) fn state(word: &str, due: Option<SystemTime>) -> Result<DeliveryState, BoxError> {
    match (word, due) {
        ("pending", Some(due)) => Ok(DeliveryState::Pending(due)),
        ("pending", None) => Err("it is pending, but due at no time".into()),
        ("delivered", _) => Ok(DeliveryState::Delivered),
        ("dead", _) => Ok(DeliveryState::Dead),
        _ => Err(format!("there is no state {word:?}").into()),
    }
}

/// Rows that are in the order of projects, types and age, by projects and types.
pub(super) fn by_type(rows: impl Iterator<Item = (ProjectName, Ran)>) -> AllDurations {
    let mut all = AllDurations::new();
    for (project, ran) in rows {
        let is_next = |(of, job_type, _): &(ProjectName, JobType, Durations)| {
            *of == project && *job_type == ran.job_type
        };
        if !all.last().is_some_and(is_next) {
            all.push((project, ran.job_type, Durations::default()));
        }
        if let Some((.., durations)) = all.last_mut() {
            durations.add(ran.began, ran.took);
        }
    }
    all
}

/// What an error means to whoever asked.
pub(super) fn trouble(doing: &'static str, error: sqlx::Error) -> StoreError {
    let why = match error {
        sqlx::Error::Decode(what) => return StoreError::Broken(what.to_string()),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolClosed => "it is closed".to_owned(),
        error => error.to_string(),
    };
    StoreError::NotNow { doing, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_less_than_a_millisecond_is_cut_off() {
        let epoch = SystemTime::UNIX_EPOCH;
        let micros = Duration::from_micros;
        for (time, expected) in [
            (epoch + micros(1999), 1),
            (epoch + micros(999), 0),
            (epoch - micros(1), -1),
            (epoch - micros(1000), -1),
            (epoch - micros(1001), -2),
            (epoch + Duration::from_secs(1 << 60), i64::MAX),
            (epoch - Duration::from_secs(1 << 60), i64::MIN),
        ] {
            assert_eq!(millis(time), expected);
        }
        assert_eq!(duration_millis(micros(2999)), 2);
        assert_eq!(duration_millis(Duration::MAX), i64::MAX);
    }

    #[test]
    fn every_number_of_milliseconds_is_a_time() {
        for number in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(millis(time(number).unwrap()), number);
        }
    }
}
