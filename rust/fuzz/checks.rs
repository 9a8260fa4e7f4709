//! What must hold for any bytes: the body of the fuzz targets, and of the plain test that replays their corpus.

use std::net::SocketAddr;

use rttp_proto::codec::{self, Value};
use rttp_proto::columns::{Columns, Data, Spans};
use rttp_proto::dialect::Dialect;
use rttp_proto::dialects::rttp1::{HEADER, judge_fast};
use rttp_proto::dialects::{ALL, RTTP1, detect};
use rttp_proto::pulse::Pulse;
use rttp_proto::reject::Slug;
use rttp_proto::responder::{Responder, Verdict};
use rttp_proto::tally::Tally;
use rttp_proto::uri::{Address, is_action};

/// One datagram, through everything that takes one.
pub(crate) fn datagram(data: &[u8]) {
    for dialect in ALL {
        one_dialect(dialect, data);
        spans(dialect, data);
    }
    assert_eq!(judge_fast(data), RTTP1.judge(data), "the fast check is the table");
    names(data);
    view(data);
    answered(data);
    if let Some(tally) = Tally::parse(data) {
        assert!(data.len() >= 48 && tally.rejects[0] == 0);
    }
}

/// One text as an address.
pub(crate) fn uri(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Address::parse(text) {
        Ok(address) => {
            let action = address.action.map_or(String::new(), |a| format!("/{a}"));
            let labels = [address.intent, address.pillar, address.root].join(".");
            assert_eq!(format!("rttp://{labels}{action}"), text, "one spelling");
            assert_eq!(address.authority, labels);
            assert!(address.action.is_none_or(|a| is_action(a.as_bytes())));
            assert_ne!(address.route_shard(), [0; 16]);
        }
        Err(bad) => {
            assert!(text.is_char_boundary(bad.offset), "the offset {} points at a character", bad.offset);
            assert!(!bad.expected.is_empty());
        }
    }
}

fn one_dialect(dialect: &'static Dialect, data: &[u8]) {
    let values: Vec<(String, Value)> = codec::rows(dialect, data).map(|(f, v)| (f.name.to_owned(), v)).collect();
    match dialect.judge(data) {
        Ok(extent) => {
            assert!(extent.header + extent.tag <= data.len());
            let emitted = codec::emit(dialect, &values, 0);
            assert_eq!(emitted.as_deref(), Ok(&data[..extent.header]), "emit(parse(x)) == x in {}", dialect.name);
        }
        Err(reject) => {
            assert!(reject.offset as usize <= data.len());
            if reject.slug == Slug::Truncated {
                assert_eq!(reject.offset as usize, data.len());
            }
        }
    }
}

fn names(data: &[u8]) {
    let (lax, strict) = (detect(data, false), detect(data, true));
    if let Ok((dialect, ground)) = strict {
        assert_ne!(ground.as_str(), "guess", "strict never guesses");
        assert!(lax.is_ok_and(|(d, g)| core::ptr::eq(d, dialect) && g == ground));
    }
}

fn view(data: &[u8]) {
    let pulse = match (Pulse::parse(data), RTTP1.judge(data)) {
        (Ok(pulse), Ok(extent)) => {
            assert_eq!(pulse.payload().len() + pulse.tag().len() + extent.header, data.len());
            assert_eq!(pulse.tag().len(), extent.tag);
            pulse
        }
        (Err(a), Err(b)) => return assert_eq!(a, b),
        (a, b) => panic!("the view says {a:?}, the table {b:?}"),
    };
    let mut out = [0xa5; HEADER];
    pulse.header().emit(&mut out);
    assert_eq!(out[..], data[..HEADER]);
}

/// A node answers with no more bytes than it was asked with, and no answer is answered.
fn answered(data: &[u8]) {
    let from = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut node = Responder::new([9; 32], true);
    let mut buffer = data.to_vec();
    buffer.extend([0xa5; 8]);
    let first = node.handle(from, &mut buffer, data.len(), 1);
    assert_eq!(buffer[data.len()..], [0xa5; 8], "nothing is written behind the datagram");
    match first {
        Verdict::Answer(length) => {
            assert!(length <= data.len());
            assert_eq!(node.handle(from, &mut buffer, length, 2), Verdict::Accepted);
        }
        Verdict::Accepted => assert!(RTTP1.judge(data).is_ok()),
        Verdict::Rejected(reject) => assert!(reject.slug == Slug::Amplification || RTTP1.judge(data) == Err(reject)),
    }
    // A length that the buffer does not have is a caller's bug: refused, no panic.
    let longer = buffer.len() + 1;
    assert!(matches!(node.handle(from, &mut buffer, longer, 3), Verdict::Rejected(_)));
}

/// Columns over the data itself, cut as its own bytes say: wild offsets, overlaps, unequal lists.
fn spans(dialect: &'static Dialect, data: &[u8]) {
    let stride = usize::from(data.first().copied().unwrap_or(0));
    let starts: Vec<u64> = data
        .chunks(3)
        .map(|c| match c {
            [0xff, ..] => u64::MAX,
            [a, b, _] => u64::from(*a) * u64::from(b % 3),
            _ => 0,
        })
        .collect();
    let lengths: Vec<u32> = data
        .chunks(4)
        .map(|c| match c {
            [_, 0xff, ..] => u32::MAX,
            [a, ..] => u32::from(*a),
            [] => 0,
        })
        .collect();
    let mut columns = Columns::new(dialect);
    for spans in [Spans::Stride(stride), Spans::Each(&starts, &lengths), Spans::Stride(dialect.fixed)] {
        columns.parse(data, spans);
        let rows: Vec<&[u8]> = match spans {
            Spans::Stride(0) => Vec::new(),
            Spans::Stride(n) => data.chunks(n).collect(),
            Spans::Each(starts, lengths) => starts
                .iter()
                .zip(lengths)
                .map(|(start, length)| {
                    let rest = usize::try_from(*start).ok().and_then(|s| data.get(s..)).unwrap_or(&[]);
                    &rest[..rest.len().min(*length as usize)]
                })
                .collect(),
        };
        assert_eq!(columns.status.len(), rows.len());
        for (i, row) in rows.iter().enumerate() {
            let (code, offset) = dialect.judge(row).map_or_else(|r| (r.slug.code(), r.offset), |_| (0, 0));
            assert_eq!((columns.status[i], columns.reject_offset[i]), (code, offset), "row {i}");
            for (field, value) in codec::rows(dialect, row).filter(|(f, _)| f.end() <= dialect.fixed) {
                let column = columns.fields.iter().find(|(name, _)| *name == field.name);
                assert!(column.is_some_and(|(_, c)| same(c, i, &value)), "row {i}, column {}", field.name);
            }
        }
    }
}

/// Whether a cell holds a value; a wide number lies in its column as on the wire, a text with its zeros.
fn same(column: &Data, i: usize, value: &Value) -> bool {
    match (column, value) {
        (Data::U8(v), Value::Uint(n)) => u128::from(v[i]) == *n,
        (Data::U16(v), Value::Uint(n)) => u128::from(v[i]) == *n,
        (Data::U32(v), Value::Uint(n)) => u128::from(v[i]) == *n,
        (Data::U64(v), Value::Uint(n)) => u128::from(v[i]) == *n,
        (Data::Bytes(16, v), Value::Uint(n)) => v[16 * i..][..16] == n.to_be_bytes(),
        (Data::Bytes(w, v), Value::Bytes(b)) => {
            let cell = &v[w * i..][..*w];
            cell.starts_with(b) && cell[b.len()..].iter().all(|x| *x == 0)
        }
        _ => false,
    }
}
