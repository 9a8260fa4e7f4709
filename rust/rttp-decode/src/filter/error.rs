//! Why a text is no filter, and where.

use std::fmt;

use super::MAX_TEXT;

/// Characters of the filter that a message repeats.
const SHOWN: usize = 40;

/// A text that is no filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError {
    /// Where, characters from the start, from 0; the text's length when something is missing at its end.
    pub at: usize,
    /// How many characters are meant, 1 or more.
    pub length: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What would do.
    pub hint: Option<String>,
}

impl FilterError {
    pub(super) fn new(at: usize, length: usize, message: impl Into<String>) -> FilterError {
        FilterError { at, length: length.max(1), message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> FilterError {
        FilterError { hint: Some(hint.into()), ..self }
    }

    /// The text, and below it a line of spaces and `^^^` under what is meant. Control characters become spaces, and a
    /// text that is too long is cut.
    pub fn pointer(&self, text: &str) -> String {
        let mut out: String = text.chars().take(MAX_TEXT + 1).map(|c| if harmless(c) { c } else { ' ' }).collect();
        if text.chars().nth(MAX_TEXT + 1).is_some() {
            out.push('…');
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', self.at));
        out.extend(std::iter::repeat_n('^', self.length));
        out
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.at, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// A piece of the filter as a message may repeat it: at most so many characters, nothing that a terminal would act on.
pub(super) fn shown(found: &str) -> String {
    let mut out: String = found.chars().take(SHOWN).map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect();
    if found.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// Neither a control character nor one that turns the direction of writing.
fn harmless(c: char) -> bool {
    let turns = matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    !c.is_control() && !turns && c != '\u{feff}'
}

/// The name that was probably meant: the nearest one, if it is near.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(2 * SHOWN).flat_map(char::to_lowercase).collect();
    let most = word.len().div_ceil(3).min(3);
    names
        .map(|name| (distance(&word, name), name))
        .filter(|(far, name)| *far <= most && *far < name.len())
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Edits from one to the other: a character put in, left out or replaced. Upper and lower case is one.
fn distance(word: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, b) in name.chars().flat_map(char::to_lowercase).enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (a, cell) in word.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(*a != b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}
