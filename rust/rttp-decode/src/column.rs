//! The columns of rows: one list for pulses, one for messages. Filters, tables, JSON, Parquet and the documentation
//! follow from them; header fields come from the dialect tables.

use std::sync::LazyLock;

use rttp_proto::dialect::{Field, Named, Presence, Type};
use rttp_proto::dialects::{ALL, rttp1};
use rttp_proto::reject::Slug;

use crate::dialect::{self, Ground};
use crate::filter::ColumnKind;
use crate::message;
use crate::sequence::Order;

/// How a column is written where numbers have a width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Unsigned, so many bytes: 1, 2, 4 or 8.
    Unsigned(usize),
    /// Signed, 8 bytes.
    Signed,
    /// Yes or no.
    Flag,
    /// A number written as its name, or in hex where it has none.
    Name(&'static [Named]),
    /// Bits written as their names, joined by `|`.
    Bits(&'static [Named]),
    /// So many bytes.
    Fixed(usize),
    /// Any number of bytes.
    Binary,
    /// Text.
    Text,
    /// An IP address as text.
    Address,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column<S: 'static> {
    /// As in every output and filter.
    pub name: &'static str,
    /// How it is written.
    pub output: Output,
    /// What filters may ask of it.
    pub kind: ColumnKind,
    /// Where its values come from.
    pub(crate) source: S,
    /// One line for people.
    pub doc: &'static str,
}

/// A header field of one name in each dialect that has it.
pub type Places = [Option<&'static Field>; ALL.len()];

/// Where a pulse's value comes from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is the source of the column of its name")]
pub enum OfPulse {
    File,
    Packet,
    Time,
    Interface,
    Source,
    SourcePort,
    Destination,
    DestinationPort,
    Vlan,
    Flow,
    Length,
    Captured,
    Dialect,
    Ground,
    Reject,
    RejectOffset,
    Field(Places),
    PayloadLength,
    MessageId,
    Repair,
    Order,
    Missing,
    Interval,
    Delay,
    DelayBucket,
    Envelope,
    Payload,
}

/// Where a message's value comes from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is the source of the column of its name")]
pub enum OfMessage {
    File,
    Packet,
    First,
    Last,
    Flow,
    Source,
    SourcePort,
    Destination,
    DestinationPort,
    MessageId,
    Kind,
    Priority,
    ContextHash,
    Count,
    Fragments,
    Announced,
    Repair,
    State,
    Bytes,
    Duration,
    WholeAfter,
}

const fn column<S>(name: &'static str, output: Output, kind: ColumnKind, source: S, doc: &'static str) -> Column<S> {
    Column { name, output, kind, source, doc }
}

/// Slugs as names of statuses.
static SLUGS: LazyLock<Vec<Named>> =
    LazyLock::new(|| Slug::ALL.iter().map(|s| Named { value: s.code().into(), name: s.as_str() }).collect());

/// Columns of pulses. `payload` is the last: it is there only when asked for.
pub static PULSES: LazyLock<Vec<Column<OfPulse>>> = LazyLock::new(|| {
    use ColumnKind::{Address, Bytes, Duration, Flag, Number, Text, Time};
    use OfPulse as Of;
    use Output::{Name, Unsigned};
    let mut columns = vec![
        column("file", Output::Text, Text, Of::File, "the capture it is in"),
        column("packet", Unsigned(8), Number, Of::Packet, "number of its packet in that capture, from 1"),
        column("time_ns", Unsigned(8), Time, Of::Time, "when it was captured, ns since the Unix epoch"),
        column("interface", Unsigned(4), Number, Of::Interface, "index of the interface in that capture"),
        column("source", Output::Address, Address, Of::Source, "address that it came from"),
        column("source_port", Unsigned(2), Number, Of::SourcePort, "UDP port that it came from"),
        column("destination", Output::Address, Address, Of::Destination, "address that it went to"),
        column("destination_port", Unsigned(2), Number, Of::DestinationPort, "UDP port that it went to"),
        column("vlan", Unsigned(2), Number, Of::Vlan, "outermost VLAN, of a tagged packet"),
        column("flow", Unsigned(4), Number, Of::Flow, "number of its flow (source to destination), from 0"),
        column("length", Unsigned(4), Number, Of::Length, "bytes of the datagram on the line"),
        column("captured", Unsigned(4), Number, Of::Captured, "bytes of it that were captured"),
        column("dialect", Name(dialect::NAMES), Number, Of::Dialect, "layout of its header; `json` is an envelope"),
        column("ground", Name(Ground::NAMES), Number, Of::Ground, "why it was taken for that dialect"),
        column("reject", Name(&SLUGS), Number, Of::Reject, "the first rule that it breaks; absent if it breaks none"),
        column("reject_offset", Unsigned(4), Number, Of::RejectOffset, "where in the datagram that shows, bytes"),
    ];
    columns.extend(header_fields());
    columns.extend([
        column("payload_length", Unsigned(4), Number, Of::PayloadLength, "bytes between header and tag"),
        column("message_id", Unsigned(4), Number, Of::MessageId, "seq_id less fragment_index: the same in a message"),
        column("repair", Output::Flag, Flag, Of::Repair, "whether it is a repair symbol (FEC)"),
        column("order", Name(Order::NAMES), Number, Of::Order, "how its number fits those before it in its flow"),
        column("missing", Unsigned(4), Number, Of::Missing, "numbers of its flow jumped over just before it"),
        column("interval_ns", Output::Signed, Duration, Of::Interval, "since the datagram before it in its flow"),
        column("delay_ns", Output::Signed, Duration, Of::Delay, "time_ns less timestamp_ns: one way, by two clocks"),
        column(
            "delay_bucket",
            Unsigned(8),
            Number,
            Of::DelayBucket,
            "lowest value, ns, of delay_ns's HdrHistogram bucket (3 digits); absent where delay_ns is negative",
        ),
        column("envelope", Output::Text, Text, Of::Envelope, "the JSON envelope in it"),
        column("payload", Output::Binary, Bytes, Of::Payload, "bytes between header and tag that were captured"),
    ]);
    columns
});

/// Columns of messages.
pub static MESSAGES: LazyLock<Vec<Column<OfMessage>>> = LazyLock::new(|| {
    use ColumnKind::{Address, Duration, Number, Text, Time};
    use OfMessage as Of;
    use Output::{Name, Unsigned};
    let state = "complete, recoverable (enough repair symbols) or incomplete";
    vec![
        column("file", Output::Text, Text, Of::File, "the capture that its first part is in"),
        column("packet", Unsigned(8), Number, Of::Packet, "number of its first part's packet there, from 1"),
        column("time_ns", Unsigned(8), Time, Of::First, "when its first part was captured, ns since the Unix epoch"),
        column("last_ns", Unsigned(8), Time, Of::Last, "when its last part was captured"),
        column("flow", Unsigned(4), Number, Of::Flow, "number of its flow, from 0"),
        column("source", Output::Address, Address, Of::Source, "address that it came from"),
        column("source_port", Unsigned(2), Number, Of::SourcePort, "UDP port that it came from"),
        column("destination", Output::Address, Address, Of::Destination, "address that it went to"),
        column("destination_port", Unsigned(2), Number, Of::DestinationPort, "UDP port that it went to"),
        column("message_id", Unsigned(4), Number, Of::MessageId, "seq_id of its first fragment"),
        column("kind", Name(rttp1::KINDS), Number, Of::Kind, "kind of its pulses"),
        column("priority", Unsigned(1), Number, Of::Priority, "0-255, higher goes first"),
        column("context_hash", Unsigned(4), Number, Of::ContextHash, "context that it applies to"),
        column("fragment_count", Unsigned(2), Number, Of::Count, "source fragments that it has"),
        column("fragments", Unsigned(2), Number, Of::Fragments, "source fragments captured"),
        column("repair_announced", Unsigned(2), Number, Of::Announced, "repair symbols that it announces"),
        column("repair", Unsigned(2), Number, Of::Repair, "repair symbols captured"),
        column("state", Name(message::State::NAMES), Number, Of::State, state),
        column("bytes", Unsigned(8), Number, Of::Bytes, "payload of the source fragments captured"),
        column("duration_ns", Output::Signed, Duration, Of::Duration, "from its first part to its last"),
        column(
            "whole_after_ns",
            Output::Signed,
            Duration,
            Of::WholeAfter,
            "from its first part to the one that sufficed",
        ),
    ]
});

/// Fields of all dialects by name, in the order of the tables. The same name is one column, as wide as its widest;
/// numbers of 16 bytes have 8 here.
fn header_fields() -> Vec<Column<OfPulse>> {
    let mut found: Vec<(&'static Field, Places)> = Vec::new();
    for (i, dialect) in ALL.iter().enumerate() {
        for field in dialect.fields {
            let column = match found.iter().position(|(f, _)| f.name == field.name) {
                Some(at) => &mut found[at].1,
                None => {
                    found.push((field, [None; ALL.len()]));
                    let Some((_, places)) = found.last_mut() else { continue };
                    places
                }
            };
            column[i] = Some(field);
        }
    }
    found.into_iter().map(|(first, places)| header_field(first, places)).collect()
}

fn header_field(first: &'static Field, places: Places) -> Column<OfPulse> {
    let fields = places.iter().flatten();
    let widest = fields.clone().map(|f| f.ty.size()).max().unwrap_or(0);
    let same = fields.clone().all(|f| f.ty.size() == widest);
    let one_dialect = fields.count() == 1 || first.name == "kind";
    let (output, kind) = match first.ty {
        // Bits have names in one dialect only, so a number without its dialect has none; rttp1's are the rule.
        Type::Uint(_) if first.name == "flags" => (Output::Bits(rttp1::FLAGS), ColumnKind::Bits),
        Type::Uint(_) if one_dialect && !first.names().is_empty() => (Output::Name(first.names()), ColumnKind::Number),
        Type::Uint(_) if first.name == "timestamp_ns" => (Output::Unsigned(8), ColumnKind::Time),
        Type::Uint(_) => (Output::Unsigned(widest.min(8)), ColumnKind::Number),
        Type::Text(_) => (Output::Text, ColumnKind::Text),
        Type::Bytes(n) if same => (Output::Fixed(n), ColumnKind::Bytes),
        Type::Bytes(_) => (Output::Binary, ColumnKind::Bytes),
    };
    column(first.name, output, kind, OfPulse::Field(places), first.doc)
}

/// Where in a header of a dialect the flag stands that a field's presence hangs on.
pub(crate) fn is_present(field: &Field, flags: u8) -> bool {
    match field.presence {
        Presence::Always => true,
        Presence::Flag(bit, _) => flags & bit != 0,
    }
}
