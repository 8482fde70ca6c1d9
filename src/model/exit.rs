//! The exit codes: a contract with scripts.

use super::Outcome;

/// How the process ends. One documented code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: every job succeeded (with `--any`: the first to end did).
    Success,
    /// 1: a job ended in `FAIL`.
    Failed,
    /// 2: usage or configuration.
    Usage,
    /// 3: a job was not found, after the grace.
    NotFound,
    /// 4: authentication or permission.
    Denied,
    /// 5: a hook of the command line could not be delivered.
    Undelivered,
    /// 70: a fault of this program (`EX_SOFTWARE` of sysexits.h).
    Internal,
    /// 75: the daemon can't start now, and may later (`EX_TEMPFAIL`).
    NotNow,
    /// 124: the deadline passed (as `timeout(1)` has it).
    TimedOut,
    /// 130: interrupted by SIGINT (128 + 2).
    Interrupted,
    /// 143: ended by SIGTERM (128 + 15).
    Terminated,
    /// The code that an exit hook of the daemon has for an outcome.
    ByHook(u8),
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Denied => 4,
            Self::Undelivered => 5,
            Self::Internal => 70,
            Self::NotNow => 75,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::ByHook(code) => code,
        }
    }

    /// The exit of a wait for several jobs: the first of failed, not found, denied, timed out and
    /// rejected that applies to any of them. Cancelled ones decide nothing.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        [
            (Outcome::Failed, Self::Failed),
            (Outcome::NotFound, Self::NotFound),
            (Outcome::Denied, Self::Denied),
            (Outcome::TimedOut, Self::TimedOut),
            (Outcome::Rejected, Self::Usage),
        ]
        .into_iter()
        .find(|(outcome, _)| outcomes.contains(outcome))
        .map_or(Self::Success, |(_, exit)| exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Cancelled, Denied, Failed, NotFound, Rejected, Succeeded, TimedOut};

    #[test]
    fn several_jobs_end_with_the_first_of_the_documented_order() {
        let cases: [(&[Outcome], u8); 9] = [
            (&[Succeeded, Succeeded], 0),
            (&[Succeeded, TimedOut], 124),
            (&[TimedOut, Denied], 4),
            (&[Denied, NotFound, TimedOut], 3),
            (&[NotFound, Failed, Denied], 1),
            (&[Succeeded, Cancelled], 0),
            (&[Failed, Cancelled], 1),
            (&[Rejected, Cancelled, Succeeded], 2),
            (&[Rejected, TimedOut], 124),
        ];
        for (outcomes, code) in cases {
            assert_eq!(Exit::of(outcomes).code(), code, "{outcomes:?}");
        }
    }
}
