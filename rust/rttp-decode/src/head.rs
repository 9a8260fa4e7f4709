//! The few header fields that the decoder itself needs of every pulse, at constant places, from the tables.

use rttp_proto::dialects::{pulse128, rfc64, rttp1};

use crate::batch::HEAD;
use crate::dialect::{DialectCode, RTTP1};

const STRUCT74: DialectCode = 1;
const STRUCT74_LITTLE: DialectCode = 2;
const PULSE128: DialectCode = 4;

/// Where `rttp1`, the only dialect whose fields hang on flags, has them.
pub(crate) const FLAGS_AT: usize = rttp1::TABLE.offset_of("flags");
const KIND_AT: usize = rttp1::TABLE.offset_of("kind");
// `struct74` has these at the same places: the test below.
const PRIORITY_AT: usize = rttp1::TABLE.offset_of("priority");
const TIMESTAMP_AT: usize = rttp1::TABLE.offset_of("timestamp_ns");
const SEQ_AT: usize = rttp1::TABLE.offset_of("seq_id");
const CONTEXT_AT: usize = rttp1::TABLE.offset_of("context_hash");
const COUNT_AT: usize = rttp1::TABLE.offset_of("fragment_count");
const INDEX_AT: usize = rttp1::TABLE.offset_of("fragment_index");
const FEC_REPAIR_AT: usize = rttp1::TABLE.offset_of("fec_repair");
const WIDE_SEQUENCE_AT: usize = pulse128::TABLE.offset_of("sequence");
const WIDE_TIMESTAMP_AT: usize = pulse128::TABLE.offset_of("timestamp_ns");
const WIDE_PRIORITY_AT: usize = pulse128::TABLE.offset_of("priority");
const RFC64_PRIORITY_AT: usize = rfc64::TABLE.offset_of("priority");

/// The first bytes of a pulse that keeps its dialect's rules, so that its fixed header is there.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    dialect: DialectCode,
    bytes: &'a [u8; HEAD],
}

impl<'a> Head<'a> {
    pub(crate) fn new(dialect: DialectCode, bytes: &'a [u8; HEAD]) -> Head<'a> {
        Head { dialect, bytes }
    }

    #[inline]
    fn take<const W: usize>(self, at: usize) -> [u8; W] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; W])
    }

    /// Sender's time, Unix ns; `None` where the dialect has none, or one beyond 2⁶⁴.
    #[inline]
    pub(crate) fn timestamp_ns(self) -> Option<u64> {
        match self.dialect {
            RTTP1 | STRUCT74 => Some(u64::from_be_bytes(self.take(TIMESTAMP_AT))),
            STRUCT74_LITTLE => Some(u64::from_le_bytes(self.take(TIMESTAMP_AT))),
            PULSE128 => u64::try_from(u128::from_be_bytes(self.take(WIDE_TIMESTAMP_AT))).ok(),
            _ => None,
        }
    }

    /// Sequence number, or its low 32 bits.
    #[inline]
    pub(crate) fn seq(self) -> Option<u32> {
        match self.dialect {
            RTTP1 | STRUCT74 => Some(u32::from_be_bytes(self.take(SEQ_AT))),
            STRUCT74_LITTLE => Some(u32::from_le_bytes(self.take(SEQ_AT))),
            PULSE128 => Some(u128::from_be_bytes(self.take(WIDE_SEQUENCE_AT)) as u32),
            _ => None,
        }
    }

    /// Fragments of its message and its index among them.
    #[inline]
    pub(crate) fn fragment(self) -> Option<(u16, u16)> {
        match self.dialect {
            RTTP1 | STRUCT74 => {
                Some((u16::from_be_bytes(self.take(COUNT_AT)), u16::from_be_bytes(self.take(INDEX_AT))))
            }
            STRUCT74_LITTLE => Some((u16::from_le_bytes(self.take(COUNT_AT)), u16::from_le_bytes(self.take(INDEX_AT)))),
            _ => None,
        }
    }

    /// `seq_id` less `fragment_index`.
    pub(crate) fn message_id(self) -> Option<u32> {
        let (_, index) = self.fragment()?;
        Some(self.seq()?.wrapping_sub(index.into()))
    }

    /// Whether it is a repair symbol; only `rttp1` says so.
    pub(crate) fn is_repair(self) -> Option<bool> {
        let (count, index) = self.fragment()?;
        (self.dialect == RTTP1).then_some(index >= count)
    }

    /// Repair symbols announced.
    pub(crate) fn repair_announced(self) -> u16 {
        let [flags] = self.take(FLAGS_AT);
        let [repair] = self.take(FEC_REPAIR_AT);
        if self.dialect == RTTP1 && flags & rttp1::FLAG_FEC != 0 { repair.into() } else { 0 }
    }

    /// Whether it is a whole message.
    #[inline]
    pub(crate) fn is_alone(self) -> bool {
        self.fragment().is_some_and(|(count, _)| count == 1) && self.repair_announced() == 0
    }

    /// Kind, of `rttp1` alone.
    pub(crate) fn kind(self) -> Option<u8> {
        let [kind] = self.take(KIND_AT);
        (self.dialect == RTTP1).then_some(kind)
    }

    /// Priority, which every dialect has.
    pub(crate) fn priority(self) -> u8 {
        let at = match self.dialect {
            RTTP1 | STRUCT74 | STRUCT74_LITTLE => PRIORITY_AT,
            PULSE128 => WIDE_PRIORITY_AT,
            _ => RFC64_PRIORITY_AT,
        };
        let [priority] = self.take(at);
        priority
    }

    /// Context of `rttp1` and `struct74`, else 0.
    pub(crate) fn context_hash(self) -> u32 {
        match self.dialect {
            RTTP1 | STRUCT74 => u32::from_be_bytes(self.take(CONTEXT_AT)),
            STRUCT74_LITTLE => u32::from_le_bytes(self.take(CONTEXT_AT)),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rttp_proto::dialects::ALL;

    use super::*;

    #[test]
    fn places_are_those_of_the_tables() {
        let mut bytes = [0; HEAD];
        let mut state = 1u32;
        bytes.iter_mut().for_each(|b| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *b = (state >> 24) as u8;
        });
        // A clock and a sequence that fit 64 bits.
        bytes[36..44].fill(0);
        for (code, dialect) in ALL.iter().enumerate() {
            let head = Head::new(code as u8, &bytes);
            let number = |name| dialect.field(name).and_then(|f| f.uint(dialect.order, &bytes)).map(|n| n as u64);
            assert_eq!(head.timestamp_ns(), number("timestamp_ns"), "{}", dialect.name);
            let seq = number("seq_id").or(number("sequence")).map(|n| n as u32);
            assert_eq!(head.seq(), seq, "{}", dialect.name);
            let fragment = number("fragment_count").zip(number("fragment_index"));
            assert_eq!(head.fragment().map(|(k, i)| (u64::from(k), u64::from(i))), fragment);
            assert_eq!(head.kind().map(u64::from), number("kind"));
            assert_eq!(Some(u64::from(head.priority())), number("priority"));
            assert_eq!(u64::from(head.context_hash()), number("context_hash").unwrap_or(0));
        }
        assert_eq!(ALL[0].field("flags").map(|f| f.offset), Some(FLAGS_AT));
        assert_eq!(ALL[0].field("fec_repair").map(|f| f.offset), Some(FEC_REPAIR_AT));
    }
}
