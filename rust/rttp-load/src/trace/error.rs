//! Why a trace cannot be used: where, what was found, what was expected.

use std::borrow::Cow;
use std::fmt;

use super::Trace;
use super::fields::shown_seconds;

/// Characters of a file that a message repeats.
const SHOWN: usize = 40;

/// Where in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Line of a text, from 1.
    Line(u64),
    /// Packet of a capture.
    Packet {
        /// From 1, as Wireshark counts.
        number: u64,
        /// Where its record begins, bytes from the start of the file.
        offset: usize,
    },
    /// Bytes from the start of the file.
    Byte(usize),
}

/// What is wrong there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// A value that cannot be used; an empty `found` is one that is missing.
    Value {
        /// Its column or field.
        column: &'static str,
        /// The value, printable, at most 40 characters and an ellipsis.
        found: String,
        /// What could stand there.
        expected: Cow<'static, str>,
    },
    /// A time before an earlier entry's.
    Disorder {
        /// The time found, ns.
        time_ns: u64,
        /// The newest before it, ns.
        newest_ns: u64,
        /// Where that was.
        newest_at: Place,
    },
    /// The file ends inside a record.
    Cut {
        /// Bytes of the record that are there.
        there: usize,
        /// Bytes that it should have.
        wanted: usize,
    },
    /// Nothing that could be sent.
    Empty,
    /// More than [`Trace::MOST`] entries.
    TooMany,
    /// A capture without a datagram to send.
    NoUdp {
        /// How many packets it has.
        packets: u64,
        /// The port that was asked for.
        port: Option<u16>,
    },
}

/// A trace that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceError {
    /// Where; `None` for the trace as a whole.
    pub place: Option<Place>,
    /// What.
    pub problem: Problem,
}

impl TraceError {
    pub(super) fn new(place: impl Into<Option<Place>>, problem: Problem) -> TraceError {
        TraceError { place: place.into(), problem }
    }

    pub(super) fn value(
        place: impl Into<Option<Place>>,
        column: &'static str,
        found: &[u8],
        expected: impl Into<Cow<'static, str>>,
    ) -> TraceError {
        TraceError::new(place, Problem::Value { column, found: printable(found, SHOWN), expected: expected.into() })
    }
}

/// What a message may repeat of a file: at most so many characters, and nothing that a terminal would act on.
pub(super) fn printable(found: &[u8], most: usize) -> String {
    // No character has more than four bytes.
    let head = found.get(..4 * (most + 1)).unwrap_or(found);
    let mut out = String::new();
    let mut length = 0;
    for c in String::from_utf8_lossy(head).chars() {
        let escaped: String = if matches!(c, '"' | '\'' | '\\') { c.into() } else { c.escape_debug().collect() };
        length += escaped.chars().count();
        if length > most {
            out.push('…');
            break;
        }
        out.push_str(&escaped);
    }
    out
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Packet { number, offset } => write!(f, "packet {number} at byte {offset}"),
            Place::Byte(offset) => write!(f, "byte {offset}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Value { column, found, expected } if found.is_empty() => {
                write!(f, "{column} is missing, expected {expected}")
            }
            Problem::Value { column, found, expected } => write!(f, "{column} `{found}`, expected {expected}"),
            Problem::Disorder { time_ns, newest_ns, newest_at } => {
                write!(f, "time {} is before {} of {newest_at}", shown_seconds(*time_ns), shown_seconds(*newest_ns))
            }
            Problem::Cut { there, wanted } => write!(
                f,
                "the capture is cut off: {there} of {wanted} bytes are there (`editcap FILE NEW` keeps the whole packets)"
            ),
            Problem::Empty => f.write_str("no entries, expected at least one"),
            Problem::TooMany => write!(f, "more than {} entries", Trace::MOST),
            Problem::NoUdp { packets, port: None } => write!(f, "none of {packets} packets is UDP"),
            Problem::NoUdp { packets, port: Some(port) } => {
                write!(f, "none of {packets} packets is UDP to port {port}")
            }
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for TraceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_at_most_forty_printable_characters() {
        for found in [vec![b'x'; 500], "é".repeat(200).into_bytes(), vec![0x1b; 90], vec![0xff; 41]] {
            let text = printable(&found, SHOWN);
            assert!(text.chars().count() <= SHOWN + 1 && text.ends_with('…'), "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
        }
        assert_eq!(printable(b"it's \"5\"", SHOWN), "it's \"5\"");
        assert_eq!(printable("\u{202e}1".as_bytes(), SHOWN), "\\u{202e}1");
        assert_eq!(printable(&[b'7'; SHOWN], SHOWN), "7".repeat(SHOWN));
    }
}
