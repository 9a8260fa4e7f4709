//! `rfc64`: the 64-byte layout with a magic and a checksum (`RTTP-1.8`).

use crate::dialect::Default::{Computed, Value};
use crate::dialect::Type::{Bytes, Uint};
use crate::dialect::{Dialect, Extent, Order, Rule, row};
use crate::dialects::{MAGIC, internet_checksum};
use crate::reject::{Reject, Slug};

const LENGTH: usize = 64;

/// The layout with a magic, exactly 64 bytes.
pub static RFC64: Dialect = TABLE;
/// The same as a constant, for offsets that are constants.
pub const TABLE: Dialect = Dialect {
    name: "rfc64",
    order: Order::Big,
    fixed: LENGTH,
    fields: &[
        row("magic", 0, Uint(4), Rule::Exactly(MAGIC as u128, Slug::BadMagic), Value(MAGIC as u128), "ASCII RTTP"),
        row("version", 4, Uint(2), Rule::Exactly(0x0100, Slug::BadVersion), Value(0x0100), "0x0100"),
        row(
            "flags",
            6,
            Uint(2),
            Rule::Any,
            Value(0),
            "the public header names bits 0-3: multicast, FEC, KV delta, hive sync",
        ),
        row("fingerprint", 8, Bytes(32), Rule::Any, Value(0), "identity of the sender"),
        row("bid", 40, Uint(8), Rule::Any, Value(0), "bandwidth bid"),
        row("semantic_hash", 48, Uint(8), Rule::Any, Value(0), "hash of the meaning"),
        row("priority", 56, Uint(1), Rule::Any, Value(128), "0-255, higher goes first"),
        row("ttl", 57, Uint(1), Rule::Any, Value(64), "hops left"),
        row("timestamp", 58, Uint(4), Rule::Any, Value(0), "relative ns in the public header"),
        row("checksum", 62, Uint(2), Rule::Any, Computed, "RFC 1071 over the header with this field zero"),
    ],
    check,
    seal_header,
    doc: "64 bytes with a magic, big-endian; the checksum's algorithm is this project's reading",
};

const CHECKSUM_AT: usize = TABLE.offset_of("checksum");

fn check(datagram: &[u8]) -> Result<Extent, Reject> {
    let header = datagram.get(..LENGTH).unwrap_or(datagram);
    match header.get(CHECKSUM_AT..) {
        Some(found) if found == internet_checksum(header, CHECKSUM_AT).to_be_bytes() => {
            Ok(Extent { header: LENGTH, tag: 0 })
        }
        _ => Err(Reject::at(Slug::BadChecksum, CHECKSUM_AT)),
    }
}

fn seal_header(header: &mut [u8]) {
    let sum = internet_checksum(header, CHECKSUM_AT);
    if let Some(field) = header.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}
