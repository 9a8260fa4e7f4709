//! A batch of pulses: what a capture says of each, and the first bytes of its datagram.

use rttp_capture::Endpoint;

use crate::dialect::{DialectCode, Ground};
use crate::envelope::EnvelopeHeader;
use crate::flow::NO_FLOW;
use crate::sequence::Order;

/// Rows of a full batch: with their heads they fit a second-level cache of half a megabyte.
pub const ROWS: usize = 8192;
/// Bytes kept of every datagram: the longest header of any dialect.
pub const HEAD: usize = 128;
/// The VLAN of a packet without a tag.
pub const NO_VLAN: u16 = u16::MAX;

const NOBODY: Endpoint = Endpoint { address: [0; 16], port: 0 };

/// One datagram that is a pulse, should be one, or holds a JSON envelope.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// When it was captured, Unix ns.
    pub time_ns: u64,
    /// Of its capture, from 1.
    pub packet: u64,
    /// Since the datagram before in its flow, ns; negative if captured in another order; `None` for the first.
    pub interval_ns: Option<i64>,
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Bytes of the datagram on the line.
    pub length: u32,
    /// Bytes of it that were captured.
    pub captured: u32,
    /// Numbered as the flows appear, or [`NO_FLOW`].
    pub flow: u32,
    /// Index of its capture.
    pub file: u32,
    /// Index of the interface in its capture.
    pub interface: u32,
    /// Where the broken rule shows, for a reject.
    pub reject_offset: u32,
    /// Numbers of its flow jumped over just before it.
    pub missing: u32,
    /// Bytes of the header with its tail; 0 for a reject.
    pub header: u16,
    /// Bytes of the tag at the end.
    pub tag: u16,
    /// Outermost VLAN or [`NO_VLAN`].
    pub vlan: u16,
    /// How many of [`HEAD`] bytes are there.
    pub head: u8,
    /// Layout.
    pub dialect: DialectCode,
    /// Why that one.
    pub ground: Ground,
    /// How its number fits.
    pub order: Order,
    /// 0 for an accepted pulse, [`CUT`] for one that the capture cut inside its header, else the slug's code.
    pub status: u8,
}

/// The status of a datagram that was captured too short to be judged: no fault of its sender.
pub const CUT: u8 = u8::MAX;

/// An envelope in a row's datagram or payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InRow {
    /// The row.
    pub row: u32,
    /// What its header says.
    pub header: EnvelopeHeader,
    /// All of it.
    pub text: Box<str>,
}

/// Which bytes of a row's packet lie where in [`Batch::bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// First byte.
    pub start: usize,
    /// One behind the last.
    pub end: usize,
    /// Bytes on the line.
    pub original: u32,
}

/// Rows and what belongs to them; used again for each batch, so that nothing is allocated for a row.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of their packets.
    pub rows: Vec<Row>,
    /// First bytes of each datagram, zeros behind what was captured.
    pub heads: Vec<[u8; HEAD]>,
    /// JSON envelopes, by row.
    pub envelopes: Vec<InRow>,
    /// Payloads or whole packets, if they are kept.
    pub bytes: Vec<u8>,
    /// Bytes of all envelopes.
    envelope_bytes: usize,
    /// One for each row if payloads or packets are kept, else none.
    pub kept: Vec<Kept>,
    /// The dialect of all rows whose whole fixed header is there; `None` if they differ.
    pub uniform: Option<DialectCode>,
}

impl Batch {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.heads.clear();
        self.envelopes.clear();
        self.bytes.clear();
        self.kept.clear();
        self.envelope_bytes = 0;
        self.uniform = None;
    }

    /// Adds a row, to be filled in place, with the first bytes of its datagram. `whole` is its dialect, if its fixed header
    /// is there.
    #[inline]
    pub fn push(&mut self, datagram: &[u8], whole: Option<DialectCode>) -> &mut Row {
        match datagram.first_chunk::<HEAD>() {
            Some(full) => self.heads.push(*full),
            None => {
                let mut head = [0; HEAD];
                head[..datagram.len()].copy_from_slice(datagram);
                self.heads.push(head);
            }
        }
        self.uniform = if self.rows.is_empty() || self.uniform == whole { whole } else { None };
        self.rows.push(Row { head: datagram.len().min(HEAD) as u8, ..Row::BLANK });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// Keeps bytes for the row added last.
    pub fn keep(&mut self, bytes: &[u8], original: u32) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.kept.push(Kept { start, end: self.bytes.len(), original });
    }

    /// Bytes beside all rows: kept ones and envelopes.
    #[must_use]
    pub fn kept_bytes_in_all(&self) -> usize {
        self.bytes.len() + self.envelope_bytes
    }

    /// Adds an envelope to the row added last.
    pub fn add_envelope(&mut self, header: EnvelopeHeader, text: &str) {
        let row = u32::try_from(self.rows.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.envelope_bytes += text.len();
        self.envelopes.push(InRow { row, header, text: text.into() });
    }

    /// The kept bytes of a row.
    #[must_use]
    pub fn kept_bytes(&self, row: usize) -> Option<&[u8]> {
        let kept = self.kept.get(row)?;
        self.bytes.get(kept.start..kept.end)
    }

    /// The envelope of a row.
    #[must_use]
    pub fn envelope(&self, row: u32) -> Option<&InRow> {
        let found = self.envelopes.binary_search_by_key(&row, |e| e.row).ok()?;
        self.envelopes.get(found)
    }
}

impl Row {
    const BLANK: Row = Row {
        time_ns: 0,
        packet: 0,
        interval_ns: None,
        source: NOBODY,
        destination: NOBODY,
        length: 0,
        captured: 0,
        flow: NO_FLOW,
        file: 0,
        interface: 0,
        reject_offset: 0,
        missing: 0,
        header: 0,
        tag: 0,
        vlan: NO_VLAN,
        head: 0,
        dialect: 0,
        ground: Ground::None,
        order: Order::None,
        status: 0,
    };

    /// Whether it keeps every rule of its dialect.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status == 0
    }

    /// Whether its flow is one that is kept apart.
    #[must_use]
    pub fn in_flow(&self) -> bool {
        self.flow != NO_FLOW
    }

    /// Bytes between header and tag, on the line; `None` for a reject.
    #[must_use]
    pub fn payload_length(&self) -> Option<u32> {
        self.accepted().then(|| self.length.saturating_sub(u32::from(self.header) + u32::from(self.tag)))
    }
}
