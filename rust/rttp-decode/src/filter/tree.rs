//! What a filter is once its text is read.

use super::literal::Network;

/// A filter or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test { column: usize, check: Check },
}

impl Node {
    /// One node as itself, several joined.
    pub(super) fn joined(mut nodes: Vec<Node>, join: impl FnOnce(Vec<Node>) -> Node) -> Node {
        match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => {
                nodes.extend(last);
                join(nodes)
            }
        }
    }

    /// Adds every column that is read.
    pub(super) fn read_columns(&self, out: &mut Vec<usize>) {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.read_columns(out)),
            Node::Not(node) => node.read_columns(out),
            Node::Test { column, check } => {
                out.push(*column);
                if let Check::Field { other, .. } = check {
                    out.push(*other);
                }
            }
        }
    }
}

/// What is asked of a value. A row without one does not pass.
#[derive(Clone, Debug)]
pub(super) enum Check {
    Present,
    /// In a range, or with `except` in none. Ranges are there for either type that a column of numbers may have.
    Number {
        mask: Option<u64>,
        unsigned: Vec<(u64, u64)>,
        signed: Vec<(i64, i64)>,
        except: bool,
    },
    Address {
        ranges: Vec<((bool, u128), (bool, u128))>,
        except: bool,
    },
    Strings(Strings),
    Field {
        other: usize,
        comparison: Comparison,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Checks of texts and bytes. Texts are compared as UTF-8, which has the order of their characters.
#[derive(Clone, Debug)]
pub(super) enum Strings {
    Part(Vec<u8>),
    In { items: Items, except: bool },
}

#[derive(Clone, Default, Debug)]
pub(super) struct Items {
    /// In order.
    pub(super) exact: Vec<Vec<u8>>,
    pub(super) prefixes: Vec<Vec<u8>>,
    pub(super) ranges: Vec<StringRange>,
}

/// Both ends belong to it; an end may be open.
#[derive(Clone, Debug)]
pub(super) struct StringRange {
    pub(super) low: Option<Vec<u8>>,
    pub(super) high: Option<Vec<u8>>,
}

/// Numbers from the first to the last.
pub(super) type Range = (i128, i128);

impl Check {
    pub(super) fn numbers(mask: Option<u64>, ranges: Vec<Range>, except: bool) -> Check {
        let ranges = apart(ranges);
        let unsigned = ranges.iter().filter_map(|(low, high)| {
            let (low, high) = ((*low).max(0), (*high).min(i128::from(u64::MAX)));
            if low <= high { Some((u64::try_from(low).ok()?, u64::try_from(high).ok()?)) } else { None }
        });
        let signed = ranges.iter().filter_map(|(low, high)| {
            let (low, high) = ((*low).max(i128::from(i64::MIN)), (*high).min(i128::from(i64::MAX)));
            if low <= high { Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?)) } else { None }
        });
        Check::Number { mask, unsigned: unsigned.collect(), signed: signed.collect(), except }
    }

    /// Not 0; with a mask: any of its bits.
    pub(super) fn truthy(mask: Option<u64>) -> Check {
        Check::numbers(mask, vec![(0, 0)], true)
    }

    pub(super) fn compared(mask: Option<u64>, comparison: Comparison, value: i128) -> Check {
        let (range, except) = comparison.range(value, i128::MIN, i128::MAX);
        Check::numbers(mask, range.into_iter().collect(), except)
    }

    pub(super) fn addresses(networks: &[Network], except: bool) -> Check {
        let ranges = networks.iter().map(|n| ((n.v6, n.first), (n.v6, n.last))).collect();
        Check::Address { ranges: apart(ranges), except }
    }

    /// An order is one among the addresses of a family.
    pub(super) fn compared_address(comparison: Comparison, network: Network) -> Check {
        if let Comparison::Equal | Comparison::Unequal = comparison {
            return Check::addresses(&[network], comparison == Comparison::Unequal);
        }
        let (range, except) = comparison.range(network.first, 0, network.most());
        let ranges = range.into_iter().map(|(low, high)| ((network.v6, low), (network.v6, high))).collect();
        Check::Address { ranges, except }
    }

    pub(super) fn compared_string(comparison: Comparison, value: Vec<u8>) -> Check {
        let (items, except) = match comparison {
            Comparison::Equal => (Items { exact: vec![value], ..Items::default() }, false),
            Comparison::Unequal => (Items { exact: vec![value], ..Items::default() }, true),
            Comparison::Less => (Items::range(Some(value), None), true),
            Comparison::AtMost => (Items::range(None, Some(value)), false),
            Comparison::Greater => (Items::range(None, Some(value)), true),
            Comparison::AtLeast => (Items::range(Some(value), None), false),
        };
        Check::Strings(Strings::In { items, except })
    }
}

impl Comparison {
    /// The numbers for which it holds, or with `true` those for which it does not; `None` is no number.
    fn range<T: Step>(self, value: T, least: T, most: T) -> (Option<(T, T)>, bool) {
        match self {
            Comparison::Equal => (Some((value, value)), false),
            Comparison::Unequal => (Some((value, value)), true),
            Comparison::Less => (value.before(least).map(|before| (least, before)), false),
            Comparison::AtMost => (Some((least, value)), false),
            Comparison::Greater => (value.after(most).map(|after| (after, most)), false),
            Comparison::AtLeast => (Some((value, most)), false),
        }
    }
}

/// The number before and the one after, within bounds.
trait Step: Copy {
    fn before(self, least: Self) -> Option<Self>;
    fn after(self, most: Self) -> Option<Self>;
}

macro_rules! step {
    ($($number:ty),*) => {$(
        impl Step for $number {
            fn before(self, least: Self) -> Option<Self> {
                self.checked_sub(1).filter(|n| *n >= least)
            }
            fn after(self, most: Self) -> Option<Self> {
                self.checked_add(1).filter(|n| *n <= most)
            }
        }
    )*};
}
step!(i128, u128);

impl Items {
    fn range(low: Option<Vec<u8>>, high: Option<Vec<u8>>) -> Items {
        Items { ranges: vec![StringRange { low, high }], ..Items::default() }
    }
}

/// Ranges in order, joined where they overlap.
fn apart<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match out.last_mut() {
            Some(last) if low <= last.1 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out
}
