//! A small language over the columns of rows: `priority >= 192 and kind == DATA and fragment_count > 1`.
//!
//! | written | means |
//! |---|---|
//! | `== != < <= > >=` | the field against a value, or against a field of the same kind (numbers, times, durations) |
//! | `in {a, b, lo..hi}`, `in lo..hi` | one of these; both ends of a range belong to it |
//! | `contains` | a part of a text or of bytes |
//! | `flags has FEC\|ECHO` | all of these bits |
//! | `flags & 0x81`, `flags & 0x0f == 3` | any of these bits; or what is left of the number, compared |
//! | `present(field)` | the row has a value there |
//! | `field` | number, bits or flag: not 0; anything else: present |
//! | `and or not`, `&& \|\| !`, `( )` | `not` binds closest, then `and`, then `or` |
//!
//! An absent value makes every comparison false, `!=` too; `not` turns that like anything else. So where `gap` is
//! absent `gap != 0` is false and `not gap == 0` is true.
//!
//! Values: `192 0x80 0b11 1_000 64k 2M` · durations `300us 1.5ms -2s 10ns 3min 1h` · times as RFC 3339, as Unix
//! seconds (`1795275270.89`) or, from 10^15 on, as Unix ns · named values of the field (`DATA`), which come before a
//! field of that name · bytes as hex, `ab12..` for what begins so, or as a text in quotes · texts in quotes or as one
//! bare word · `10.0.0.1 10.0.0.0/8 ::1 fe80::/10` · `yes no`. Upper and lower case is one for keywords and named
//! values, not for fields. In quotes a backslash stands before a quote or a backslash that is meant.

mod error;
mod evaluate;
mod lexer;
mod literal;
mod parser;
mod tree;
mod values;

use std::borrow::Cow;
use std::net::IpAddr;

pub use error::FilterError;
use tree::Node;

/// Longest text of a filter, characters.
pub const MAX_TEXT: usize = 4_096;
/// Deepest nesting of brackets and `not`.
pub const MAX_DEPTH: usize = 64;
/// Most members of a set.
pub const MAX_SET: usize = 256;

/// A field that filters may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// What filters call it; upper and lower case differ.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Names of values, or of bits; may be empty. Only numbers, bits, durations, times and flags have any.
    pub names: &'static [(&'static str, u64)],
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnKind {
    /// A number from 0.
    Number,
    /// A number whose bits have meanings.
    Bits,
    /// ns, signed.
    Duration,
    /// Unix ns.
    Time,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
    /// An IPv4 or IPv6 address.
    Address,
    /// Yes or no as 1 or 0.
    Flag,
}

/// The values of a column over a batch of rows. A row beyond their end, or where `valid` says no, has none there.
#[derive(Clone, Debug)]
pub enum Values<'a> {
    /// Numbers, bits, flags, times.
    Numbers {
        /// One a row.
        values: Cow<'a, [u64]>,
        /// Whether the row has it; `None` when all have.
        valid: Option<Cow<'a, [bool]>>,
    },
    /// Durations; also times.
    Signed {
        /// One a row.
        values: Cow<'a, [i64]>,
        /// Whether the row has it; `None` when all have.
        valid: Option<Cow<'a, [bool]>>,
    },
    /// Bytes.
    Bytes(Vec<Option<&'a [u8]>>),
    /// Texts.
    Text(Vec<Option<&'a str>>),
    /// Addresses.
    Addresses(Vec<IpAddr>),
}

/// A batch of rows, read a column at a time.
pub trait Rows {
    /// How many rows.
    fn len(&self) -> usize;

    /// The values of a column, by its place among those that the filter was parsed with. Values that do not suit the
    /// column's kind are taken for absent ones.
    fn values(&self, column: usize) -> Values<'_>;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A filter, ready for any number of batches.
#[derive(Clone, Debug)]
pub struct Filter {
    root: Node,
    columns: Vec<usize>,
}

impl Filter {
    /// Reads a filter over these columns.
    ///
    /// # Errors
    /// What is wrong with the text, and at which characters.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Filter, FilterError> {
        let root = parser::parse(text, columns)?;
        let mut columns = Vec::new();
        root.read_columns(&mut columns);
        columns.sort_unstable();
        columns.dedup();
        Ok(Filter { root, columns })
    }

    /// The columns it reads, ascending, each once.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Writes whether each row passes: one a row, whatever `mask` held before. A column is read at most once, and not
    /// at all where nothing is left to decide.
    pub fn select<R: Rows + ?Sized>(&self, rows: &R, mask: &mut Vec<bool>) {
        mask.clear();
        mask.resize(rows.len(), false);
        evaluate::Batch::new(rows, &self.columns).select(&self.root, mask);
    }
}
