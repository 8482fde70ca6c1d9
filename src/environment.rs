//! The process's environment behind a trait, so that tests never touch the real one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where variables and the home directory come from.
pub trait Environment: Send + Sync {
    /// The variable's value. An empty one counts as unset, as CI systems pass unset variables on;
    /// one that isn't UTF-8 is unusable and counts as unset, too.
    fn var(&self, name: &str) -> Option<String>;

    /// Whether the variable says yes: it is set, and neither to `false` nor to `0`.
    fn flag(&self, name: &str) -> bool {
        self.var(name)
            .is_some_and(|value| !matches!(value.as_str(), "false" | "0"))
    }

    /// The user's home directory.
    fn home(&self) -> Option<PathBuf> {
        self.var("HOME").map(PathBuf::from)
    }
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the process's environment"
    )]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

impl ProcessEnvironment {
    /// All variables, as a program that is started inherits them.
    #[must_use]
    pub fn inherited() -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).cloned()
    }
}
