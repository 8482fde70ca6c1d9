//! The paths of a source, such as `crate::model::Job`, each with the module that it stands in.

use std::fmt;

use super::tokens::{Kind, Token};

/// One path from its beginning to one of its ends; `use a::{b, c}` has two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// The module that the path stands in.
    module: Vec<String>,
    /// Whether it stands in a `use`.
    pub(super) is_use: bool,
}

impl Found {
    /// The module path that it names from the root of the crate; `None` when it doesn't begin
    /// with `crate`, `self` or `super`.
    pub(super) fn absolute(&self) -> Option<Vec<String>> {
        let mut path = match self.segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        for segment in &self.segments {
            match segment.as_str() {
                "crate" | "self" | "*" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        Some(path)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// Every path of a source that has two segments or stands in a `use`.
pub(super) fn paths_of(tokens: &[Token], module: &[String]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut module = module.to_vec();
    // For each open brace, whether it is a module's.
    let mut braces = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let is_use = token.is_word("use");
        let next = tokens.get(at + 1);
        if token.is_word("mod")
            && tokens
                .get(at + 2)
                .is_some_and(|t| t.kind == Kind::Sign('{'))
        {
            module.extend(next.map(|name| name.text.clone()));
            braces.push(true);
            at += 3;
        } else if is_use || starts_path(tokens, at) {
            let mut leaves = Vec::new();
            at = follow(tokens, at + usize::from(is_use), &[], &mut leaves);
            found.extend(leaves.into_iter().map(|(segments, line)| Found {
                segments,
                line,
                module: module.clone(),
                is_use,
            }));
        } else {
            match token.kind {
                Kind::Sign('{') => braces.push(false),
                Kind::Sign('}') if braces.pop() == Some(true) => drop(module.pop()),
                _ => {}
            }
            at += 1;
        }
    }
    found
}

/// Whether a path such as `crate::model` or `::backoff::Backoff` begins at the token.
fn starts_path(tokens: &[Token], at: usize) -> bool {
    let kind = |at: usize| tokens.get(at).map(|token| &token.kind);
    let continues = kind(at + 1) == Some(&Kind::PathSeparator);
    kind(at) == Some(&Kind::Word) && continues
}

/// Follows a path, and each branch of its groups, to the ends; gives the index after it.
fn follow(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    leaves: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::PathSeparator => at += 1,
            Kind::Word | Kind::Sign('*') => {
                segments.push(token.text.clone());
                at += 1;
                let goes_on = tokens
                    .get(at)
                    .is_some_and(|token| token.kind == Kind::PathSeparator);
                if !goes_on {
                    break;
                }
            }
            Kind::Sign('{') => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.kind != Kind::Sign('}')) {
                    let renames = tokens.get(at).is_some_and(|token| token.is_word("as"));
                    let comma = tokens.get(at).is_some_and(|t| t.kind == Kind::Sign(','));
                    at = match (renames, comma) {
                        (true, _) => at + 2,
                        (_, true) => at + 1,
                        _ => follow(tokens, at, &segments, leaves),
                    };
                }
                return at + 1;
            }
            Kind::Sign(_) => break,
        }
    }
    leaves.push((segments, line));
    at
}
