//! Values of one column for some rows: gathered once, then filtered by or written.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use rttp_proto::dialect::{Field, Order as ByteOrder, Type, read_uint};

use crate::batch::{Batch, CUT, HEAD, NO_VLAN, Row};
use crate::column::{Column, MESSAGES, OfMessage, OfPulse, Output, PULSES, Places, is_present};
use crate::dialect::{JSON, of};
use crate::envelope::EnvelopeHeader;
use crate::filter::{self, Values};
use crate::flow::NO_FLOW;
use crate::head::{FLAGS_AT, Head};
use crate::message::Message;

/// Values of a column, one for each row asked for.
#[derive(Debug)]
pub enum Cells<'a> {
    /// Numbers, flags and names; the second says where there is one, if that is not everywhere.
    Numbers(Vec<u64>, Option<Vec<bool>>),
    /// Signed numbers.
    Signed(Vec<i64>, Option<Vec<bool>>),
    /// Bytes.
    Bytes(Vec<Option<&'a [u8]>>),
    /// Text.
    Text(Vec<Option<&'a str>>),
    /// None of so many rows has a value.
    Absent(usize),
    /// Addresses, IPv4 as `::ffff:a.b.c.d`.
    Addresses(Vec<[u8; 16]>),
}

/// A set of rows with columns.
pub trait Table {
    /// Where values come from.
    type Source: Copy + 'static;
    /// Its columns.
    fn columns() -> &'static [Column<Self::Source>];
    /// Rows that are there.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Values of a column for rows by index. `names` are those of the captures.
    fn cells<'a>(&'a self, source: Self::Source, rows: &[u32], names: &'a [String]) -> Cells<'a>;
}

/// A table as a filter sees it: all rows.
pub(crate) struct Filterable<'a, T> {
    pub(crate) table: &'a T,
    pub(crate) all: &'a [u32],
    pub(crate) names: &'a [String],
}

impl<T: Table> filter::Rows for Filterable<'_, T> {
    fn len(&self) -> usize {
        self.all.len()
    }

    fn values(&self, column: usize) -> Values<'_> {
        let Some(column) = T::columns().get(column) else { return Values::Text(vec![None; self.all.len()]) };
        match self.table.cells(column.source, self.all, self.names) {
            Cells::Numbers(values, valid) => {
                Values::Numbers { values: Cow::Owned(values), valid: valid.map(Cow::Owned) }
            }
            Cells::Signed(values, valid) => Values::Signed { values: Cow::Owned(values), valid: valid.map(Cow::Owned) },
            Cells::Bytes(values) => Values::Bytes(values),
            // Of whatever kind the column is: what is absent has none.
            Cells::Absent(rows) => Values::Text(vec![None; rows]),
            Cells::Text(values) => Values::Text(values),
            Cells::Addresses(values) => Values::Addresses(values.into_iter().map(ip).collect()),
        }
    }
}

/// Columns of pulses and of messages as the filter language takes them.
pub static FILTERED_PULSES: LazyLock<Vec<filter::Column>> = LazyLock::new(|| filtered(&PULSES));
/// See [`FILTERED_PULSES`].
pub static FILTERED_MESSAGES: LazyLock<Vec<filter::Column>> = LazyLock::new(|| filtered(&MESSAGES));

fn filtered<S>(columns: &[Column<S>]) -> Vec<filter::Column> {
    let column = |column: &Column<S>| {
        let names = match column.output {
            Output::Name(names) | Output::Bits(names) => names,
            _ => &[],
        };
        // Once a process: the lists live as long as the columns.
        let names = names.iter().map(|n| (n.name, n.value as u64)).collect::<Vec<_>>().leak();
        filter::Column { name: column.name, kind: column.kind, names }
    };
    columns.iter().map(column).collect()
}

/// An address as text shows it.
#[must_use]
pub fn ip(address: [u8; 16]) -> IpAddr {
    IpAddr::from(address).to_canonical()
}

impl Table for Batch {
    type Source = OfPulse;

    fn columns() -> &'static [Column<OfPulse>] {
        &PULSES
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cells<'a>(&'a self, source: OfPulse, rows: &[u32], names: &'a [String]) -> Cells<'a> {
        use OfPulse as Of;
        let numbers = |value: &dyn Fn(&Row) -> u64| {
            Cells::Numbers(rows.iter().map(|i| self.rows.get(*i as usize).map_or(0, value)).collect(), None)
        };
        match source {
            Of::File => Cells::Text(self.each(rows, |_, row| names.get(row.file as usize).map(String::as_str))),
            Of::Packet => numbers(&|r| r.packet),
            Of::Time => numbers(&|r| r.time_ns),
            Of::Interface => numbers(&|r| r.interface.into()),
            Of::Source => Cells::Addresses(self.all(rows, |r| r.source.address)),
            Of::SourcePort => numbers(&|r| r.source.port.into()),
            Of::Destination => Cells::Addresses(self.all(rows, |r| r.destination.address)),
            Of::DestinationPort => numbers(&|r| r.destination.port.into()),
            Of::Vlan => self.some(rows, |_, r| (r.vlan != NO_VLAN).then_some(r.vlan.into())),
            Of::Flow => self.some(rows, |_, r| (r.flow != NO_FLOW).then_some(r.flow.into())),
            Of::Length => numbers(&|r| r.length.into()),
            Of::Captured => numbers(&|r| r.captured.into()),
            Of::Dialect => numbers(&|r| r.dialect.into()),
            Of::Ground => numbers(&|r| r.ground as u64),
            Of::Reject => self.some(rows, |_, r| (r.status != 0 && r.status != CUT).then_some(r.status.into())),
            Of::RejectOffset => {
                self.some(rows, |_, r| (r.status != 0 && r.status != CUT).then_some(r.reject_offset.into()))
            }
            Of::Field(places) => self.field(&places, rows),
            Of::PayloadLength => self.some(rows, |_, r| r.payload_length().map(u64::from)),
            Of::MessageId => self.some(rows, |i, r| self.head(i, r)?.message_id().map(u64::from)),
            Of::Repair => self.some(rows, |i, r| self.head(i, r)?.is_repair().map(u64::from)),
            Of::Order => self.some(rows, |_, r| (r.order as u64 != 0).then_some(r.order as u64)),
            Of::Missing => self.some(rows, |_, r| (r.order as u64 != 0).then_some(r.missing.into())),
            Of::Interval => signed(self.each(rows, |_, r| r.interval_ns)),
            Of::Delay => signed(self.each(rows, |i, r| self.delay_ns(i, r))),
            Of::DelayBucket => {
                self.some(rows, |i, r| self.delay_ns(i, r).and_then(|d| u64::try_from(d).ok()).map(bucket))
            }
            Of::Envelope if self.envelopes.is_empty() => Cells::Absent(rows.len()),
            Of::Envelope => Cells::Text(self.each(rows, |i, _| self.envelope(i).map(|e| &*e.text))),
            Of::Payload => Cells::Bytes(self.each(rows, |i, _| self.kept_bytes(i as usize))),
        }
    }
}

/// The lowest value of an HdrHistogram bucket with 3 significant digits: 2,048 values to a power of two.
#[must_use]
pub fn bucket(value: u64) -> u64 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(11);
    value >> shift << shift
}

impl Batch {
    fn all<T>(&self, rows: &[u32], value: impl Fn(&Row) -> T) -> Vec<T> {
        rows.iter().filter_map(|i| self.rows.get(*i as usize)).map(value).collect()
    }

    fn each<'a, T>(&'a self, rows: &[u32], value: impl Fn(u32, &'a Row) -> Option<T>) -> Vec<Option<T>> {
        rows.iter().map(|i| self.rows.get(*i as usize).and_then(|row| value(*i, row))).collect()
    }

    fn some(&self, rows: &[u32], value: impl Fn(u32, &Row) -> Option<u64>) -> Cells<'_> {
        let mut valid = Vec::with_capacity(rows.len());
        let mut all = true;
        let of = |i: &u32| {
            let value = self.rows.get(*i as usize).and_then(|row| value(*i, row));
            valid.push(value.is_some());
            all &= value.is_some();
            value.unwrap_or(0)
        };
        let numbers = rows.iter().map(of).collect();
        Cells::Numbers(numbers, (!all).then_some(valid))
    }

    fn field(&self, places: &Places, rows: &[u32]) -> Cells<'_> {
        let first = places.iter().flatten().next();
        let Some(first) = first else { return Cells::Absent(rows.len()) };
        if let Some(dialect) = self.uniform
            && places.get(usize::from(dialect)).is_none_or(Option::is_none)
        {
            return Cells::Absent(rows.len());
        }
        if let (Type::Uint(_), Some(dialect)) = (first.ty, self.uniform)
            && let (Some(field), Some(layout)) = (places.get(usize::from(dialect)).copied().flatten(), of(dialect))
            && field.end() <= layout.fixed
            && field.ty.size() <= 8
            && layout.order == ByteOrder::Big
        {
            return Cells::Numbers(self.same_place(field, rows), None);
        }
        match first.ty {
            Type::Uint(_) => self.some(rows, |i, row| {
                if row.dialect == JSON {
                    return self.envelope(i).and_then(|e| of_envelope(first.name, &e.header));
                }
                let number = read_uint(of(row.dialect)?.order, self.place(places, i, row)?);
                u64::try_from(number).ok()
            }),
            Type::Bytes(_) => Cells::Bytes(self.each(rows, |i, row| self.place(places, i, row))),
            Type::Text(_) => Cells::Text(self.each(rows, |i, row| {
                let text = std::str::from_utf8(self.place(places, i, row)?).ok()?;
                Some(text.trim_end_matches('\0'))
            })),
        }
    }

    /// A number that every row has at the same place, in network byte order.
    fn same_place(&self, field: &Field, rows: &[u32]) -> Vec<u64> {
        fn read<const W: usize>(heads: &[[u8; HEAD]], rows: &[u32], at: usize) -> Vec<u64> {
            let of = |i: &u32| {
                let bytes = heads.get(*i as usize).and_then(|head| head.get(at..)?.first_chunk::<W>());
                bytes.map_or(0, |bytes| {
                    let mut wide = [0; 8];
                    wide[8 - W..].copy_from_slice(bytes);
                    u64::from_be_bytes(wide)
                })
            };
            rows.iter().map(of).collect()
        }
        match field.ty.size() {
            1 => read::<1>(&self.heads, rows, field.offset),
            2 => read::<2>(&self.heads, rows, field.offset),
            4 => read::<4>(&self.heads, rows, field.offset),
            _ => read::<8>(&self.heads, rows, field.offset),
        }
    }

    /// A field's bytes in a row, if its dialect has it, its flags announce it and it was captured.
    fn place(&self, places: &Places, i: u32, row: &Row) -> Option<&[u8]> {
        let field = (*places.get(usize::from(row.dialect))?)?;
        let head = self.heads.get(i as usize)?.get(..usize::from(row.head))?;
        if !is_present(field, *head.get(FLAGS_AT)?) {
            return None;
        }
        field.bytes(head)
    }

    fn head(&self, i: u32, row: &Row) -> Option<Head<'_>> {
        if !row.accepted() || row.dialect == JSON {
            return None;
        }
        Some(Head::new(row.dialect, self.heads.get(i as usize)?))
    }

    /// Capture time less sender's time.
    #[must_use]
    pub fn delay_ns(&self, i: u32, row: &Row) -> Option<i64> {
        let sent_ns = self.head(i, row)?.timestamp_ns()?;
        i64::try_from(i128::from(row.time_ns) - i128::from(sent_ns)).ok()
    }
}

fn of_envelope(name: &str, header: &EnvelopeHeader) -> Option<u64> {
    match name {
        "version" => header.version,
        "priority" => header.priority,
        "timestamp_ns" => header.timestamp.and_then(|ms| ms.checked_mul(1_000_000)),
        _ => None,
    }
}

fn signed(values: Vec<Option<i64>>) -> Cells<'static> {
    let valid: Vec<bool> = values.iter().map(Option::is_some).collect();
    let all = valid.iter().all(|v| *v);
    Cells::Signed(values.into_iter().map(Option::unwrap_or_default).collect(), (!all).then_some(valid))
}

impl Table for Vec<Message> {
    type Source = OfMessage;

    fn columns() -> &'static [Column<OfMessage>] {
        &MESSAGES
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn cells<'a>(&'a self, source: OfMessage, rows: &[u32], names: &'a [String]) -> Cells<'a> {
        use OfMessage as Of;
        let chosen = || rows.iter().filter_map(|i| self.get(*i as usize));
        let numbers = |value: &dyn Fn(&Message) -> u64| Cells::Numbers(chosen().map(value).collect(), None);
        match source {
            Of::File => Cells::Text(chosen().map(|m| names.get(m.first.file as usize).map(String::as_str)).collect()),
            Of::Packet => numbers(&|m| m.first.packet),
            Of::First => numbers(&|m| m.first.time_ns),
            Of::Last => numbers(&|m| m.last_ns),
            Of::Flow => {
                let valid: Vec<bool> = chosen().map(|m| m.first.flow != NO_FLOW).collect();
                Cells::Numbers(chosen().map(|m| m.first.flow.into()).collect(), Some(valid))
            }
            Of::Source => Cells::Addresses(chosen().map(|m| m.first.source.address).collect()),
            Of::SourcePort => numbers(&|m| m.first.source.port.into()),
            Of::Destination => Cells::Addresses(chosen().map(|m| m.first.destination.address).collect()),
            Of::DestinationPort => numbers(&|m| m.first.destination.port.into()),
            Of::MessageId => numbers(&|m| m.first.message_id.into()),
            Of::Kind => numbers(&|m| m.first.kind.into()),
            Of::Priority => numbers(&|m| m.first.priority.into()),
            Of::ContextHash => numbers(&|m| m.first.context_hash.into()),
            Of::Count => numbers(&|m| m.first.count.into()),
            Of::Fragments => numbers(&|m| m.fragments.into()),
            Of::Announced => numbers(&|m| m.announced.into()),
            Of::Repair => numbers(&|m| m.repair.into()),
            Of::State => numbers(&|m| m.state() as u64),
            Of::Bytes => numbers(&|m| m.bytes),
            Of::Duration => signed(chosen().map(|m| i64::try_from(m.last_ns - m.first.time_ns).ok()).collect()),
            Of::WholeAfter => {
                signed(chosen().map(|m| m.whole_after_ns.and_then(|ns| i64::try_from(ns).ok())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    #[test]
    fn buckets_are_those_of_a_histogram_of_three_digits() {
        let histogram = Histogram::<u64>::new_with_bounds(1, u64::MAX / 2, 3).unwrap();
        for value in [0, 1, 2047, 2048, 2049, 4095, 4097, 1_000_001, 123_456_789_012, u64::MAX / 2] {
            assert_eq!(bucket(value), histogram.lowest_equivalent(value), "{value}");
        }
    }
}
