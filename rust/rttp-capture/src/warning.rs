//! What is wrong in a capture, and where.

use std::fmt;

use crate::packet::LinkType;
use crate::reader::Compression;

/// Bytes of a file that a message repeats.
const SHOWN: usize = 16;

/// Something wrong in a capture. It is data, not a failure: reading goes on where that is possible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// The packet where it was found, from 1, or the next one for what is found between packets; `None` for what the
    /// file as a whole has.
    pub packet: Option<u64>,
    /// Where, bytes from the start of the uncompressed file.
    pub offset: u64,
    /// What.
    pub problem: Problem,
}

/// What is wrong there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The file has no bytes.
    Empty,
    /// Its first bytes are those of no capture.
    NotACapture {
        /// At most 16 of them.
        found: Vec<u8>,
    },
    /// It ends inside a record.
    CutOff {
        /// What it ends inside of.
        what: &'static str,
        /// Bytes of it that are there.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// A record or block claims a length that cannot be.
    BadLength {
        /// Which length.
        field: &'static str,
        /// The claim, bytes.
        found: u64,
        /// What would do.
        most: u64,
        /// At which byte reading goes on.
        next: Option<u64>,
    },
    /// A record whose fields do not look like one, before something that does not either.
    BadRecord {
        /// Its header, at most 16 bytes.
        found: Vec<u8>,
        /// At which byte reading goes on.
        next: Option<u64>,
    },
    /// A pcapng block whose two lengths disagree, or that is shorter than its type needs.
    BadBlock {
        /// Its first bytes, at most 12.
        found: Vec<u8>,
        /// At which byte reading goes on.
        next: Option<u64>,
    },
    /// A field of a pcapng block that cannot be.
    BadField {
        /// Its name in the format's specification.
        field: &'static str,
        /// Its value.
        found: String,
        /// What could stand there.
        expected: &'static str,
        /// What was done about it.
        done: &'static str,
    },
    /// A time that cannot be. The packet is kept.
    BadTime {
        /// The value, in the file's unit.
        found: u64,
        /// What could stand there.
        expected: &'static str,
        /// Which time the packet was given.
        done: &'static str,
    },
    /// The first packet that lies more than a second behind the one before.
    TimeBackwards {
        /// How far, ns.
        behind_ns: u64,
    },
    /// Packets of a link type that is not read here.
    UnknownLink {
        /// Index of their interface.
        interface: u32,
        /// The type.
        link: LinkType,
    },
    /// The first simple packet block, which has no time.
    SimpleBlock,
    /// The first obsolete packet block. It is read as an enhanced one, without its count of drops.
    ObsoleteBlock,
    /// A version of the format that is not known.
    BadVersion {
        /// Major and minor.
        found: (u16, u16),
        /// The one that is known.
        expected: (u16, u16),
    },
    /// The compressed bytes do not decompress.
    BadCompression {
        /// What the decoder says.
        found: String,
    },
    /// A compressed file in a compressed file.
    NestedCompression {
        /// The inner one.
        inner: Compression,
    },
    /// The source failed.
    Unreadable {
        /// What it says.
        found: String,
    },
    /// At the end: how often something came that was reported at its first time only.
    Count {
        /// Its slug.
        slug: &'static str,
        /// How many packets it concerns, the first included.
        packets: u64,
    },
}

impl Problem {
    /// A short name for it that does not change.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Problem::Empty => "empty",
            Problem::NotACapture { .. } => "not-a-capture",
            Problem::CutOff { .. } => "cut-off",
            Problem::BadLength { .. } => "bad-length",
            Problem::BadRecord { .. } => "bad-record",
            Problem::BadBlock { .. } | Problem::BadField { .. } => "bad-block",
            Problem::BadTime { .. } => "bad-time",
            Problem::TimeBackwards { .. } => "time-backwards",
            Problem::UnknownLink { .. } => "unknown-link",
            Problem::SimpleBlock => "no-time",
            Problem::ObsoleteBlock => "obsolete-block",
            Problem::BadVersion { .. } => "bad-version",
            Problem::BadCompression { .. } | Problem::NestedCompression { .. } => "bad-compression",
            Problem::Unreadable { .. } => "unreadable",
            Problem::Count { slug, .. } => slug,
        }
    }

    /// Whether nothing more of this file can be read.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Problem::Empty
            | Problem::NotACapture { .. }
            | Problem::CutOff { .. }
            | Problem::BadCompression { .. }
            | Problem::NestedCompression { .. }
            | Problem::Unreadable { .. } => true,
            Problem::BadLength { next, .. } | Problem::BadRecord { next, .. } | Problem::BadBlock { next, .. } => {
                next.is_none()
            }
            _ => false,
        }
    }

    /// The same with the byte at which reading goes on.
    pub(crate) fn resumed(self, at: u64) -> Problem {
        let next = Some(at);
        match self {
            // Something readable is behind it, so it was no end but a length that reached over the end.
            Problem::CutOff { what, found, expected } => {
                Problem::BadLength { field: what, found: expected, most: found, next }
            }
            Problem::BadLength { field, found, most, .. } => Problem::BadLength { field, found, most, next },
            Problem::BadRecord { found, .. } => Problem::BadRecord { found, next },
            Problem::BadBlock { found, .. } => Problem::BadBlock { found, next },
            other => other,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet {
            Some(packet) => write!(f, "packet {packet} at byte {}: {}", self.offset, self.problem),
            None => write!(f, "byte {}: {}", self.offset, self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Empty => f.write_str("the file is empty, expected a capture"),
            Problem::NotACapture { found } => {
                write!(f, "begins with `{}`, expected pcap or pcapng, plain, gzip or zstd", found.escape_ascii())
            }
            Problem::CutOff { what, found, expected } => {
                write!(f, "the capture is cut off: {found} of {expected} bytes of the {what} are there")
            }
            Problem::BadLength { field, found, most, next } => {
                write!(f, "{field} {found}, expected at most {most} bytes; the capture is damaged, {}", Next(*next))
            }
            Problem::BadRecord { found, next } => {
                write!(f, "{}, expected the header of a packet; the capture is damaged, {}", Hex(found), Next(*next))
            }
            Problem::BadBlock { found, next } => {
                let expected = "expected a block whose lengths agree and suffice";
                write!(f, "block {}, {expected}; the capture is damaged, {}", Hex(found), Next(*next))
            }
            Problem::BadField { field, found, expected, done } => {
                write!(f, "{field} {found}, expected {expected}; {done}")
            }
            Problem::BadTime { found, expected, done } => write!(f, "time {found}, expected {expected}; {done}"),
            Problem::TimeBackwards { behind_ns } => {
                let (s, ms) = (behind_ns / 1_000_000_000, behind_ns / 1_000_000 % 1_000);
                write!(f, "{s}.{ms:03} s behind the packet before, expected packets in the order of their times")
            }
            Problem::UnknownLink { interface, link } => {
                let known = "Ethernet, Linux cooked, raw IP or loopback";
                write!(f, "link type {} of interface {interface}, expected {known}; no datagrams are found", link.0)
            }
            Problem::SimpleBlock => f.write_str(
                "a simple packet block, expected enhanced ones; it has no time and gets that of the packet before",
            ),
            Problem::ObsoleteBlock => f.write_str(
                "an obsolete packet block, expected enhanced ones (`editcap FILE NEW` writes them); it is read",
            ),
            Problem::BadVersion { found, expected } => {
                let ((a, b), (c, d)) = (found, expected);
                write!(f, "version {a}.{b}, expected {c}.{d}; read as {c}.{d}")
            }
            Problem::BadCompression { found } => write!(f, "does not decompress: {found}; what is behind is lost"),
            Problem::NestedCompression { inner } => {
                write!(f, "{} inside a compressed file, expected a capture there", inner.name())
            }
            Problem::Unreadable { found } => write!(f, "cannot be read: {found}"),
            Problem::Count { slug, packets } => write!(f, "{slug}: {packets} packets in all"),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Next(Option<u64>);

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "reading goes on at byte {at}"),
            None => f.write_str("nothing readable was found behind"),
        }
    }
}
