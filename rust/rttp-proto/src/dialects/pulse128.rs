//! `pulse128` (AICENT-002): 128 bytes with 128-bit numbers and an action block at 0x66 (`RTTP-1.9`).

use crate::dialect::Default::{Computed, Now, Value};
use crate::dialect::Type::{Bytes, Text, Uint};
use crate::dialect::{Dialect, Extent, Named, Order, Rule, row};
use crate::dialects::MAGIC;
use crate::reject::{Reject, Slug};
use crate::uri::is_action;

const LENGTH: usize = 128;
const FLAGS: &[Named] = &[Named { value: 1, name: "URI_ANCHORED" }];

/// The 128-byte layout.
pub static PULSE128: Dialect = TABLE;
/// The same as a constant, for offsets that are constants.
pub const TABLE: Dialect = Dialect {
    name: "pulse128",
    order: Order::Big,
    fixed: LENGTH,
    fields: &[
        row("magic", 0, Uint(4), Rule::Exactly(MAGIC as u128, Slug::BadMagic), Value(MAGIC as u128), "ASCII RTTP"),
        row("version", 4, Uint(16), Rule::Exactly(130, Slug::BadVersion), Value(130), "130"),
        row("sequence", 20, Uint(16), Rule::Any, Value(0), "sequence number"),
        row("timestamp_ns", 36, Uint(16), Rule::Any, Now, "ns since the Unix epoch"),
        row("ttl", 52, Uint(1), Rule::Any, Value(64), "hops left"),
        row("priority", 53, Uint(1), Rule::Any, Value(128), "0-255, higher goes first"),
        row("route_shard", 54, Bytes(16), Rule::Any, Value(0), "first 16 bytes of SHA-256 of the address's authority"),
        row("aid_origin", 70, Bytes(32), Rule::Any, Value(0), "identity of the origin"),
        row(
            "spec_rev",
            102,
            Uint(1),
            Rule::AtMost(1, Slug::BadBlock),
            Value(0),
            "0 or 1; 0: the rest of the block is zero",
        ),
        row(
            "flags",
            103,
            Uint(1),
            Rule::Bits(FLAGS, Slug::UnknownFlag),
            Value(0),
            "bit 0: the pulse is anchored to an address",
        ),
        row("action_len", 104, Uint(1), Rule::AtMost(16, Slug::BadBlock), Computed, "length of the action, at most 16"),
        row("action", 105, Text(16), Rule::Any, Value(0), "[a-z0-9-], no '-' at either end, zero padded"),
        row("reserved", 121, Bytes(7), Rule::Any, Value(0), "zero; anything else is refused"),
    ],
    check,
    seal_header,
    doc: "AICENT-002, 128 bytes, 128-bit numbers, big-endian",
};

const REVISION_AT: usize = TABLE.offset_of("spec_rev");
const FLAGS_AT: usize = TABLE.offset_of("flags");
const ACTION_LENGTH_AT: usize = TABLE.offset_of("action_len");
const ACTION_AT: usize = TABLE.offset_of("action");
const RESERVED_AT: usize = TABLE.offset_of("reserved");

/// The block from 0x66 on: an action that is its length says, nothing else, and nothing at all in revision 0.
fn check(datagram: &[u8]) -> Result<Extent, Reject> {
    let bad = |offset| Err(Reject::at(Slug::BadBlock, offset));
    let first_nonzero =
        |from: usize, to: usize| datagram.get(from..to).and_then(|b| b.iter().position(|x| *x != 0)).map(|i| from + i);
    if datagram.get(REVISION_AT) == Some(&0)
        && let Some(offset) = first_nonzero(FLAGS_AT, LENGTH)
    {
        return bad(offset);
    }
    let length = datagram.get(ACTION_LENGTH_AT).map_or(0, |n| usize::from(*n));
    let action = datagram.get(ACTION_AT..ACTION_AT + length).unwrap_or(&[]);
    if length > 0 && !is_action(action) {
        return bad(ACTION_AT);
    }
    if let Some(offset) = first_nonzero(ACTION_AT + length, RESERVED_AT) {
        return bad(offset);
    }
    if let Some(offset) = first_nonzero(RESERVED_AT, LENGTH) {
        return bad(offset);
    }
    Ok(Extent { header: LENGTH, tag: 0 })
}

/// `action_len` follows from the action.
fn seal_header(header: &mut [u8]) {
    let length = header.get(ACTION_AT..RESERVED_AT).map_or(0, |a| a.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1));
    if let Some(field) = header.get_mut(ACTION_LENGTH_AT) {
        *field = u8::try_from(length).unwrap_or(0);
    }
}
