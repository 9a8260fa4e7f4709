//! Many headers at once, as columns in native byte order (`RTTP-3.4`).
//!
//! Rows go through in blocks small enough for the first-level cache: a block is judged, then each field of the table is
//! gathered in a loop of its own that the compiler can unroll. A refused row keeps its place: its status is the slug's
//! code and its fields hold what is there, zeros where the datagram is too short.

use crate::dialect::{Dialect, Order, Type};
use crate::dialects::RTTP1;
use crate::dialects::rttp1::judge_fast;
use crate::reject::Slug;

/// Where the datagrams of a batch lie in one buffer.
#[derive(Clone, Copy, Debug)]
pub enum Spans<'a> {
    /// One after the other, each this many bytes; a shorter rest counts as one more, truncated datagram.
    Stride(usize),
    /// Start offsets and lengths, two slices as long as each other. What lies outside the buffer counts as truncated.
    Each(&'a [u64], &'a [u32]),
}

impl Spans<'_> {
    fn rows(&self, buffer: usize) -> usize {
        match self {
            Spans::Stride(0) => 0,
            Spans::Stride(n) => buffer.div_ceil(*n),
            Spans::Each(starts, lengths) => starts.len().min(lengths.len()),
        }
    }

    #[inline]
    fn row<'b>(&self, buffer: &'b [u8], i: usize) -> &'b [u8] {
        let (start, length) = match self {
            Spans::Stride(n) => (i * n, *n),
            Spans::Each(starts, lengths) => {
                let length = usize::try_from(lengths[i]).unwrap_or(usize::MAX);
                (usize::try_from(starts[i]).unwrap_or(usize::MAX), length)
            }
        };
        let rest = buffer.get(start..).unwrap_or(&[]);
        rest.get(..length).unwrap_or(rest)
    }
}

/// Values of one field for all rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// One byte a row.
    U8(Vec<u8>),
    /// Two bytes a row.
    U16(Vec<u16>),
    /// Four bytes a row.
    U32(Vec<u32>),
    /// Eight bytes a row.
    U64(Vec<u64>),
    /// Wider fields as they are on the wire: width, then width bytes a row.
    Bytes(usize, Vec<u8>),
}

/// A batch as columns.
#[derive(Debug)]
pub struct Columns {
    /// The table they follow.
    pub dialect: &'static Dialect,
    /// 0 for an accepted row, else [`Slug::code`].
    pub status: Vec<u8>,
    /// Offset of the reject in its datagram; 0 for an accepted row.
    pub reject_offset: Vec<u32>,
    /// One entry per row of the table that every header has, in table order.
    pub fields: Vec<(&'static str, Data)>,
}

/// Rows to a block: 128 headers and their columns fit a 32 KiB first-level cache.
const BLOCK: usize = 128;

impl Columns {
    /// Empty columns of a dialect.
    #[must_use]
    pub fn new(dialect: &'static Dialect) -> Columns {
        let fields = dialect.fields.iter().filter(|f| f.end() <= dialect.fixed).map(|f| (f.name, Data::of(f.ty)));
        Columns { dialect, status: Vec::new(), reject_offset: Vec::new(), fields: fields.collect() }
    }

    /// Parses a batch over whatever the columns held (`RTTP-3.4`): memory is kept, so a loop over batches that are no
    /// larger than the first allocates nothing.
    pub fn parse(&mut self, buffer: &[u8], spans: Spans<'_>) {
        match self.dialect.fixed {
            64 => self.gather::<64>(buffer, spans),
            74 => self.gather::<74>(buffer, spans),
            _ => self.gather::<128>(buffer, spans),
        }
    }

    fn gather<const H: usize>(&mut self, buffer: &[u8], spans: Spans<'_>) {
        let Columns { dialect, status, reject_offset, fields } = self;
        let rows = spans.rows(buffer.len());
        grow(status, rows);
        grow(reject_offset, rows);
        fields.iter_mut().for_each(|(_, data)| data.resize(rows));
        let fast = core::ptr::eq(*dialect, &raw const RTTP1);
        let blocks = status.chunks_mut(BLOCK).zip(reject_offset.chunks_mut(BLOCK));
        for (block, (status, reject_offset)) in blocks.enumerate() {
            let first = block * BLOCK;
            let mut heads: [&[u8; H]; BLOCK] = [&[0; H]; BLOCK];
            let mut padded: Option<Box<[[u8; H]; BLOCK]>> = None;
            for (i, (status, offset)) in status.iter_mut().zip(reject_offset.iter_mut()).enumerate() {
                let datagram = spans.row(buffer, first + i);
                let judged = if fast { judge_fast(datagram) } else { dialect.judge(datagram) };
                (*status, *offset) = judged.map_or_else(|r| (r.slug.code(), r.offset), |_| (0, 0));
                match datagram.first_chunk::<H>() {
                    Some(full) => heads[i] = full,
                    // Rare: the datagram ends inside its header; its bytes are kept, zeros follow them.
                    None => padded.get_or_insert_with(|| Box::new([[0; H]; BLOCK]))[i][..datagram.len()]
                        .copy_from_slice(datagram),
                }
            }
            if let Some(padded) = &padded {
                for (i, head) in heads.iter_mut().enumerate().take(status.len()) {
                    if spans.row(buffer, first + i).len() < H {
                        *head = &padded[i];
                    }
                }
            }
            let table = dialect.fields.iter().filter(|f| f.end() <= H);
            for (field, (_, data)) in table.zip(fields.iter_mut()) {
                data.fill(dialect.order, &heads[..status.len()], field.offset, first);
            }
        }
    }
}

impl Data {
    fn of(ty: Type) -> Data {
        match ty {
            Type::Uint(1) => Data::U8(Vec::new()),
            Type::Uint(2) => Data::U16(Vec::new()),
            Type::Uint(4) => Data::U32(Vec::new()),
            Type::Uint(8) => Data::U64(Vec::new()),
            Type::Uint(n) | Type::Bytes(n) | Type::Text(n) => Data::Bytes(n, Vec::new()),
        }
    }

    fn resize(&mut self, rows: usize) {
        match self {
            Data::U8(v) => grow(v, rows),
            Data::U16(v) => grow(v, rows),
            Data::U32(v) => grow(v, rows),
            Data::U64(v) => grow(v, rows),
            Data::Bytes(n, v) => grow(v, rows * *n),
        }
    }

    /// Writes the field at `at` of each header into the rows from `first` on.
    fn fill<const H: usize>(&mut self, order: Order, heads: &[&[u8; H]], at: usize, first: usize) {
        match (self, order) {
            (Data::U8(v), _) => put(v, first, heads, at, |[b]| b),
            (Data::U16(v), Order::Big) => put(v, first, heads, at, u16::from_be_bytes),
            (Data::U16(v), Order::Little) => put(v, first, heads, at, u16::from_le_bytes),
            (Data::U32(v), Order::Big) => put(v, first, heads, at, u32::from_be_bytes),
            (Data::U32(v), Order::Little) => put(v, first, heads, at, u32::from_le_bytes),
            (Data::U64(v), Order::Big) => put(v, first, heads, at, u64::from_be_bytes),
            (Data::U64(v), Order::Little) => put(v, first, heads, at, u64::from_le_bytes),
            (Data::Bytes(32, v), _) => put(v.as_chunks_mut::<32>().0, first, heads, at, |w| w),
            (Data::Bytes(16, v), _) => put(v.as_chunks_mut::<16>().0, first, heads, at, |w| w),
            (Data::Bytes(8, v), _) => put(v.as_chunks_mut::<8>().0, first, heads, at, |w| w),
            (Data::Bytes(n, v), _) => {
                for (target, head) in v[first * *n..].chunks_mut(*n).zip(heads) {
                    target.copy_from_slice(&head[at..at + *n]);
                }
            }
        }
    }
}

/// Memory that is new comes zeroed from the system: writing the zeros again would double the time of a large batch.
fn grow<T: Clone + core::default::Default>(column: &mut Vec<T>, length: usize) {
    if column.capacity() < length {
        *column = vec![T::default(); length];
    } else {
        column.resize(length, T::default());
    }
}

/// One column of one block. The offset comes from the dialect table, which ends inside the header.
#[inline]
fn put<T, const H: usize, const W: usize>(
    column: &mut [T],
    first: usize,
    heads: &[&[u8; H]],
    at: usize,
    read: impl Fn([u8; W]) -> T,
) {
    assert!(at + W <= H, "the dialect table ends inside its header");
    for (target, head) in column[first..].iter_mut().zip(heads) {
        let mut word = [0; W];
        word.copy_from_slice(&head[at..at + W]);
        *target = read(word);
    }
}

/// Accepted and refused rows by slug code; entry 0 counts the accepted ones.
#[must_use]
pub fn count_status(status: &[u8]) -> [u64; Slug::TABLE] {
    let mut counts = [0; Slug::TABLE];
    for code in status {
        if let Some(count) = counts.get_mut(usize::from(*code)) {
            *count += 1;
        }
    }
    counts
}
