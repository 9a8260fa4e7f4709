//! Values of a text trace, exact: a time never goes through a float.

use std::borrow::Cow;

use super::error::{Place, TraceError};
use super::{NO_FRAGMENTS, NO_PRIORITY, NO_SIZE};

const NANO_DIGITS: i64 = 9;
const NS_PER_S: u64 = 1_000_000_000;

/// A column of a text trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    Time,
    TimeNs,
    Size,
    Priority,
    Fragments,
}

impl Column {
    /// The columns of a text without a header line, in their order.
    pub(super) const DEFAULT: [Column; 4] = [Column::Time, Column::Size, Column::Priority, Column::Fragments];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Column::Time => "time",
            Column::TimeNs => "time_ns",
            Column::Size => "size",
            Column::Priority => "priority",
            Column::Fragments => "fragments",
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Column::Time => "seconds such as 0.001",
            Column::TimeNs => "nanoseconds, a whole number",
            Column::Size => "0 to 4294967294 bytes",
            Column::Priority => "0 to 255",
            Column::Fragments => "1 to 65535",
        }
    }

    /// The complaint about a value of this column.
    pub(super) fn refuse(self, place: Place, found: &[u8]) -> TraceError {
        TraceError::value(place, self.name(), found, Cow::Borrowed(self.expected()))
    }
}

/// What a line gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) time_ns: Option<u64>,
    pub(super) size: u32,
    pub(super) priority: u16,
    pub(super) fragments: u16,
}

impl Row {
    pub(super) const EMPTY: Row = Row { time_ns: None, size: NO_SIZE, priority: NO_PRIORITY, fragments: NO_FRAGMENTS };

    /// Takes the value of a column.
    #[inline]
    pub(super) fn set(&mut self, column: Column, text: &[u8], place: Place) -> Result<(), TraceError> {
        let taken = match column {
            Column::Time => seconds(text).map(|ns| self.time_ns = Some(ns)),
            Column::TimeNs => whole(text, 0, u64::MAX).map(|ns| self.time_ns = Some(ns)),
            Column::Size => {
                whole(text, 0, u64::from(NO_SIZE) - 1).and_then(|n| u32::try_from(n).ok()).map(|size| self.size = size)
            }
            Column::Priority => {
                whole(text, 0, 255).and_then(|n| u16::try_from(n).ok()).map(|priority| self.priority = priority)
            }
            Column::Fragments => whole(text, 1, u64::from(u16::MAX))
                .and_then(|n| u16::try_from(n).ok())
                .map(|fragments| self.fragments = fragments),
        };
        taken.ok_or_else(|| column.refuse(place, text))
    }
}

/// A whole number within bounds, digits only.
fn whole(text: &[u8], least: u64, most: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        value = value.checked_mul(10)?.checked_add(digit(*byte)?)?;
    }
    (least..=most).contains(&value).then_some(value)
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

/// Decimal seconds, with or without an exponent, as ns: exact to nine fraction digits, rounded half up beyond them.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let mark = text.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = match mark {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|b| *b == b'.');
    let (before, after) = match point {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    if before.is_empty() && after.is_empty() {
        return None;
    }
    // So many digits from the left make whole nanoseconds; the next one rounds.
    let mut places = i64::try_from(before.len()).ok()?.saturating_add(exponent).saturating_add(NANO_DIGITS);
    let mut ns = 0u64;
    for byte in before.iter().chain(after) {
        let digit = digit(*byte)?;
        if places > 0 {
            ns = ns.checked_mul(10)?.checked_add(digit)?;
        } else if places == 0 {
            ns = ns.checked_add(u64::from(digit >= 5))?;
        }
        places = places.saturating_sub(1);
    }
    // A zero stays one however large its exponent; anything else overflows within twenty steps.
    while places > 0 && ns > 0 {
        ns = ns.checked_mul(10)?;
        places -= 1;
    }
    Some(ns)
}

/// A signed whole number; one too large to matter is kept at the bound.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        value = value.saturating_mul(10).saturating_add(i64::try_from(digit(*byte)?).ok()?);
    }
    Some(if negative { -value } else { value })
}

/// ns as seconds with no more digits than it takes.
pub(super) fn shown_seconds(ns: u64) -> String {
    let (whole, fraction) = (ns / NS_PER_S, ns % NS_PER_S);
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:09}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nine_fraction_digits_are_exact_and_the_tenth_rounds() {
        for (text, ns) in [
            ("0", 0),
            ("0.000000001", 1),
            ("1700000000.123456789", 1_700_000_000_123_456_789),
            ("0.30000000000000004", 300_000_000),
            ("0.0000000005", 1),
            ("0.00000000049999", 0),
            ("0.9999999999", 1_000_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
            ("+2", 2_000_000_000),
            ("1e-3", 1_000_000),
            ("1.5E+2", 150_000_000_000),
            ("12.5e-9", 13),
            ("5e-10", 1),
            ("5e-11", 0),
            ("1e-99999999999999999999", 0),
            ("0e99999999999999999999", 0),
            ("000000000000000000000000.001", 1_000_000),
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(ns), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            ".",
            "e5",
            "-1",
            "-0",
            "nan",
            "NaN",
            "inf",
            "infinity",
            "1e",
            "1e+",
            "0x10",
            "1_000",
            "1,5",
            "1 2",
            "1e400",
            "99999999999999999999",
            "18446744073.709551616",
            "1.2.3",
            "1e5.0",
            "1s",
            "++1",
        ] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_keep_their_bounds() {
        assert_eq!(whole(b"255", 0, 255), Some(255));
        assert_eq!(whole(b"0007", 1, 255), Some(7));
        for text in ["", "256", "-1", "+1", "1.0", "1e2", " 1", "99999999999999999999999"] {
            assert_eq!(whole(text.as_bytes(), 0, 255), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_survives_its_text(ns: u64) {
            prop_assert_eq!(seconds(shown_seconds(ns).as_bytes()), Some(ns));
        }

        #[test]
        fn a_float_s_text_is_its_nanoseconds(s in 0f64..4e6) {
            let exact = seconds(format!("{s:e}").as_bytes()).unwrap();
            prop_assert_eq!(seconds(s.to_string().as_bytes()), Some(exact));
            prop_assert!((exact as f64 - s * 1e9).abs() <= 1.0, "{} for {}", exact, s);
        }
    }
}
