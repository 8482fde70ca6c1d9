//! A source as words, `::` and signs.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Word,
    PathSeparator,
    Sign(char),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

/// Splits a source into words, `::` and single signs; comments, strings, characters and lifetimes
/// are left out.
pub(super) struct Tokens<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(source: &'a str) -> Vec<Token> {
        let rest = source.chars().peekable();
        Self { rest, line: 1 }.collect()
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn next_if(&mut self, expected: char) -> bool {
        let found = self.rest.peek() == Some(&expected);
        if found {
            self.next_char();
        }
        found
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
        }
        word
    }

    fn skip_line(&mut self) {
        while self.next_char().is_some_and(|c| c != '\n') {}
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next_char() {
                Some('/') if self.next_if('*') => depth += 1,
                Some('*') if self.next_if('/') => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(c) = self.next_char() {
            match c {
                '\\' => drop(self.next_char()),
                '"' => return,
                _ => {}
            }
        }
    }

    /// Skips what follows the `r` of a raw string, and gives the word of a raw identifier.
    fn raw(&mut self) -> Option<String> {
        let mut hashes = 0;
        while self.next_if('#') {
            hashes += 1;
        }
        if !self.next_if('"') {
            let first = self.next_char()?;
            return Some(self.word(first));
        }
        let mut closing = None;
        while closing != Some(hashes) {
            closing = match (self.next_char()?, closing) {
                ('"', _) => Some(0),
                ('#', Some(seen)) => Some(seen + 1),
                _ => None,
            };
        }
        None
    }

    /// Skips a character such as `'"'`, or the quote of a lifetime.
    fn skip_character(&mut self) {
        if self.next_if('\\') {
            self.next_char();
            while self.next_char().is_some_and(|c| c != '\'') {}
            return;
        }
        let mut ahead = self.rest.clone();
        ahead.next();
        if ahead.next() == Some('\'') {
            self.next_char();
            self.next_char();
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let line = self.line;
            let token = |kind, text| Some(Token { kind, text, line });
            let c = self.next_char()?;
            match c {
                c if c.is_whitespace() => {}
                '/' if self.next_if('/') => self.skip_line(),
                '/' if self.next_if('*') => self.skip_block_comment(),
                '"' => self.skip_string(),
                '\'' => self.skip_character(),
                ':' if self.next_if(':') => return token(Kind::PathSeparator, "::".to_owned()),
                c if c.is_alphanumeric() || c == '_' => {
                    let word = self.word(c);
                    let next = self.rest.peek().copied();
                    match (word.as_str(), next) {
                        ("r" | "br" | "cr", Some('"' | '#')) => {
                            if let Some(word) = self.raw() {
                                return token(Kind::Word, word);
                            }
                        }
                        ("b" | "c", Some('"' | '\'')) => {}
                        _ => return token(Kind::Word, word),
                    }
                }
                c => return token(Kind::Sign(c), c.to_string()),
            }
        }
    }
}
