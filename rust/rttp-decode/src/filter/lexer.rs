//! Characters to tokens. What a word is (a field, a number, an address) is decided by the parser, who knows the field.

/// A piece of the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    /// A run of characters that names, numbers, times and addresses are made of.
    Word(&'a str),
    /// What stood in quotes.
    Quoted(String),
    /// Quotes without an end.
    Unclosed,
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// Anything else.
    Strange(char),
    /// Nothing more.
    End,
}

/// A token and where it stands, in characters.
#[derive(Clone, Debug)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) at: usize,
    pub(super) length: usize,
}

/// The longer of two that begin alike stands first.
const SYMBOLS: [&str; 18] =
    ["==", "!=", "<=", ">=", "&&", "||", "..", "=", "<", ">", "!", "&", "|", "(", ")", "{", "}", ","];

/// The tokens of a text; the last one is `End`.
pub(super) fn tokens(text: &str) -> Vec<Spanned<'_>> {
    let mut out = Vec::new();
    let (mut rest, mut at) = (text, 0);
    while let Some(c) = rest.chars().next() {
        let (token, bytes) = if c.is_whitespace() {
            (None, c.len_utf8())
        } else if matches!(c, '"' | '\'') {
            let (token, bytes) = quoted(rest, c);
            (Some(token), bytes)
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|s| rest.starts_with(s)) {
            (Some(Token::Symbol(symbol)), symbol.len())
        } else {
            match word(rest) {
                "" => (Some(Token::Strange(c)), c.len_utf8()),
                found => (Some(Token::Word(found)), found.len()),
            }
        };
        let (taken, left) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        let length = taken.chars().count();
        out.extend(token.map(|token| Spanned { token, at, length }));
        (rest, at) = (left, at + length);
    }
    out.push(Spanned { token: Token::End, at, length: 1 });
    out
}

/// The word at the start, which ends before `..`; empty if there is none.
fn word(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(i, c)| !belongs(*c) || text.get(*i..).is_some_and(|rest| rest.starts_with("..")))
        .map_or(text.len(), |(i, _)| i);
    text.get(..end).unwrap_or("")
}

fn belongs(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '+' | '-')
}

/// A text in quotes and how many bytes it takes with them.
fn quoted(text: &str, quote: char) -> (Token<'static>, usize) {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = characters.next() {
        if c == quote {
            return (Token::Quoted(out), i + c.len_utf8());
        }
        let meant = if c == '\\' { characters.next_if(|(_, next)| matches!(next, '"' | '\'' | '\\')) } else { None };
        out.push(meant.map_or(c, |(_, next)| next));
    }
    (Token::Unclosed, text.len())
}
