//! Who may write, where several daemons share one store.

use std::fmt;

/// Under which acquisition of a watch or a delivery something is written. Each acquisition raises it,
/// so that whoever held it before can be told from whoever holds it now: what is written under an
/// earlier one is stale, and changes nothing. In a store that one daemon has to itself it never
/// changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(u32);

impl Fence {
    /// That of whoever stored it first.
    pub const FIRST: Self = Self(1);

    /// The fence of that number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
