//! Percent-encoding as SDK-HMAC-SHA256 wants it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All but `A-Za-z0-9-_.~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The path with each segment decoded and encoded anew. It always ends in a slash, whatever the
/// request's own path does.
pub(super) fn path(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(segment).collect();
    let mut path = segments.join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// One segment, decoded and encoded anew.
pub(super) fn segment(segment: &str) -> String {
    let decoded: Cow<'_, [u8]> = percent_decode_str(segment).into();
    percent_encode(&decoded, RESERVED).to_string()
}

/// The query of decoded keys and values: sorted by key, then value, and encoded.
pub(super) fn query<S: AsRef<str>>(pairs: &[(S, S)]) -> String {
    let mut pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (key.as_ref(), value.as_ref()))
        .collect();
    pairs.sort_unstable();
    let encode = |text: &str| percent_encode(text.as_bytes(), RESERVED).to_string();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_encoded_path_ends_in_a_slash_and_stays_as_it_is(text in "(/\\PC{0,8}){0,5}/?") {
            let encoded = path(&text);
            prop_assert!(encoded.ends_with('/'));
            prop_assert_eq!(path(&encoded), encoded);
        }

        #[test]
        fn an_encoded_path_holds_unreserved_characters_alone(text in "/\\PC{0,40}") {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~%/".contains(c);
            prop_assert!(path(&text).chars().all(allowed), "{}", path(&text));
        }

        #[test]
        fn how_a_url_writes_a_segment_makes_no_difference(name in "[^/%]{1,20}") {
            prop_assume!(name != "." && name != "..");
            let mut url = reqwest::Url::parse("https://example.com/v2/jobs/").unwrap();
            url.path_segments_mut().unwrap().pop_if_empty().push(&name);
            // A URL drops these from a path.
            prop_assume!(!name.contains(['\t', '\n', '\r']));
            prop_assert_eq!(path(url.path()), path(&format!("/v2/jobs/{name}")));
        }

        #[test]
        fn the_order_of_a_query_makes_no_difference(
            pairs in prop::collection::vec(("\\PC{0,6}", "\\PC{0,6}"), 0..6).prop_shuffle(),
        ) {
            let mut sorted = pairs.clone();
            sorted.sort();
            prop_assert_eq!(query(&pairs), query(&sorted));
        }
    }
}
