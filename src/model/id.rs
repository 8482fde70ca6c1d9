//! Identifiers that travel in a URL's path, and are therefore checked once, at the door.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::{Builder, Uuid};

use super::short::ShortText;
use crate::sanitize::is_active;

/// The longest identifier that is accepted, in characters. The service's own have 32 or 36.
const MAX_LENGTH: usize = 64;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing, or nothing but white space.
    #[error("it is empty")]
    Empty,
    /// More than 64 characters.
    #[error("it has {0} characters, and at most {MAX_LENGTH} are allowed")]
    TooLong(usize),
    /// A character other than a letter, a digit, `-` and `_`.
    #[error("it contains {c} at position {1}; letters, digits, '-' and '_' of ASCII are allowed", c = shown(*.0))]
    Forbidden(char, usize),
}

/// Returns the character in quotation marks, escaped where it can't be seen.
fn shown(c: char) -> String {
    if is_active(c) && !c.is_control() {
        format!("'{}'", c.escape_unicode())
    } else {
        format!("{c:?}")
    }
}

fn check(text: &str) -> Result<&str, InvalidId> {
    if text.trim().is_empty() {
        return Err(InvalidId::Empty);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if let Some((position, c)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        return Err(InvalidId::Forbidden(c, position + 1));
    }
    if text.len() > MAX_LENGTH {
        return Err(InvalidId::TooLong(text.len()));
    }
    Ok(text)
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $text:ty) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($text);

        impl $name {
            /// The identifier as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|text| Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! built_in {
    ($($name:ident),*) => {
        $(impl $name {
            /// An identifier that is written in this program itself, and checked by its tests.
            pub(crate) fn built_in(text: &'static str) -> Self {
                debug_assert!(check(text).is_ok(), "{text:?} is no identifier");
                Self(text.into())
            }
        })*
    };
}

built_in!(JobId, ProjectId, ProjectName);

identifier! {
    /// The ID of a job, as the operation that started it answered it: 1 to 64 ASCII letters,
    /// digits, `-` and `_`.
    JobId, ShortText
}

identifier! {
    /// The ID of the project that a job belongs to; the same characters as a [`JobId`].
    ProjectId, Arc<str>
}

identifier! {
    /// What the configuration calls a project; the same characters as a [`JobId`].
    ProjectName, Arc<str>
}

identifier! {
    /// What the configuration calls a hook; the same characters as a [`JobId`].
    HookName, Arc<str>
}

/// A text is no ID of a watch or a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no UUID; give it as it was answered, such as 01936c2f-5e00-7000-8000-000000000000")]
pub struct InvalidUuid;

macro_rules! unique {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// An ID made at `now`: IDs sort by the millisecond that they were made in.
            pub fn new(now: SystemTime, random: &mut fastrand::Rng) -> Self {
                let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let millis = u64::try_from(millis.as_millis()).unwrap_or(u64::MAX);
                let mut bytes = [0; 10];
                random.fill(&mut bytes);
                Self(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
            }

            /// An ID made at `now` that sorts after `last`, whatever the clock shows.
            pub fn after(
                last: Option<Self>,
                now: SystemTime,
                random: &mut fastrand::Rng,
            ) -> Self {
                let fresh = Self::new(now, random);
                match last {
                    Some(last) if fresh <= last => last.next(),
                    _ => fresh,
                }
            }

            /// The next one: the bits that aren't version and variant count on.
            fn next(self) -> Self {
                const LOW: u128 = (1 << 62) - 1;
                const MIDDLE: u128 = (1 << 12) - 1;
                let bits = self.0.as_u128();
                let count = (bits >> 80 << 74) | ((bits >> 64 & MIDDLE) << 62) | (bits & LOW);
                let count = count.wrapping_add(1);
                let bits = (count >> 74 << 80)
                    | (7 << 76)
                    | ((count >> 62 & MIDDLE) << 64)
                    | (0b10 << 62)
                    | (count & LOW);
                Self(Uuid::from_u128(bits))
            }

            /// When it was made, by the clock that it was made by.
            #[must_use]
            pub fn made_at(&self) -> SystemTime {
                let millis = (self.0.as_u128() >> 80) as u64;
                let since = std::time::Duration::from_millis(millis);
                SystemTime::UNIX_EPOCH
                    .checked_add(since)
                    .unwrap_or(SystemTime::UNIX_EPOCH)
            }

            /// The ID that has these bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Its bytes: they sort as the IDs do.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = InvalidUuid;

            fn from_str(text: &str) -> Result<Self, InvalidUuid> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidUuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

unique! {
    /// The ID of a watch: a UUID of version 7.
    WatchId
}

unique! {
    /// The ID of a delivery, which every attempt carries as its `webhook-id`: a UUID of version 7.
    DeliveryId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_service_is_accepted_as_it_is() {
        for id in [
            "ff8080818822bbf70188235afc24141a",
            "0f9a9c1e-2f0b-4e07-9d2c-0b7f6a1c2d3e",
            "a",
        ] {
            assert_eq!(id.parse::<JobId>().unwrap().as_str(), id);
        }
    }

    #[test]
    fn a_text_that_could_change_the_url_or_the_terminal_is_refused() {
        let cases = [
            ("", InvalidId::Empty),
            (" \t", InvalidId::Empty),
            ("a/b", InvalidId::Forbidden('/', 2)),
            ("..", InvalidId::Forbidden('.', 1)),
            ("a\u{1b}[2J", InvalidId::Forbidden('\u{1b}', 2)),
            ("任务", InvalidId::Forbidden('任', 1)),
            ("a b", InvalidId::Forbidden(' ', 2)),
            ("a?x=1", InvalidId::Forbidden('?', 2)),
            ("a%2e", InvalidId::Forbidden('%', 2)),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<JobId>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn sixty_four_characters_are_the_most() {
        assert!("a".repeat(64).parse::<JobId>().is_ok());
        assert_eq!("a".repeat(65).parse::<JobId>(), Err(InvalidId::TooLong(65)));
    }
}
