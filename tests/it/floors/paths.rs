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
        if token.is_word("mod") && is_sign(tokens, at + 2, '{') {
            module.push(tokens[at + 1].text.clone());
            braces.push(true);
            at += 3;
        } else if is_use || (token.kind == Kind::Word && is_separator(tokens, at + 1)) {
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

fn is_sign(tokens: &[Token], at: usize, sign: char) -> bool {
    tokens.get(at).map(|token| &token.kind) == Some(&Kind::Sign(sign))
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).map(|token| &token.kind) == Some(&Kind::PathSeparator)
}

/// The segments of a path that was followed to an end, and the line of its last word.
type Leaf = (Vec<String>, usize);

/// Follows a path, and each branch of its groups, to the ends; gives the index after it.
fn follow(tokens: &[Token], mut at: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let mut path = prefix.to_vec();
    let mut line = None;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Sign('{') => return follow_group(tokens, at + 1, &path, leaves),
            Kind::PathSeparator => at += 1,
            Kind::Word | Kind::Sign('*') => {
                path.push(token.text.clone());
                line = Some(token.line);
                at += 1;
                if !is_separator(tokens, at) {
                    break;
                }
            }
            Kind::Sign(_) => break,
        }
    }
    leaves.extend(line.map(|line| (path, line)));
    at
}

/// Follows the branches of a group, of which `at` is the first token.
fn follow_group(tokens: &[Token], mut at: usize, path: &[String], leaves: &mut Vec<Leaf>) -> usize {
    while let Some(token) = tokens.get(at) {
        at = match token.kind {
            Kind::Sign('}') => return at + 1,
            Kind::Word if token.is_word("as") => at + 2,
            Kind::Word | Kind::PathSeparator | Kind::Sign('*' | '{') => {
                follow(tokens, at, path, leaves)
            }
            Kind::Sign(_) => at + 1,
        };
    }
    at
}
