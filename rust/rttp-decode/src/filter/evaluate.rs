//! Batches of rows through a filter: a column at a time, in loops without a branch where the values are numbers.

use std::cell::OnceCell;

use super::literal::address_key;
use super::tree::{Check, Comparison, Items, Node, Strings};
use super::{Rows, Values};

/// Up to so many ranges are tried one after the other over the whole column; more are searched row by row.
const FEW: usize = 8;

/// A batch and those of its columns that were read.
pub(super) struct Batch<'a, R: ?Sized> {
    rows: &'a R,
    columns: &'a [usize],
    values: Vec<OnceCell<Values<'a>>>,
}

impl<'a, R: Rows + ?Sized> Batch<'a, R> {
    /// `columns`: all that may be read, ascending.
    pub(super) fn new(rows: &'a R, columns: &'a [usize]) -> Self {
        Batch { rows, columns, values: columns.iter().map(|_| OnceCell::new()).collect() }
    }

    /// Whether each row passes. `out` is as long as the batch.
    pub(super) fn select(&self, node: &Node, out: &mut [bool]) {
        match node {
            Node::All(nodes) => self.combine(nodes, out, true, |a, b| a & b),
            Node::Any(nodes) => self.combine(nodes, out, false, |a, b| a | b),
            Node::Not(node) => {
                self.select(node, out);
                out.iter_mut().for_each(|o| *o = !*o);
            }
            Node::Test { column, check } => match self.column(*column) {
                Some(values) => self.test(values, check, out),
                None => out.fill(false),
            },
        }
    }

    /// `open`: what a row must be for the nodes that follow to matter.
    fn combine(&self, nodes: &[Node], out: &mut [bool], open: bool, join: impl Fn(bool, bool) -> bool) {
        let Some((first, others)) = nodes.split_first() else { return out.fill(open) };
        self.select(first, out);
        let mut next = Vec::new();
        for node in others {
            if !out.contains(&open) {
                return;
            }
            next.resize(out.len(), false);
            self.select(node, &mut next);
            out.iter_mut().zip(&next).for_each(|(o, n)| *o = join(*o, *n));
        }
    }

    fn column(&self, column: usize) -> Option<&Values<'a>> {
        let place = self.columns.binary_search(&column).ok()?;
        Some(self.values.get(place)?.get_or_init(|| self.rows.values(column)))
    }

    fn test(&self, values: &Values<'_>, check: &Check, out: &mut [bool]) {
        match (check, values) {
            (Check::Present, Values::Numbers { values, .. }) => write(values, out, |_| true),
            (Check::Present, Values::Signed { values, .. }) => write(values, out, |_| true),
            (Check::Present, Values::Bytes(values)) => write(values, out, Option::is_some),
            (Check::Present, Values::Text(values)) => write(values, out, Option::is_some),
            (Check::Present, Values::Addresses(values)) => write(values, out, |_| true),
            (Check::Number { mask: None, unsigned, except, .. }, Values::Numbers { values, .. }) => {
                within(values, |v| *v, unsigned, *except, out);
            }
            (Check::Number { mask: Some(mask), unsigned, except, .. }, Values::Numbers { values, .. }) => {
                within(values, |v| v & mask, unsigned, *except, out);
            }
            (Check::Number { mask: None, signed, except, .. }, Values::Signed { values, .. }) => {
                within(values, |v| *v, signed, *except, out);
            }
            (Check::Number { mask: Some(mask), unsigned, except, .. }, Values::Signed { values, .. }) => {
                within(values, |v| v.cast_unsigned() & mask, unsigned, *except, out);
            }
            (Check::Address { ranges, except }, Values::Addresses(values)) => {
                within(values, |v| address_key(*v), ranges, *except, out);
            }
            (Check::Strings(strings), Values::Bytes(values)) => {
                write(values, out, |v| v.is_some_and(|bytes| strings.holds(bytes)));
            }
            (Check::Strings(strings), Values::Text(values)) => {
                write(values, out, |v| v.is_some_and(|text| strings.holds(text.as_bytes())));
            }
            (Check::Field { other, comparison }, left) => match self.column(*other) {
                Some(right) => {
                    fields(left, right, *comparison, out);
                    valid(right, out);
                }
                None => out.fill(false),
            },
            _ => out.fill(false),
        }
        valid(values, out);
    }
}

impl Strings {
    fn holds(&self, found: &[u8]) -> bool {
        match self {
            Strings::Part(part) => {
                // Most places fail at the first byte, before anything is called.
                part.is_empty() || found.windows(part.len()).any(|w| w.first() == part.first() && w == part.as_slice())
            }
            Strings::In { items, except } => items.holds(found) != *except,
        }
    }
}

impl Items {
    fn holds(&self, found: &[u8]) -> bool {
        self.exact.binary_search_by(|item| item.as_slice().cmp(found)).is_ok()
            || self.prefixes.iter().any(|prefix| found.starts_with(prefix))
            || self.ranges.iter().any(|range| {
                range.low.as_ref().is_none_or(|low| low.as_slice() <= found)
                    && range.high.as_ref().is_none_or(|high| found <= high.as_slice())
            })
    }
}

/// One answer a value; rows beyond the values have none.
#[inline]
fn write<V>(values: &[V], out: &mut [bool], answer: impl Fn(&V) -> bool) {
    let (there, beyond) = out.split_at_mut(values.len().min(out.len()));
    there.iter_mut().zip(values).for_each(|(o, v)| *o = answer(v));
    beyond.fill(false);
}

/// What ranges are made of.
trait Within: Ord + Copy {
    /// Whether it lies in a range, which has `low <= high`.
    fn is_within(self, low: Self, high: Self) -> bool;
}

// One comparison in place of two: what lies below the range wraps to beyond it.
impl Within for u64 {
    #[inline]
    fn is_within(self, low: u64, high: u64) -> bool {
        self.wrapping_sub(low) <= high.wrapping_sub(low)
    }
}

impl Within for i64 {
    #[inline]
    fn is_within(self, low: i64, high: i64) -> bool {
        self.wrapping_sub(low).cast_unsigned() <= high.wrapping_sub(low).cast_unsigned()
    }
}

impl Within for (bool, u128) {
    #[inline]
    fn is_within(self, low: (bool, u128), high: (bool, u128)) -> bool {
        low <= self && self <= high
    }
}

/// Whether each value is in one of the ranges, which are in order and apart; or in none of them.
#[inline]
fn within<V, T: Within>(values: &[V], key: impl Fn(&V) -> T, ranges: &[(T, T)], except: bool, out: &mut [bool]) {
    match ranges {
        [] => write(values, out, |_| except),
        [(low, high)] if low == high => write(values, out, |v| (key(v) == *low) ^ except),
        [(low, high)] => write(values, out, |v| key(v).is_within(*low, *high) ^ except),
        [(low, high), others @ ..] if others.len() < FEW => {
            write(values, out, |v| key(v).is_within(*low, *high) ^ except);
            for (low, high) in others {
                for (o, v) in out.iter_mut().zip(values) {
                    *o ^= key(v).is_within(*low, *high);
                }
            }
        }
        _ => write(values, out, |v| {
            let key = key(v);
            let after = ranges.partition_point(|(low, _)| *low <= key);
            let hit = after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|(_, high)| key <= *high);
            hit ^ except
        }),
    }
}

/// Rows without a value pass nothing.
fn valid(values: &Values<'_>, out: &mut [bool]) {
    let (Values::Numbers { valid: Some(valid), .. } | Values::Signed { valid: Some(valid), .. }) = values else {
        return;
    };
    let (there, beyond) = out.split_at_mut(valid.len().min(out.len()));
    there.iter_mut().zip(valid.iter()).for_each(|(o, v)| *o &= *v);
    beyond.fill(false);
}

fn fields(left: &Values<'_>, right: &Values<'_>, comparison: Comparison, out: &mut [bool]) {
    match (left, right) {
        (Values::Numbers { values: a, .. }, Values::Numbers { values: b, .. }) => {
            pairs(a, b, |v| *v, |v| *v, comparison, out)
        }
        (Values::Signed { values: a, .. }, Values::Signed { values: b, .. }) => {
            pairs(a, b, |v| *v, |v| *v, comparison, out)
        }
        (Values::Numbers { values: a, .. }, Values::Signed { values: b, .. }) => {
            pairs(a, b, |v| i128::from(*v), |v| i128::from(*v), comparison, out);
        }
        (Values::Signed { values: a, .. }, Values::Numbers { values: b, .. }) => {
            pairs(a, b, |v| i128::from(*v), |v| i128::from(*v), comparison, out);
        }
        _ => out.fill(false),
    }
}

/// One loop for each comparison, so that none is chosen in it.
fn pairs<A, B, T: Ord>(
    a: &[A],
    b: &[B],
    left: impl Fn(&A) -> T,
    right: impl Fn(&B) -> T,
    comparison: Comparison,
    out: &mut [bool],
) {
    let (there, beyond) = out.split_at_mut(a.len().min(b.len()).min(out.len()));
    beyond.fill(false);
    let rows = there.iter_mut().zip(a.iter().zip(b));
    match comparison {
        Comparison::Equal => rows.for_each(|(o, (a, b))| *o = left(a) == right(b)),
        Comparison::Unequal => rows.for_each(|(o, (a, b))| *o = left(a) != right(b)),
        Comparison::Less => rows.for_each(|(o, (a, b))| *o = left(a) < right(b)),
        Comparison::AtMost => rows.for_each(|(o, (a, b))| *o = left(a) <= right(b)),
        Comparison::Greater => rows.for_each(|(o, (a, b))| *o = left(a) > right(b)),
        Comparison::AtLeast => rows.for_each(|(o, (a, b))| *o = left(a) >= right(b)),
    }
}
