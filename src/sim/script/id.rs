//! Which jobs a script is of.

use std::fmt;
use std::str::FromStr;

use crate::model::{InvalidId, JobId};

/// Which jobs a script is of. Written as the ID of one, or as what the IDs of all begin with and a
/// `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ScriptedId {
    /// This one.
    One(JobId),
    /// All whose IDs begin so, but for those that have a script of their own or one with a longer
    /// beginning.
    All(String),
}

impl From<JobId> for ScriptedId {
    fn from(id: JobId) -> Self {
        Self::One(id)
    }
}

impl FromStr for ScriptedId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::All(String::new())),
            Some(beginning) => beginning
                .parse()
                .map(|id: JobId| Self::All(id.as_str().to_owned())),
            None => text.parse().map(Self::One),
        }
    }
}

impl fmt::Display for ScriptedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => f.pad(id.as_str()),
            Self::All(beginning) => f.pad(&format!("{beginning}*")),
        }
    }
}
