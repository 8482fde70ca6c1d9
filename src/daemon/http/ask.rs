//! Reads what is asked: the query, and the IDs in the path. Nothing that isn't understood is passed
//! over.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use axum::http::Uri;
use serde::Serialize;

use super::problem::{Problem, text};
use crate::config::instead;
use crate::sanitize::{WORD, sanitize};
use crate::store::Page;

/// The longest page, and the one that is given where nothing is asked.
const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

/// The size limit of the items of a page, in bytes of JSON. One item is much smaller.
/// Earlier clients read no more than 1 MiB, and this one reads 16.
const MAX_PAGE: usize = 1_000_000;

/// The parameters of a query, each at most once, none of them unknown.
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// Reads a query that may have these parameters.
    pub(super) fn of(uri: &Uri, names: &[&'static str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| invalid_query(error.body_text()))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            let quoted = sanitize(name, WORD);
            if !names.contains(&name.as_str()) {
                let instead = instead(name, names.iter().copied());
                return Err(invalid_query(format!(
                    "there is no parameter {quoted:?} here; {instead}"
                )));
            }
            if pairs.iter().skip(at + 1).any(|(other, _)| other == name) {
                return Err(invalid_query(format!(
                    "the parameter {quoted:?} is given twice; give it once"
                )));
            }
        }
        Ok(Self(pairs))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// A value that is parsed.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|why| wrong(name, text, why))
    }

    /// A value that is one of a few words.
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let instead = instead(text, words.iter().map(|(word, _)| *word));
            wrong(name, text, format!("it is none of its words; {instead}"))
        })
    }

    /// The part of a long list.
    pub(super) fn page<Id: FromStr<Err: Display>>(&self) -> Result<Page<Id>, Problem> {
        let limit = self.text("limit").map(|text| {
            let number = text.parse().ok();
            number
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| wrong("limit", text, "give a number from 1 to 1000"))
        });
        Ok(Page {
            before: self.parsed("before")?,
            limit: limit.transpose()?.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

/// The shapes of a page, where `found` may hold one thing more than the page does; and the ID to go
/// on before, if so. A page has at least one shape, and [`MAX_PAGE`] bytes otherwise.
pub(super) fn page_of<T, Shape: Serialize>(
    found: &[T],
    limit: u32,
    shape: impl Fn(&T) -> Shape,
    id: impl Fn(&Shape) -> &String,
) -> (Vec<Shape>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let shapes = within_page(found.iter().take(limit).map(shape));
    let more = found.len() > shapes.len();
    let next = shapes.last().filter(|_| more).map(|last| id(last).clone());
    (shapes, next)
}

/// The first ones, as many as fit on a page.
pub(super) fn within_page<Shape: Serialize>(shapes: impl Iterator<Item = Shape>) -> Vec<Shape> {
    let mut room = MAX_PAGE;
    let mut kept = Vec::new();
    for shape in shapes {
        match room.checked_sub(text(&shape).len()) {
            Some(left) => room = left,
            None if kept.is_empty() => room = 0,
            None => break,
        }
        kept.push(shape);
    }
    kept
}

fn invalid_query(message: String) -> Problem {
    Problem::bad("invalid_query", message)
}

fn wrong(name: &str, text: &str, why: impl Display) -> Problem {
    let quoted = sanitize(text, WORD);
    invalid_query(format!("{quoted:?} is no value for {name}: {why}"))
}

/// The ID in a path.
pub(super) fn id<Id: FromStr<Err: Display>>(
    path: Result<Path<String>, PathRejection>,
) -> Result<Id, Problem> {
    let Path(text) = path.map_err(|error| Problem::bad("invalid_id", error.body_text()))?;
    text.parse().map_err(|why| {
        let quoted = sanitize(&text, WORD);
        Problem::bad("invalid_id", format!("{quoted:?} is no ID: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WatchId;

    fn message(problem: &Problem) -> String {
        format!("{problem:?}")
    }

    #[test]
    fn a_page_is_bounded_by_its_bytes_as_well() {
        let page = |found: &[String], limit| {
            let (shapes, next) = page_of(found, limit, String::clone, |id| id);
            (shapes.len(), next)
        };
        let small: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        assert_eq!(page(&small, 10), (10, Some("9".to_owned())));
        assert_eq!(page(&small[..10], 10), (10, None));
        let large: Vec<String> = (0..101).map(|n| format!("{n:0>30000}")).collect();
        let (count, next) = page(&large, 100);
        assert_eq!((count, next.as_ref()), (33, Some(&large[32])));
        let huge = ["x".repeat(2_000_000), "y".to_owned()];
        assert_eq!(page(&huge, 2), (1, Some(huge[0].clone())));
    }

    fn refused(query: &str) -> String {
        let uri = format!("/v1/watches?{query}").parse().unwrap();
        let asked = Asked::of(&uri, &["limit", "before", "state"]);
        let words = [("active", 1), ("ended", 2)];
        let result = asked.and_then(|asked| {
            asked.one_of("state", &words)?;
            asked.page::<WatchId>().map(drop)
        });
        message(&result.unwrap_err())
    }

    #[test]
    fn a_query_that_is_not_understood_is_refused_with_what_would_be() {
        for (query, expected) in [
            ("stat=ended", "did you mean state?"),
            ("zzz=1", "there are: limit, before, state"),
            ("limit=1&limit=2", "given twice"),
            ("limit=0", "from 1 to 1000"),
            ("limit=1001", "from 1 to 1000"),
            ("limit=-1", "from 1 to 1000"),
            ("before=x", "it is no UUID"),
            ("state=endet", "did you mean ended?"),
            ("state=", "there are: active, ended"),
        ] {
            let message = refused(query);
            assert!(message.contains(expected), "{query}: {message}");
        }
    }
}
