//! Texts that mostly are short.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// How long a text may be, in bytes, to need no memory of its own. The service's IDs have 32 or 36.
const SHORT: usize = 38;

/// A text that needs memory of its own only where it is long: a million IDs would spend half as much on
/// that as they have in letters.
#[derive(Clone)]
pub(super) enum ShortText {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<str>),
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short { length, bytes } => {
                let text = bytes.get(..usize::from(*length));
                // It is what was a text before.
                text.and_then(|text| std::str::from_utf8(text).ok())
                    .unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ShortText {}

impl Hash for ShortText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_kept_as_it_is() {
        for length in [0, 1, 32, 36, 38, 39, 64, 300] {
            let text = "é".repeat(length / 2) + &"e".repeat(length % 2);
            assert_eq!(&*ShortText::from(&*text), text);
        }
    }

    #[test]
    fn short_and_long_texts_sort_together() {
        let mut texts = [
            "b".repeat(50),
            "a".to_owned(),
            "c".to_owned(),
            "a".repeat(50),
        ];
        texts.sort();
        let mut short: Vec<ShortText> = texts.iter().rev().map(|one| (**one).into()).collect();
        short.sort();
        assert!(short.iter().map(|one| &**one).eq(texts.iter()));
    }
}
