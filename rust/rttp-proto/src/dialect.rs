//! The dialect table: the one truth for every layout (`RTTP-1`).
//!
//! Views, columns, the Python dictionaries, the scapy layer, `rttp header` and docs/PROTOCOL.md all
//! follow from the [`Dialect`] values in [`crate::dialects`]. A field is an offset, a type, a rule and a
//! sentence; what does not fit a single field (lengths, cross-field rules) is the dialect's `check`.

use crate::reject::{Reject, Slug};

/// Byte order of the integers in a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Network byte order.
    Big,
    /// What dumping a struct on x86 gives.
    Little,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// An unsigned integer of 1, 2, 4, 8 or 16 bytes in the dialect's byte order.
    Uint(usize),
    /// Opaque bytes, shown as hex.
    Bytes(usize),
    /// ASCII text, zero padded on the right.
    Text(usize),
}

impl Type {
    /// Width in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Type::Uint(n) | Type::Bytes(n) | Type::Text(n) => n,
        }
    }
}

/// A number with a name, as in an enumeration or a set of flag bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named {
    /// The number on the wire.
    pub value: u128,
    /// Its name, in the spec's words.
    pub name: &'static str,
}

/// What one field's value must satisfy, whatever the others hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Every value is good.
    Any,
    /// One value only.
    Exactly(u128, Slug),
    /// One of the named values.
    OneOf(&'static [Named], Slug),
    /// Any combination of the named bits.
    Bits(&'static [Named], Slug),
    /// At most this value.
    AtMost(u128, Slug),
    /// Everything but zero.
    NonZero(Slug),
    /// Zero when sent, ignored when received.
    SentZero,
}

/// When a field is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// In every header.
    Always,
    /// Only when the named bit is set in the field `flags`.
    Flag(u8, &'static str),
}

/// What an encoder writes when the caller gives no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// This number, or zero bytes.
    Value(u128),
    /// The time of building, ns since the Unix epoch, cut to the field's width.
    Now,
    /// Computed by [`Dialect::seal_header`] from the rest of the header.
    Computed,
}

/// One row of a layout.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The spec's word.
    pub name: &'static str,
    /// First byte, counted from the start of the datagram.
    pub offset: usize,
    /// What it holds.
    pub ty: Type,
    /// What it must satisfy.
    pub rule: Rule,
    /// When it is there.
    pub presence: Presence,
    /// What an encoder writes by default.
    pub default: Default,
    /// One line for people.
    pub doc: &'static str,
}

/// A row that every header has; [`Field::when`] makes it optional.
#[must_use]
pub const fn row(
    name: &'static str,
    offset: usize,
    ty: Type,
    rule: Rule,
    default: Default,
    doc: &'static str,
) -> Field {
    Field { name, offset, ty, rule, presence: Presence::Always, default, doc }
}

impl Field {
    /// The same row, there only under a condition.
    #[must_use]
    pub const fn when(self, presence: Presence) -> Field {
        Field { presence, ..self }
    }

    /// First byte after the field.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset + self.ty.size()
    }

    /// Names for single values or bits, empty when the rule has none.
    #[must_use]
    pub const fn names(&self) -> &'static [Named] {
        match self.rule {
            Rule::OneOf(names, _) | Rule::Bits(names, _) => names,
            _ => &[],
        }
    }

    /// Largest number the field's width can hold; 0 for bytes and text.
    #[must_use]
    pub const fn max(&self) -> u128 {
        match self.ty {
            Type::Uint(16) => u128::MAX,
            Type::Uint(n) => (1u128 << (8 * n)) - 1,
            _ => 0,
        }
    }
}

/// What the header says of the rest of the datagram, all in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Header with its optional tail; the payload starts here.
    pub header: usize,
    /// Authentication tag at the end of the datagram.
    pub tag: usize,
}

/// A header layout.
#[derive(Debug)]
pub struct Dialect {
    /// `rttp1`, `struct74`, `rfc64` or `pulse128`.
    pub name: &'static str,
    /// Byte order of its integers.
    pub order: Order,
    /// Length of the part that every header has.
    pub fixed: usize,
    /// The rows, by offset.
    pub fields: &'static [Field],
    /// Rules over more than one field and over the length; runs after the rows' own rules.
    pub check: fn(&[u8]) -> Result<Extent, Reject>,
    /// Fills computed fields (a checksum) of a header that is otherwise complete.
    pub seal_header: fn(&mut [u8]),
    /// One line for people: where the layout comes from.
    pub doc: &'static str,
}

impl Dialect {
    /// Row of a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Offset of a row, for constants: an unknown name fails the build, not the run.
    #[must_use]
    pub const fn offset_of(&self, name: &str) -> usize {
        let mut i = 0;
        while i < self.fields.len() {
            if same(self.fields[i].name.as_bytes(), name.as_bytes()) {
                return self.fields[i].offset;
            }
            i += 1;
        }
        panic!("no such field in the dialect table")
    }

    /// Reads and judges a datagram against every rule of the table (`RTTP-3`).
    ///
    /// # Errors
    /// The first broken rule with its offset: length, then each row's own rule by offset, then `check`'s (`RTTP-3.2`).
    pub fn judge(&self, datagram: &[u8]) -> Result<Extent, Reject> {
        if datagram.len() < self.fixed {
            return Err(Reject::at(Slug::Truncated, datagram.len()));
        }
        for field in self.fields {
            if field.presence == Presence::Always {
                field.judge(self.order, datagram)?;
            }
        }
        (self.check)(datagram)
    }
}

impl Field {
    /// Applies the row's rule to the bytes of a datagram that holds the row.
    fn judge(&self, order: Order, datagram: &[u8]) -> Result<(), Reject> {
        let Some(value) = self.uint(order, datagram) else {
            return Ok(());
        };
        let broken = match self.rule {
            Rule::Any | Rule::SentZero => None,
            Rule::Exactly(want, slug) => (value != want).then_some(slug),
            Rule::OneOf(names, slug) => (!names.iter().any(|n| n.value == value)).then_some(slug),
            Rule::Bits(names, slug) => (value & !all_bits(names) != 0).then_some(slug),
            Rule::AtMost(most, slug) => (value > most).then_some(slug),
            Rule::NonZero(slug) => (value == 0).then_some(slug),
        };
        broken.map_or(Ok(()), |slug| Err(Reject::at(slug, self.offset)))
    }

    /// The row's bytes, or `None` if the datagram ends before its end.
    #[must_use]
    pub fn bytes<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        datagram.get(self.offset..self.end())
    }

    /// The row's number, or `None` if it is not a number or not there.
    #[must_use]
    pub fn uint(&self, order: Order, datagram: &[u8]) -> Option<u128> {
        match self.ty {
            Type::Uint(_) => self.bytes(datagram).map(|b| read_uint(order, b)),
            Type::Bytes(_) | Type::Text(_) => None,
        }
    }
}

/// All bits that a table of flags names.
#[must_use]
pub const fn all_bits(names: &[Named]) -> u128 {
    let mut bits = 0;
    let mut i = 0;
    while i < names.len() {
        bits |= names[i].value;
        i += 1;
    }
    bits
}

/// Reads up to 16 bytes as one unsigned number.
#[must_use]
pub fn read_uint(order: Order, bytes: &[u8]) -> u128 {
    let fold = |n: u128, b: &u8| n << 8 | u128::from(*b);
    match order {
        Order::Big => bytes.iter().fold(0, fold),
        Order::Little => bytes.iter().rev().fold(0, fold),
    }
}

/// Writes the low bytes of a number over all of `bytes`.
pub fn write_uint(order: Order, bytes: &mut [u8], value: u128) {
    let n = bytes.len().min(16);
    let be = value.to_be_bytes();
    let (Some(target), Some(source)) = (bytes.get_mut(..n), be.get(16 - n..)) else { return };
    target.copy_from_slice(source);
    if order == Order::Little {
        target.reverse();
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
