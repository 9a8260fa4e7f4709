//! `rttp1`: the default layout, one cache line (`RTTP-1.1` … `RTTP-1.5`).

use crate::dialect::Default::{Now, Value};
use crate::dialect::Type::{Bytes, Uint};
use crate::dialect::{Dialect, Extent, Named, Order, Presence, Rule, all_bits, row};
use crate::reject::{Reject, Slug};

/// FEC tail present.
pub const FLAG_FEC: u8 = 0x80;
/// Payload encrypted, header authenticated.
pub const FLAG_SEALED: u8 = 0x40;
/// The sender wants the pulse answered with its own payload.
pub const FLAG_ECHO: u8 = 0x20;
/// Counted into receipts.
pub const FLAG_METERED: u8 = 0x10;

/// Names of the flag bits.
pub const FLAGS: &[Named] = &[
    Named { value: FLAG_FEC as u128, name: "FEC" },
    Named { value: FLAG_SEALED as u128, name: "SEALED" },
    Named { value: FLAG_ECHO as u128, name: "ECHO" },
    Named { value: FLAG_METERED as u128, name: "METERED" },
];

macro_rules! kinds {
    ($($variant:ident = $value:literal, $name:literal;)+) => {
        /// What a pulse is for.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the spec's words, explained in docs/PROTOCOL.md RTTP-1.4")]
        pub enum Kind { $($variant = $value,)+ }

        impl Kind {
            /// The kind of a wire value.
            #[must_use]
            pub const fn from_wire(value: u8) -> Option<Kind> {
                match value { $($value => Some(Kind::$variant),)+ _ => None }
            }
        }

        /// Names of the kinds.
        pub const KINDS: &[Named] = &[$(Named { value: $value, name: $name },)+];
    };
}

kinds! {
    Hello = 0x01, "HELLO";
    Welcome = 0x02, "WELCOME";
    Close = 0x03, "CLOSE";
    Ping = 0x04, "PING";
    Pong = 0x05, "PONG";
    Data = 0x10, "DATA";
    Request = 0x11, "REQUEST";
    Response = 0x12, "RESPONSE";
    Stream = 0x13, "STREAM";
    Snapshot = 0x20, "SNAPSHOT";
    Delta = 0x21, "DELTA";
    Expect = 0x22, "EXPECT";
    SyncAck = 0x23, "SYNC_ACK";
    Announce = 0x40, "ANNOUNCE";
    Graft = 0x41, "GRAFT";
    Prune = 0x42, "PRUNE";
    Receipt = 0x50, "RECEIPT";
    QuarantineNotice = 0x60, "QUARANTINE_NOTICE";
}

/// The only FEC scheme: systematic Reed–Solomon.
pub const FEC_REED_SOLOMON: u8 = 1;
const SCHEMES: &[Named] = &[Named { value: FEC_REED_SOLOMON as u128, name: "REED_SOLOMON" }];

/// Length of the fixed header: one cache line.
pub const HEADER: usize = 64;
/// Length of the optional FEC tail.
pub const FEC_TAIL: usize = 10;
/// Length of the authentication tag of a sealed pulse.
pub const TAG: usize = 16;
/// Largest UDP payload over IPv4: 65,535 less 20 and 8 bytes of headers. IPv6 keeps the same bound.
pub const MAX_DATAGRAM: usize = 65_507;

const FEC: Presence = Presence::Flag(FLAG_FEC, "FEC");

/// The default dialect.
pub static RTTP1: Dialect = TABLE;
/// The same as a constant, for offsets that are constants.
pub const TABLE: Dialect = Dialect {
    name: "rttp1",
    order: Order::Big,
    fixed: HEADER,
    fields: &[
        row("version", 0, Uint(1), Rule::Exactly(1, Slug::BadVersion), Value(1), "protocol version, 1"),
        row("priority", 1, Uint(1), Rule::Any, Value(128), "0-255, higher goes first; 128 is normal"),
        row("flags", 2, Uint(1), Rule::Bits(FLAGS, Slug::UnknownFlag), Value(0), "high octet of the spec's `type`"),
        row(
            "kind",
            3,
            Uint(1),
            Rule::OneOf(KINDS, Slug::UnknownKind),
            Value(Kind::Data as u128),
            "low octet of the spec's `type`",
        ),
        row("timestamp_ns", 4, Uint(8), Rule::Any, Now, "sender's transmit time, ns since the Unix epoch"),
        row("seq_id", 12, Uint(4), Rule::Any, Value(0), "one per pulse and direction; serial arithmetic (RFC 1982)"),
        row(
            "context_hash",
            16,
            Uint(4),
            Rule::Any,
            Value(0),
            "first 4 bytes of BLAKE3 of the context snapshot; 0 is none",
        ),
        row("rpki_fingerprint", 20, Bytes(32), Rule::Any, Value(0), "SHA-256 of the sender's raw Ed25519 public key"),
        row("semantic_vector", 52, Bytes(8), Rule::Any, Value(0), "64-bit sign sketch of the 256-d affinity vector"),
        row(
            "fragment_count",
            60,
            Uint(2),
            Rule::NonZero(Slug::FragmentCountZero),
            Value(1),
            "source fragments in the message, at least 1",
        ),
        row(
            "fragment_index",
            62,
            Uint(2),
            Rule::Any,
            Value(0),
            "0-based; from fragment_count on it is a repair symbol (FEC)",
        ),
        row(
            "fec_scheme",
            64,
            Uint(1),
            Rule::OneOf(SCHEMES, Slug::FecInconsistent),
            Value(FEC_REED_SOLOMON as u128),
            "first octet of the spec's `fec_data`: the code",
        )
        .when(FEC),
        row(
            "fec_repair",
            65,
            Uint(1),
            Rule::NonZero(Slug::FecInconsistent),
            Value(1),
            "second octet of `fec_data`: repair symbols m",
        )
        .when(FEC),
        row(
            "fec_last_length",
            66,
            Uint(2),
            Rule::Any,
            Value(0),
            "rest of `fec_data`: length of the last source fragment",
        )
        .when(FEC),
        row("reserved", 68, Bytes(6), Rule::SentZero, Value(0), "zero when sent, ignored when received").when(FEC),
    ],
    check,
    seal_header: |_| (),
    doc: "this project's definition of RTTP/1: the published struct's first ten fields, exactly one cache line",
};

pub(crate) const VERSION_AT: usize = TABLE.offset_of("version");
pub(crate) const PRIORITY_AT: usize = TABLE.offset_of("priority");
pub(crate) const FLAGS_AT: usize = TABLE.offset_of("flags");
pub(crate) const KIND_AT: usize = TABLE.offset_of("kind");
pub(crate) const TIMESTAMP_AT: usize = TABLE.offset_of("timestamp_ns");
pub(crate) const SEQ_AT: usize = TABLE.offset_of("seq_id");
pub(crate) const CONTEXT_AT: usize = TABLE.offset_of("context_hash");
pub(crate) const FINGERPRINT_AT: usize = TABLE.offset_of("rpki_fingerprint");
pub(crate) const VECTOR_AT: usize = TABLE.offset_of("semantic_vector");
pub(crate) const COUNT_AT: usize = TABLE.offset_of("fragment_count");
pub(crate) const INDEX_AT: usize = TABLE.offset_of("fragment_index");
const SCHEME_AT: usize = TABLE.offset_of("fec_scheme");
const REPAIR_AT: usize = TABLE.offset_of("fec_repair");

const ALL_FLAGS: u8 = all_bits(FLAGS) as u8;
/// `KNOWN[kind]`: one load per pulse instead of a search of the table.
static KNOWN: [bool; 256] = {
    let mut known = [false; 256];
    let mut i = 0;
    while i < KINDS.len() {
        known[KINDS[i].value as usize] = true;
        i += 1;
    }
    known
};

/// The rows' rules of the fixed header, unrolled: the same verdicts as [`Dialect::judge`], at the speed of a
/// cache line. The test `the_fast_check_is_the_table` holds the two together.
///
/// # Errors
/// The first broken rule in offset order.
#[inline]
pub fn judge_fast(datagram: &[u8]) -> Result<Extent, Reject> {
    let Some(header) = datagram.first_chunk::<HEADER>() else {
        return Err(Reject::at(Slug::Truncated, datagram.len()));
    };
    let flags = header[FLAGS_AT];
    let count = u16::from_be_bytes([header[COUNT_AT], header[COUNT_AT + 1]]);
    let index = u16::from_be_bytes([header[INDEX_AT], header[INDEX_AT + 1]]);
    let good = (header[VERSION_AT] == 1)
        & (flags & (!ALL_FLAGS | FLAG_FEC | FLAG_SEALED) == 0)
        & KNOWN[usize::from(header[KIND_AT])]
        & (index < count)
        & (datagram.len() <= MAX_DATAGRAM);
    if good { Ok(Extent { header: HEADER, tag: 0 }) } else { RTTP1.judge(datagram) }
}

/// Rules over several fields: fragments, FEC tail, tag, length.
fn check(datagram: &[u8]) -> Result<Extent, Reject> {
    let byte = |at: usize| datagram.get(at).copied().unwrap_or(0);
    let pair = |at: usize| u32::from(u16::from_be_bytes([byte(at), byte(at + 1)]));
    let (flags, count, index) = (byte(FLAGS_AT), pair(COUNT_AT), pair(INDEX_AT));
    let fec = flags & FLAG_FEC != 0;
    let mut repair = 0;
    if fec {
        if datagram.len() < HEADER + FEC_TAIL {
            return Err(Reject::at(Slug::Truncated, datagram.len()));
        }
        if byte(SCHEME_AT) != FEC_REED_SOLOMON {
            return Err(Reject::at(Slug::FecInconsistent, SCHEME_AT));
        }
        repair = u32::from(byte(REPAIR_AT));
        // A code has at least one repair symbol and numbers all its symbols in 16 bits (RTTP-4.2).
        if repair == 0 || count + repair > u32::from(u16::MAX) {
            return Err(Reject::at(Slug::FecInconsistent, REPAIR_AT));
        }
    }
    if index >= count + repair {
        return Err(Reject::at(Slug::FragmentRange, INDEX_AT));
    }
    let header = if fec { HEADER + FEC_TAIL } else { HEADER };
    let tag = if flags & FLAG_SEALED != 0 { TAG } else { 0 };
    if datagram.len() < header + tag {
        return Err(Reject::at(Slug::Truncated, datagram.len()));
    }
    if datagram.len() > MAX_DATAGRAM {
        return Err(Reject::at(Slug::Oversized, MAX_DATAGRAM));
    }
    Ok(Extent { header, tag })
}
