//! What a field can be asked, and values as the field understands them.

use super::error::{nearest, shown};
use super::lexer::Spanned;
use super::literal::{self, Bad, Network};
use super::tree::{Check, Comparison, Items, StringRange, Strings};
use super::{Column, ColumnKind, FilterError};

/// Names that a message lists.
const LISTED: usize = 6;

/// A field of the filter.
pub(super) struct Field {
    pub(super) index: usize,
    pub(super) column: Column,
}

/// What does not work with every field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Order,
    In,
    Contains,
    Has,
    Mask,
}

/// A value as it is written.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// Whether `..` stands after it, and makes it the start of something longer.
    pub(super) prefix: bool,
    pub(super) at: usize,
    pub(super) length: usize,
    /// Further bits.
    pub(super) more: Vec<Given>,
}

impl Given {
    pub(super) fn word(text: &str, at: usize, length: usize) -> Given {
        Given { text: text.to_owned(), quoted: false, prefix: false, at, length, more: Vec::new() }
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.at, self.length, message)
    }
}

/// `field == value`, or `field == field`.
pub(super) fn compared(
    field: &Field,
    comparison: Comparison,
    given: &Given,
    columns: &[Column],
) -> Result<Check, FilterError> {
    let named = (!given.quoted).then(|| columns.iter().position(|column| column.name == given.text)).flatten();
    let other = named.and_then(|other| Some((other, columns.get(other)?))).filter(|_| !field.understands(given));
    if let Some((other, column)) = other {
        if column.kind == field.column.kind && field.compares_with_fields() {
            return Ok(Check::Field { other, comparison });
        }
        let (a, b) = (field.column.kind.noun(), column.kind.noun());
        let message =
            format!("`{}` ({a}) cannot be compared with the field `{}` ({b})", field.column.name, column.name);
        return Err(given.error(message).hint(match field.column.kind {
            ColumnKind::Text => "in quotes it is a text",
            _ => "a number compares with a number, a time with a time, a duration with a duration",
        }));
    }
    match field.column.kind {
        ColumnKind::Text | ColumnKind::Bytes => {
            let value = field.string(given)?;
            match (given.prefix, comparison) {
                (false, _) => Ok(Check::compared_string(comparison, value)),
                (true, Comparison::Equal | Comparison::Unequal) => {
                    let items = Items { prefixes: vec![value], ..Items::default() };
                    Ok(Check::Strings(Strings::In { items, except: comparison == Comparison::Unequal }))
                }
                (true, _) => Err(no_order(given)),
            }
        }
        ColumnKind::Address => {
            let network = field.network(given)?;
            let order = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
            if order && network.first != network.last {
                return Err(no_order(given));
            }
            Ok(Check::compared_address(comparison, network))
        }
        _ => Ok(Check::compared(None, comparison, field.number(given)?)),
    }
}

/// `field in {…}`: values, and ranges with both ends.
pub(super) fn one_of(field: &Field, members: Vec<(Given, Option<Given>)>) -> Result<Check, FilterError> {
    match field.column.kind {
        ColumnKind::Text | ColumnKind::Bytes => {
            let mut items = Items::default();
            for (first, last) in &members {
                let low = field.string(first)?;
                match last {
                    Some(last) => {
                        let high = field.string(last)?;
                        in_order(&low, &high, first, last)?;
                        if last.prefix {
                            return Err(no_order(last));
                        }
                        items.ranges.push(StringRange { low: Some(low), high: Some(high) });
                    }
                    None if first.prefix => items.prefixes.push(low),
                    None => items.exact.push(low),
                }
            }
            items.exact.sort_unstable();
            Ok(Check::Strings(Strings::In { items, except: false }))
        }
        ColumnKind::Address => {
            let mut networks = Vec::with_capacity(members.len());
            for (first, last) in &members {
                let low = field.network(first)?;
                let high = last.as_ref().map_or(Ok(low), |last| field.network(last))?;
                if let Some(last) = last {
                    for (end, given) in [(low, first), (high, last)] {
                        if end.first != end.last {
                            return Err(no_order(given));
                        }
                    }
                    if low.v6 != high.v6 {
                        return Err(last.error("a range has two addresses of one family"));
                    }
                    in_order(&low.first, &high.first, first, last)?;
                }
                networks.push(Network { v6: low.v6, first: low.first, last: high.last });
            }
            Ok(Check::addresses(&networks, false))
        }
        _ => {
            let mut ranges = Vec::with_capacity(members.len());
            for (first, last) in &members {
                let low = field.number(first)?;
                let high = last.as_ref().map_or(Ok(low), |last| field.number(last))?;
                if let Some(last) = last {
                    in_order(&low, &high, first, last)?;
                }
                ranges.push((low, high));
            }
            Ok(Check::numbers(None, ranges, false))
        }
    }
}

/// `field contains value`.
pub(super) fn part(field: &Field, given: &Given) -> Result<Check, FilterError> {
    if given.prefix {
        return Err(given.error("`contains` needs no `..`"));
    }
    Ok(Check::Strings(Strings::Part(field.string(given)?)))
}

fn in_order<T: Ord>(low: &T, high: &T, first: &Given, last: &Given) -> Result<(), FilterError> {
    if low <= high {
        return Ok(());
    }
    let error =
        FilterError::new(first.at, (last.at + last.length).saturating_sub(first.at), "the range ends before it begins");
    Err(error.hint("the smaller one stands first"))
}

fn no_order(given: &Given) -> FilterError {
    given.error("a prefix has no order").hint("it works with `==`, `!=` and `in`")
}

impl Field {
    /// Whether an operator works here.
    pub(super) fn allow(&self, operator: Operator, found: &Spanned<'_>) -> Result<(), FilterError> {
        use ColumnKind::{Bits, Bytes, Flag, Number, Text};
        let kind = self.column.kind;
        let (works, what, hint) = match operator {
            Operator::In => return Ok(()),
            Operator::Order => (kind != Flag, "an order", "`==` and `!=` work, and the field alone"),
            Operator::Contains => (matches!(kind, Text | Bytes), "`contains`", "it works with texts and bytes"),
            Operator::Has => (kind == Bits, "`has`", "it works with bits"),
            Operator::Mask => {
                (matches!(kind, Bits | Number), "`&`", "it works with bits and numbers; `and` joins conditions")
            }
        };
        if works {
            return Ok(());
        }
        let message = format!("{what} does not work with `{}`, which is {}", self.column.name, kind.noun());
        Err(FilterError::new(found.at, found.length, message).hint(hint))
    }

    /// What the field means without an operator.
    pub(super) fn alone(&self) -> Check {
        match self.column.kind {
            ColumnKind::Number | ColumnKind::Bits | ColumnKind::Flag => Check::truthy(None),
            _ => Check::Present,
        }
    }

    pub(super) fn has_bits(&self) -> bool {
        self.column.kind == ColumnKind::Bits
    }

    pub(super) fn has_prefixes(&self) -> bool {
        self.column.kind == ColumnKind::Bytes
    }

    fn compares_with_fields(&self) -> bool {
        matches!(self.column.kind, ColumnKind::Number | ColumnKind::Time | ColumnKind::Duration)
    }

    /// Whether a text is a value of its own here, and not the name of another field.
    fn understands(&self, given: &Given) -> bool {
        match self.column.kind {
            ColumnKind::Text => false,
            ColumnKind::Bytes => given.prefix || literal::hex(&given.text).is_ok(),
            ColumnKind::Address => literal::network(&given.text).is_ok(),
            _ => self.read(&given.text).is_ok(),
        }
    }

    /// A value of a field of numbers, whatever they count.
    pub(super) fn number(&self, given: &Given) -> Result<i128, FilterError> {
        let read = |given: &Given| self.read(&given.text).map_err(|bad| self.complaint(given, bad));
        // Only bits have more than one, and they are not negative.
        given.more.iter().try_fold(read(given)?, |all, one| Ok(all | read(one)?))
    }

    fn read(&self, text: &str) -> Result<i128, Bad> {
        if let Some((_, value)) = self.column.names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(i128::from(*value));
        }
        match self.column.kind {
            ColumnKind::Duration => literal::duration(text).map(i128::from),
            ColumnKind::Time => literal::time(text).map(i128::from),
            ColumnKind::Flag => match text.to_ascii_lowercase().as_str() {
                "yes" | "true" | "1" => Ok(1),
                "no" | "false" | "0" => Ok(0),
                _ => Err(Bad::Form),
            },
            _ => literal::number(text).map(i128::from),
        }
    }

    fn string(&self, given: &Given) -> Result<Vec<u8>, FilterError> {
        if self.column.kind == ColumnKind::Text || given.quoted {
            return Ok(given.text.clone().into_bytes());
        }
        literal::hex(&given.text).map_err(|bad| self.complaint(given, bad))
    }

    fn network(&self, given: &Given) -> Result<Network, FilterError> {
        literal::network(&given.text).map_err(|bad| self.complaint(given, bad))
    }

    /// The complaint about a value that is not one here.
    pub(super) fn refuse(&self, given: &Given) -> FilterError {
        self.complaint(given, Bad::Form)
    }

    fn complaint(&self, given: &Given, bad: Bad) -> FilterError {
        let (field, found) = (self.column.name, shown(&given.text));
        let expected = format!("`{field}` takes {}", self.column.kind.example());
        let names = self.column.names;
        match bad {
            Bad::Range => return given.error(format!("`{found}` is out of range")).hint(expected),
            Bad::Fraction if self.column.kind == ColumnKind::Number || self.has_bits() => {
                return given.error(format!("`{found}` is no whole number")).hint(expected);
            }
            Bad::Fraction => return given.error(format!("`{found}` is finer than 1 ns")).hint(expected),
            Bad::Form => {}
        }
        if names.is_empty() || given.text.starts_with(|c: char| c.is_ascii_digit()) {
            return given.error(format!("`{found}` is not {}", self.column.kind.noun())).hint(expected);
        }
        let error = given.error(format!("`{found}` is no value of `{field}`"));
        if let Some(name) = nearest(&given.text, names.iter().map(|(name, _)| *name)) {
            return error.hint(format!("did you mean `{name}`?"));
        }
        let listed: Vec<&str> = names.iter().map(|(name, _)| *name).take(LISTED).collect();
        let more = match names.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        error.hint(format!("it has {}{more}", listed.join(", ")))
    }
}

impl ColumnKind {
    fn noun(self) -> &'static str {
        match self {
            ColumnKind::Number => "a number",
            ColumnKind::Bits => "bits",
            ColumnKind::Duration => "a duration",
            ColumnKind::Time => "a time",
            ColumnKind::Bytes => "bytes",
            ColumnKind::Text => "a text",
            ColumnKind::Address => "an address",
            ColumnKind::Flag => "yes or no",
        }
    }

    fn example(self) -> &'static str {
        match self {
            ColumnKind::Number => "a number from 0, such as 192, 0x80 or 64k",
            ColumnKind::Bits => "bits, such as 0x80",
            ColumnKind::Duration => "a duration such as 300us, 1.5ms or 2s",
            ColumnKind::Time => "a time such as 2026-11-21T10:00:00Z, or Unix seconds such as 1795275270.89",
            ColumnKind::Bytes => {
                "hex digits, two a byte, such as ab12, `ab12..` for what begins so, or a text in quotes"
            }
            ColumnKind::Text => "a text",
            ColumnKind::Address => "an address such as 10.0.0.1, or a prefix such as 10.0.0.0/8 or fe80::/10",
            ColumnKind::Flag => "yes or no",
        }
    }
}
