//! One `rttp1` pulse: a checked view over bytes, and the header as a value.

use crate::dialects::rttp1::{
    CONTEXT_AT, COUNT_AT, FINGERPRINT_AT, FLAG_ECHO, FLAGS_AT, HEADER, INDEX_AT, KIND_AT, Kind, PRIORITY_AT, SEQ_AT,
    TIMESTAMP_AT, VECTOR_AT, VERSION_AT, judge_fast,
};
use crate::reject::Reject;
use crate::seq::{MessageId, SeqId};

/// A datagram that satisfies every rule of `rttp1` (`RTTP-3`), so that reading it cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct Pulse<'a> {
    header: &'a [u8; HEADER],
    kind: Kind,
    payload: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Pulse<'a> {
    /// Judges a datagram and gives the view.
    ///
    /// # Errors
    /// The first broken rule and its offset.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Pulse<'a>, Reject> {
        let extent = judge_fast(datagram)?;
        let truncated = || Reject::at(crate::reject::Slug::Truncated, datagram.len());
        let header = datagram.first_chunk::<HEADER>().ok_or_else(truncated)?;
        let kind =
            Kind::from_wire(header[KIND_AT]).ok_or_else(|| Reject::at(crate::reject::Slug::UnknownKind, KIND_AT))?;
        let body = datagram.get(extent.header..).ok_or_else(truncated)?;
        let (payload, tag) = body.split_at_checked(body.len().wrapping_sub(extent.tag)).ok_or_else(truncated)?;
        Ok(Pulse { header, kind, payload, tag })
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.header[at..at + N]);
        out
    }

    /// 0–255, higher goes first.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.header[PRIORITY_AT]
    }

    /// Flag bits, see [`crate::dialects::rttp1::FLAGS`].
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.header[FLAGS_AT]
    }

    /// What the pulse is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Sender's transmit time, ns since the Unix epoch.
    #[must_use]
    pub fn timestamp_ns(&self) -> u64 {
        u64::from_be_bytes(self.array(TIMESTAMP_AT))
    }

    /// Sequence number.
    #[must_use]
    pub fn seq_id(&self) -> SeqId {
        SeqId(u32::from_be_bytes(self.array(SEQ_AT)))
    }

    /// Which context snapshot it applies to; 0 is none.
    #[must_use]
    pub fn context_hash(&self) -> u32 {
        u32::from_be_bytes(self.array(CONTEXT_AT))
    }

    /// The identity the sender names (a claim until a seal verifies).
    #[must_use]
    pub fn rpki_fingerprint(&self) -> &'a [u8; 32] {
        self.header[FINGERPRINT_AT..].first_chunk().unwrap_or(&[0; 32])
    }

    /// Sketch of the affinity vector.
    #[must_use]
    pub fn semantic_vector(&self) -> [u8; 8] {
        self.array(VECTOR_AT)
    }

    /// Source fragments in the message.
    #[must_use]
    pub fn fragment_count(&self) -> u16 {
        u16::from_be_bytes(self.array(COUNT_AT))
    }

    /// Position in the message; from [`Pulse::fragment_count`] on a repair symbol.
    #[must_use]
    pub fn fragment_index(&self) -> u16 {
        u16::from_be_bytes(self.array(INDEX_AT))
    }

    /// The message it belongs to.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        MessageId::of(self.seq_id(), self.fragment_index())
    }

    /// Everything between header and tag.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The authentication tag of a sealed pulse, else empty.
    #[must_use]
    pub fn tag(&self) -> &'a [u8] {
        self.tag
    }

    /// The fixed header as a value.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            priority: self.priority(),
            flags: self.flags(),
            kind: self.kind,
            timestamp_ns: self.timestamp_ns(),
            seq_id: self.seq_id(),
            context_hash: self.context_hash(),
            rpki_fingerprint: *self.rpki_fingerprint(),
            semantic_vector: self.semantic_vector(),
            fragment_count: self.fragment_count(),
            fragment_index: self.fragment_index(),
        }
    }
}

/// The fixed `rttp1` header as a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// 0–255, higher goes first.
    pub priority: u8,
    /// Flag bits.
    pub flags: u8,
    /// What the pulse is for.
    pub kind: Kind,
    /// Sender's transmit time, ns since the Unix epoch.
    pub timestamp_ns: u64,
    /// Sequence number.
    pub seq_id: SeqId,
    /// Which context snapshot it applies to; 0 is none.
    pub context_hash: u32,
    /// Identity of the sender.
    pub rpki_fingerprint: [u8; 32],
    /// Sketch of the affinity vector.
    pub semantic_vector: [u8; 8],
    /// Source fragments in the message, at least 1.
    pub fragment_count: u16,
    /// Position in the message.
    pub fragment_index: u16,
}

impl Header {
    /// A message of one fragment with normal priority and nothing optional.
    #[must_use]
    pub const fn new(kind: Kind, seq_id: SeqId, timestamp_ns: u64) -> Header {
        Header {
            priority: 128,
            flags: 0,
            kind,
            timestamp_ns,
            seq_id,
            context_hash: 0,
            rpki_fingerprint: [0; 32],
            semantic_vector: [0; 8],
            fragment_count: 1,
            fragment_index: 0,
        }
    }

    /// Writes all 64 bytes, whatever they held before.
    pub fn emit(&self, out: &mut [u8; HEADER]) {
        out[VERSION_AT] = 1;
        out[PRIORITY_AT] = self.priority;
        out[FLAGS_AT] = self.flags;
        out[KIND_AT] = self.kind as u8;
        out[TIMESTAMP_AT..TIMESTAMP_AT + 8].copy_from_slice(&self.timestamp_ns.to_be_bytes());
        out[SEQ_AT..SEQ_AT + 4].copy_from_slice(&self.seq_id.0.to_be_bytes());
        out[CONTEXT_AT..CONTEXT_AT + 4].copy_from_slice(&self.context_hash.to_be_bytes());
        out[FINGERPRINT_AT..FINGERPRINT_AT + 32].copy_from_slice(&self.rpki_fingerprint);
        out[VECTOR_AT..VECTOR_AT + 8].copy_from_slice(&self.semantic_vector);
        out[COUNT_AT..COUNT_AT + 2].copy_from_slice(&self.fragment_count.to_be_bytes());
        out[INDEX_AT..INDEX_AT + 2].copy_from_slice(&self.fragment_index.to_be_bytes());
    }
}

/// Patches what changes from pulse to pulse of one sender: sequence number and transmit time.
#[inline]
pub fn stamp(header: &mut [u8; HEADER], seq_id: SeqId, timestamp_ns: u64) {
    header[SEQ_AT..SEQ_AT + 4].copy_from_slice(&seq_id.0.to_be_bytes());
    header[TIMESTAMP_AT..TIMESTAMP_AT + 8].copy_from_slice(&timestamp_ns.to_be_bytes());
}

/// Turns an accepted pulse into its answer in place: the other kind, no ECHO, the answerer's identity and clock.
#[inline]
pub(crate) fn turn(header: &mut [u8; HEADER], kind: Kind, fingerprint: &[u8; 32], now_ns: u64) {
    header[KIND_AT] = kind as u8;
    header[FLAGS_AT] &= !FLAG_ECHO;
    header[TIMESTAMP_AT..TIMESTAMP_AT + 8].copy_from_slice(&now_ns.to_be_bytes());
    header[FINGERPRINT_AT..FINGERPRINT_AT + 32].copy_from_slice(fingerprint);
}
