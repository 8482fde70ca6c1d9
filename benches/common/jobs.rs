//! IDs of jobs that look like the service's own.

/// What all of them begin with.
pub(crate) const BEGINNING: &str = "ff8080818822bbf7";

/// The ID of a job, from its number.
pub(crate) fn job(number: usize) -> String {
    format!("{BEGINNING}{number:016x}")
}
