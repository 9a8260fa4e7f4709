//! Records of pcap captures (draft-ietf-opsawg-pcap), and how to find one behind damage.

use std::io::Read;

use crate::input::Fill;
use crate::packet::{Interface, LinkType};
use crate::reader::{Look, Often, Reader, Record, Searched};
use crate::warning::Problem;

pub(crate) const FILE_HEADER: usize = 24;
pub(crate) const VERSION: (u16, u16) = (2, 4);
const RECORD_HEADER: usize = 16;
/// With the interface's index and the packet's type behind, as a patch to libpcap wrote it about 2000.
const MODIFIED_HEADER: usize = 24;
const NS_PER_S: u64 = 1_000_000_000;
const DAY_S: u32 = 86_400;
/// What libpcap takes at most for the links that are read here.
pub(crate) const LONGEST: u32 = 262_144;
/// What a snap length may raise that to.
const LONGEST_SNAPPED: u32 = 1 << 20;
/// A packet on the line that is longer is not believed where there is damage.
const LONGEST_ORIGINAL: u32 = 1 << 24;

/// How the records of a file are read, and the time of the last one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Pcap {
    big: bool,
    unit_ns: u32,
    header: usize,
    longest: u32,
    link: LinkType,
    newest_s: Option<u32>,
}

/// The part of a record's header that all variants have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Pcap {
    /// `None` for what is no pcap.
    pub(crate) fn of_magic(bytes: &[u8]) -> Option<Pcap> {
        let magic = *bytes.first_chunk()?;
        let of = |magic, big| {
            let (unit_ns, header) = match magic {
                0xa1b2_c3d4_u32 => (1_000, RECORD_HEADER),
                0xa1b2_3c4d => (1, RECORD_HEADER),
                0xa1b2_cd34 => (1_000, MODIFIED_HEADER),
                _ => return None,
            };
            Some(Pcap { big, unit_ns, header, longest: LONGEST, ..Pcap::default() })
        };
        of(u32::from_le_bytes(magic), false).or_else(|| of(u32::from_be_bytes(magic), true))
    }

    /// What the file header says, and its version.
    pub(crate) fn with_header(self, header: &[u8; FILE_HEADER]) -> (Pcap, Interface, (u16, u16)) {
        let word = |at: usize| word(header.get(at..).unwrap_or_default(), self.big);
        let (version, snap_length, network) = (word(4), word(16), word(20));
        let halves = |n: u32| ((n >> 16) as u16, n as u16);
        let version = if self.big { halves(version) } else { halves(version.rotate_right(16)) };
        // The upper half of the field has flags about frame checksums.
        let link = LinkType(network as u16);
        let longest = snap_length.clamp(LONGEST, LONGEST_SNAPPED);
        let ticks_per_s = NS_PER_S / u64::from(self.unit_ns.max(1));
        let interface =
            Interface { link, snap_length, name: None, description: None, ticks_per_s, options: Vec::new() };
        (Pcap { longest, link, ..self }, interface, version)
    }

    #[inline]
    fn head(&self, bytes: &[u8]) -> Option<Head> {
        let bytes: &[u8; RECORD_HEADER] = bytes.first_chunk()?;
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| {
            let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        });
        Some(Head { seconds: a, fraction: b, captured: c, original: d })
    }

    #[inline]
    fn has_fraction(&self, fraction: u32) -> bool {
        u64::from(fraction) * u64::from(self.unit_ns) < NS_PER_S
    }

    /// Whether a header says nothing that asks for a second look.
    #[inline]
    fn is_ordinary(&self, head: &Head) -> bool {
        let near = self.newest_s.is_none_or(|newest_s| head.seconds.abs_diff(newest_s) <= DAY_S);
        // What a crash leaves behind a capture are zeros.
        let blank = head.seconds == 0 && head.captured == 0;
        near && !blank && head.captured <= head.original && self.has_fraction(head.fraction)
    }

    /// Whether a header may be one where nothing is certain: all its fields fit, and its time is near another.
    fn is_plausible(&self, head: &Head, near_s: Option<u32>) -> bool {
        (1..=LONGEST).contains(&head.captured)
            && (head.captured..=LONGEST_ORIGINAL).contains(&head.original)
            && self.has_fraction(head.fraction)
            && near_s.is_none_or(|near_s| head.seconds.abs_diff(near_s) <= DAY_S)
    }

    /// Looks for a plausible record before another or before the end.
    pub(crate) fn search(&self, bytes: &[u8], ended: bool, at_damage: bool) -> Searched {
        // The damaged record itself is not looked at again.
        let mut skip = usize::from(at_damage);
        while let Some(rest) = bytes.get(skip..).filter(|rest| rest.len() >= self.header) {
            if let Some(head) = self.head(rest).filter(|head| self.is_plausible(head, self.newest_s)) {
                let end = self.header + head.captured as usize;
                if let Some(next) = rest.get(end..).and_then(|behind| self.head(behind)) {
                    if self.is_plausible(&next, Some(head.seconds)) {
                        return Searched::Found(skip);
                    }
                } else if !ended {
                    return Searched::Not { skip, need: end + self.header };
                } else if rest.len() == end {
                    return Searched::Found(skip);
                }
            }
            skip += 1;
        }
        Searched::Not { skip: skip.min(bytes.len()), need: self.header + usize::from(at_damage) }
    }
}

impl<S: Read> Reader<S> {
    /// The next record of a pcap capture.
    #[inline]
    pub(crate) fn pcap(&mut self) -> Look {
        let pcap = self.pcap;
        if self.input.fill(pcap.header) != Fill::Ready {
            return self.cut_off("packet", pcap.header);
        }
        let offset = self.input.offset();
        let Some(head) = pcap.head(self.input.bytes()) else { return Look::End };
        if head.captured > pcap.longest {
            let (found, most) = (u64::from(head.captured), u64::from(pcap.longest));
            let problem = Problem::BadLength { field: "captured length", found, most, next: None };
            return Look::Damage(Box::new(self.warning(offset, problem)));
        }
        let length = head.captured as usize;
        if self.input.fill(pcap.header + length) != Fill::Ready {
            return self.cut_off("packet", pcap.header + length);
        }
        if !pcap.is_ordinary(&head)
            && let Some(look) = self.doubt(&head, pcap.header + length)
        {
            return look;
        }
        let time_ns = u64::from(head.seconds) * NS_PER_S + u64::from(head.fraction) * u64::from(pcap.unit_ns);
        self.note_time(offset, time_ns);
        self.pcap.newest_s = Some(head.seconds);
        let at = self.input.at() + pcap.header;
        self.input.consume(pcap.header + length);
        self.packets += 1;
        self.record = Record {
            offset,
            number: self.packets,
            time_ns,
            at,
            length,
            interface: 0,
            original: head.original.max(head.captured),
            link: pcap.link,
        };
        Look::Record
    }

    /// A header that is odd is believed if the next one could be one, or if nothing is behind it.
    #[cold]
    fn doubt(&mut self, head: &Head, end: usize) -> Option<Look> {
        let pcap = self.pcap;
        let offset = self.input.offset();
        let next = match self.input.fill(end + pcap.header) {
            Fill::Wait => return Some(Look::Wait),
            Fill::Ready | Fill::End => self.input.bytes().get(end..).and_then(|behind| pcap.head(behind)),
        };
        let fits = |head: &Head| (1..=pcap.longest).contains(&head.captured) && head.original <= LONGEST_ORIGINAL;
        if !fits(head) || next.is_some_and(|next| !fits(&next)) {
            let found = self.input.bytes().iter().take(RECORD_HEADER).copied().collect();
            return Some(Look::Damage(Box::new(self.warning(offset, Problem::BadRecord { found, next: None }))));
        }
        if !pcap.has_fraction(head.fraction) {
            let expected = if pcap.unit_ns == 1 { "less than a second in ns" } else { "less than a second in µs" };
            let done = "what is beyond a second is added";
            let problem = Problem::BadTime { found: head.fraction.into(), expected, done };
            self.warn_once(Often::BadTime, offset, problem);
        }
        None
    }

    /// What it means that fewer bytes than these are there.
    #[cold]
    pub(crate) fn cut_off(&mut self, what: &'static str, expected: usize) -> Look {
        // The rest may have come since: then the record is read anew.
        if self.input.fill(expected) != Fill::End {
            return Look::Wait;
        }
        let found = self.input.bytes().len() as u64;
        if found == 0 {
            return Look::End;
        }
        Look::Damage(Box::new(
            self.warning(self.input.offset(), Problem::CutOff { what, found, expected: expected as u64 }),
        ))
    }
}

fn word(bytes: &[u8], big: bool) -> u32 {
    let bytes = bytes.first_chunk().copied().unwrap_or_default();
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
