//! `struct74`: the published C struct as written, always 74 bytes, in either byte order (`RTTP-1.7`).

use crate::dialect::Default::{Now, Value};
use crate::dialect::Type::{Bytes, Uint};
use crate::dialect::{Dialect, Extent, Field, Order, Rule, row};
use crate::reject::{Reject, Slug};

const LENGTH: usize = 74;

const FIELDS: &[Field] = &[
    row("version", 0, Uint(1), Rule::Exactly(1, Slug::BadVersion), Value(1), "protocol version, 1"),
    row("priority", 1, Uint(1), Rule::Any, Value(128), "0-255, higher goes first"),
    row("type", 2, Uint(2), Rule::Any, Value(0x10), "the published struct gives it no values"),
    row("timestamp_ns", 4, Uint(8), Rule::Any, Now, "sender's transmit time, ns"),
    row("seq_id", 12, Uint(4), Rule::Any, Value(0), "sequence number"),
    row("context_hash", 16, Uint(4), Rule::Any, Value(0), "hash of the context"),
    row("rpki_fingerprint", 20, Bytes(32), Rule::Any, Value(0), "identity of the sender"),
    row("semantic_vector", 52, Bytes(8), Rule::Any, Value(0), "sketch of the affinity vector"),
    row("fragment_count", 60, Uint(2), Rule::Any, Value(1), "fragments in the message"),
    row("fragment_index", 62, Uint(2), Rule::Any, Value(0), "0-based"),
    row("fec_data", 64, Bytes(4), Rule::Any, Value(0), "no meaning published"),
    row("reserved", 68, Bytes(6), Rule::SentZero, Value(0), "zero when sent, ignored when received"),
];

const fn table(order: Order) -> Dialect {
    Dialect {
        name: "struct74",
        order,
        fixed: LENGTH,
        fields: FIELDS,
        check: |_| Ok::<Extent, Reject>(Extent { header: LENGTH, tag: 0 }),
        seal_header: |_| (),
        doc: "the published C struct as written, packed, 74 bytes",
    }
}

/// In network byte order.
pub static STRUCT74: Dialect = table(Order::Big);
/// As dumped from memory on x86.
pub static STRUCT74_LITTLE: Dialect = table(Order::Little);
