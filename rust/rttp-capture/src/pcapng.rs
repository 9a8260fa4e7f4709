//! Blocks of pcapng captures (draft-ietf-opsawg-pcapng): sections, interfaces with clocks of their own, packets.

use std::io::Read;

use crate::input::Fill;
use crate::packet::{Interface, LinkType};
use crate::reader::{Look, Often, Reader, Record, Searched};
use crate::warning::Problem;

pub(crate) const MAGIC: [u8; 4] = SECTION_HEADER.to_be_bytes();
/// So many bytes have the mark of the byte order.
pub(crate) const MARKED: usize = 12;
pub(crate) const SECTION_HEADER_LENGTH: usize = 28;
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Those, and name resolution, statistics, a journal's entry, secrets, custom: what a search stops at.
const KNOWN: [u32; 11] = [SECTION_HEADER, 1, 2, 3, 4, 5, 6, 9, 10, 0x0bad, 0x4000_0bad];
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
/// Type, length, and the length again at the end.
const SHORTEST: usize = 12;
const LONGEST: usize = 16 << 20;
/// What a search believes a block to have at most.
const LONGEST_SEARCHED: usize = 256 * 1_024;
const ALIGNMENT: usize = 4;
/// Fixed parts of blocks, both lengths included.
const ENHANCED_LENGTH: usize = 32;
const SIMPLE_LENGTH: usize = 16;
const INTERFACE_LENGTH: usize = 20;
const ENHANCED_DATA: usize = 28;
const SIMPLE_DATA: usize = 12;
const MOST_INTERFACES: usize = 65_536;
/// Options kept of an interface, and of all, bytes.
const MOST_OPTIONS: usize = 64 * 1_024;
const MOST_OPTIONS_IN_ALL: usize = 16 << 20;
/// Of a name or a description, bytes.
const MOST_NAME: usize = 256;
/// What an option costs beside its value.
const OPTION: usize = size_of::<(u16, Vec<u8>)>();
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const NS_PER_S: u64 = 1_000_000_000;
const MICROSECONDS: u64 = 1_000_000;

/// Blocks up to the next section header share a byte order and interfaces.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Section {
    big: bool,
    /// Interfaces of sections before.
    before: usize,
    clocks: Vec<Clock>,
    /// Of all sections, bytes.
    options_kept: usize,
}

/// What a packet needs of its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Clock {
    ticks_per_s: u64,
    /// Of the usual resolutions, 0 for others.
    ns_per_tick: u64,
    offset_s: i64,
    snap_length: u32,
    link: LinkType,
    /// Its link type is one that nobody was told about yet.
    untold: bool,
}

/// Whether a section is big-endian, by the mark in its header; `None` where there is no such mark.
pub(crate) fn is_big(block: &[u8]) -> Option<bool> {
    match *block.get(MARKED - 4..)?.first_chunk()? {
        BIG_ENDIAN => Some(true),
        LITTLE_ENDIAN => Some(false),
        _ => None,
    }
}

#[inline]
fn word(bytes: &[u8], at: usize, big: bool) -> u32 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

#[inline]
fn half(bytes: &[u8], at: usize, big: bool) -> u16 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
    if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

impl Section {
    pub(crate) fn new(big: bool, before: usize) -> Section {
        Section { big, before, ..Section::default() }
    }

    /// The byte order of a block: a section header has its own.
    #[inline]
    fn order(&self, block: &[u8]) -> Option<bool> {
        if block.starts_with(&MAGIC) { is_big(block) } else { Some(self.big) }
    }

    /// Looks for a block of a known type whose lengths agree.
    pub(crate) fn search(&self, bytes: &[u8], ended: bool, at_damage: bool) -> Searched {
        // The damaged block itself is not looked at again. What was lost may have taken the alignment with it.
        let mut skip = usize::from(at_damage);
        while let Some(rest) = bytes.get(skip..).filter(|rest| rest.len() >= SHORTEST) {
            if let Some(length) = self.plausible_length(rest) {
                match rest.get(length - 4..length) {
                    Some(again) if rest.get(4..8) == Some(again) => return Searched::Found(skip),
                    None if !ended => return Searched::Not { skip, need: length },
                    _ => {}
                }
            }
            skip += 1;
        }
        Searched::Not { skip: skip.min(bytes.len()), need: SHORTEST + usize::from(at_damage) }
    }

    fn plausible_length(&self, block: &[u8]) -> Option<usize> {
        let big = self.order(block)?;
        let length = word(block, 4, big) as usize;
        let fits = (SHORTEST..=LONGEST_SEARCHED).contains(&length) && length.is_multiple_of(ALIGNMENT);
        (fits && KNOWN.contains(&word(block, 0, big))).then_some(length)
    }
}

impl Clock {
    #[inline]
    fn time_ns(&self, ticks: u64) -> Option<u64> {
        if self.ns_per_tick > 0 && self.offset_s == 0 {
            return ticks.checked_mul(self.ns_per_tick);
        }
        let since = i128::from(ticks) * i128::from(NS_PER_S) / i128::from(self.ticks_per_s.max(1));
        u64::try_from(since + i128::from(self.offset_s) * i128::from(NS_PER_S)).ok()
    }
}

/// `if_tsresol`.
fn ticks_per_s(if_tsresol: u8) -> Option<u64> {
    let power = u32::from(if_tsresol & 0x7f);
    if if_tsresol & 0x80 == 0 { 10u64.checked_pow(power) } else { 1u64.checked_shl(power) }
}

/// Codes and values up to the end mark, or to what is no option.
fn options(mut bytes: &[u8], big: bool) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = (half(bytes, 0, big), usize::from(half(bytes, 2, big)));
        let value = bytes.get(4..4 + length)?;
        if code == 0 {
            return None;
        }
        bytes = bytes.get(4 + length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((code, value))
    })
}

impl<S: Read> Reader<S> {
    /// The next block of a pcapng capture.
    #[inline]
    pub(crate) fn pcapng(&mut self) -> Look {
        if self.input.fill(SHORTEST) != Fill::Ready {
            return self.cut_off("block", SHORTEST);
        }
        let bytes = self.input.bytes();
        let Some(big) = self.section.order(bytes) else { return self.bad_block() };
        let (kind, length) = (word(bytes, 0, big), word(bytes, 4, big) as usize);
        if length < SHORTEST || !length.is_multiple_of(ALIGNMENT) {
            return self.bad_block();
        }
        if length > LONGEST {
            let (found, most) = (length as u64, LONGEST as u64);
            let problem = Problem::BadLength { field: "block length", found, most, next: None };
            return Look::Damage(Box::new(self.warning(self.input.offset(), problem)));
        }
        if self.input.fill(length) != Fill::Ready {
            return self.cut_off("block", length);
        }
        let block = self.input.bytes().get(..length).unwrap_or_default();
        if block.get(4..8) != block.get(length - 4..) {
            return self.bad_block();
        }
        match kind {
            ENHANCED_PACKET if length >= ENHANCED_LENGTH => {
                let interface = word(block, 8, big);
                self.enhanced(interface, length)
            }
            SECTION_HEADER | INTERFACE_DESCRIPTION | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET => {
                self.rare(kind, length, big)
            }
            _ => {
                self.input.consume(length);
                Look::Again
            }
        }
    }

    /// An enhanced packet block, or an obsolete one, which has the same fields behind the interface.
    #[inline]
    fn enhanced(&mut self, interface: u32, length: usize) -> Look {
        let (offset, big) = (self.input.offset(), self.section.big);
        let block = self.input.bytes();
        let [high, low, captured, original] = [12, 16, 20, 24].map(|at| word(block, at, big));
        let Some(clock) = self.section.clocks.get(interface as usize).copied() else {
            return self.leave_out(length, "interface", interface, "one that the capture describes");
        };
        if captured as usize > length - ENHANCED_LENGTH {
            return self.leave_out(length, "captured length", captured, "at most what its block has room for");
        }
        let ticks = u64::from(high) << 32 | u64::from(low);
        let time_ns = match clock.time_ns(ticks) {
            Some(time_ns) => time_ns,
            None => self.no_time(ticks),
        };
        self.record(interface, clock, time_ns, offset, (ENHANCED_DATA, captured, original, length))
    }

    #[inline]
    fn record(
        &mut self,
        interface: u32,
        clock: Clock,
        time_ns: u64,
        offset: u64,
        (data, captured, original, length): (usize, u32, u32, usize),
    ) -> Look {
        let index = (self.section.before as u32).saturating_add(interface);
        if clock.untold {
            if let Some(clock) = self.section.clocks.get_mut(interface as usize) {
                clock.untold = false;
            }
            self.warn(offset, Problem::UnknownLink { interface: index, link: clock.link });
        }
        self.note_time(offset, time_ns);
        self.packets += 1;
        let at = self.input.at() + data;
        self.input.consume(length);
        self.record = Record {
            offset,
            number: self.packets,
            time_ns,
            at,
            length: captured as usize,
            interface: index,
            original: original.max(captured),
            link: clock.link,
        };
        Look::Record
    }

    #[cold]
    fn rare(&mut self, kind: u32, length: usize, big: bool) -> Look {
        let needed = match kind {
            SECTION_HEADER => SECTION_HEADER_LENGTH,
            INTERFACE_DESCRIPTION => INTERFACE_LENGTH,
            SIMPLE_PACKET => SIMPLE_LENGTH,
            _ => ENHANCED_LENGTH,
        };
        let offset = self.input.offset();
        let block = self.input.bytes().get(..length).unwrap_or_default();
        if length < needed {
            let found = block.iter().take(SHORTEST).copied().collect();
            self.warn(offset, Problem::BadBlock { found, next: Some(offset + length as u64) });
            self.input.consume(length);
            return Look::Again;
        }
        match kind {
            SECTION_HEADER => {
                let version = (half(block, 12, big), half(block, 14, big));
                if version.0 != 1 {
                    self.warn(offset, Problem::BadVersion { found: version, expected: (1, 0) });
                }
                let options_kept = self.section.options_kept;
                self.section = Section { options_kept, ..Section::new(big, self.interfaces.len()) };
                self.input.consume(length);
                Look::Again
            }
            INTERFACE_DESCRIPTION => self.describe(length),
            SIMPLE_PACKET => self.simple(length),
            _ => {
                let interface = u32::from(half(block, 8, big));
                self.warn_once(Often::ObsoleteBlock, offset, Problem::ObsoleteBlock);
                self.enhanced(interface, length)
            }
        }
    }

    fn describe(&mut self, length: usize) -> Look {
        let (offset, big) = (self.input.offset(), self.section.big);
        let block = self.input.bytes().get(..length).unwrap_or_default();
        let (link, snap_length) = (LinkType(half(block, 8, big)), word(block, 12, big));
        let mut interface = Interface {
            link,
            snap_length,
            name: None,
            description: None,
            ticks_per_s: MICROSECONDS,
            options: Vec::new(),
        };
        let (mut resolution, mut offset_s, mut kept) = (None, 0, 0);
        for (code, value) in options(block.get(16..length - 4).unwrap_or_default(), big) {
            let text = || {
                let shown = value.get(..MOST_NAME).unwrap_or(value);
                Some(String::from_utf8_lossy(shown).trim_end_matches('\0').to_owned())
            };
            match code {
                IF_NAME if interface.name.is_none() => interface.name = text(),
                IF_DESCRIPTION if interface.description.is_none() => interface.description = text(),
                IF_TSRESOL => resolution = resolution.or(value.first().copied()),
                IF_TSOFFSET => {
                    let bytes = value.first_chunk().copied().unwrap_or_default();
                    offset_s = if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
                }
                _ => {}
            }
            kept += OPTION + value.len();
            if kept <= MOST_OPTIONS && self.section.options_kept + kept <= MOST_OPTIONS_IN_ALL {
                interface.options.push((code, value.to_vec()));
            }
        }
        self.section.options_kept += kept.min(MOST_OPTIONS);
        if let Some(resolution) = resolution {
            match ticks_per_s(resolution) {
                Some(ticks_per_s) => interface.ticks_per_s = ticks_per_s,
                None => {
                    let found = format!("{resolution:#04x}");
                    let expected = "a power of ten up to 19 or of two up to 63";
                    let done = "microseconds are assumed";
                    self.warn(offset, Problem::BadField { field: "if_tsresol", found, expected, done });
                }
            }
        }
        self.input.consume(length);
        if self.interfaces.len() >= MOST_INTERFACES {
            let (found, expected) = (MOST_INTERFACES.to_string(), "at most 65536 of them");
            let done = "this one and its packets are left out";
            self.warn_once(Often::BadPacket, offset, Problem::BadField { field: "interface", found, expected, done });
            return Look::Again;
        }
        let ticks_per_s = interface.ticks_per_s;
        let ns_per_tick = if NS_PER_S.is_multiple_of(ticks_per_s) { NS_PER_S / ticks_per_s } else { 0 };
        let untold = !link.is_known();
        self.section.clocks.push(Clock { ticks_per_s, ns_per_tick, offset_s, snap_length, link, untold });
        self.interfaces.push(interface);
        Look::Again
    }

    fn simple(&mut self, length: usize) -> Look {
        let (offset, big) = (self.input.offset(), self.section.big);
        let original = word(self.input.bytes(), 8, big);
        self.warn_once(Often::SimpleBlock, offset, Problem::SimpleBlock);
        let Some(clock) = self.section.clocks.first().copied() else {
            return self.leave_out(length, "interface", 0, "one that the capture describes");
        };
        let snap_length = if clock.snap_length == 0 { u32::MAX } else { clock.snap_length };
        let room = u32::try_from(length - SIMPLE_LENGTH).unwrap_or(u32::MAX);
        let captured = original.min(snap_length).min(room);
        let time_ns = self.newest_ns.unwrap_or(0);
        self.record(0, clock, time_ns, offset, (SIMPLE_DATA, captured, original, length))
    }

    /// The time that a packet gets whose own cannot be.
    #[cold]
    fn no_time(&mut self, ticks: u64) -> u64 {
        let (expected, done) = ("a time from 1970 to 2554", "the packet gets the time of the one before");
        self.warn_once(Often::BadTime, self.input.offset(), Problem::BadTime { found: ticks, expected, done });
        self.newest_ns.unwrap_or(0)
    }

    /// Passes over a packet, which has a number all the same.
    #[cold]
    fn leave_out(&mut self, length: usize, field: &'static str, found: u32, expected: &'static str) -> Look {
        let (found, done) = (found.to_string(), "the packet is left out");
        self.warn_once(Often::BadPacket, self.input.offset(), Problem::BadField { field, found, expected, done });
        self.packets += 1;
        self.input.consume(length);
        Look::Again
    }

    #[cold]
    fn bad_block(&mut self) -> Look {
        let found = self.input.bytes().iter().take(SHORTEST).copied().collect();
        Look::Damage(Box::new(self.warning(self.input.offset(), Problem::BadBlock { found, next: None })))
    }
}
