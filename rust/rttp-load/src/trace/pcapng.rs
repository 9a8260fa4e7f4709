//! Captures in the pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces with clocks of their own, packets.
//!
//! Blocks are framed here, so that pcap-parser sees whole ones of the three types that count, and no others: 0.17
//! subtracts without a check from the length of some that we do not need.

use pcap_parser::pcapng::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, parse_enhancedpacketblock_be,
    parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};

use super::error::{Place, Problem, TraceError};
use super::packet::{Link, Packet, Packets};
use super::pcap::LINKS;
use super::{Format, Options, Trace};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const LENGTH_AT: usize = 4;
const BYTE_ORDER_AT: usize = 8;
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
/// Type, length, and the length again at the end.
const SHORTEST_BLOCK: usize = 12;
const NS_PER_S: i128 = 1_000_000_000;

/// The byte-order mark is looked at, too: the block type alone is four line ends.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&SECTION_HEADER.to_be_bytes()) && is_big_section(bytes).is_some()
}

pub(super) fn parse(bytes: &[u8], options: Options) -> Result<Trace, TraceError> {
    if !has_magic(bytes) {
        let magic = &bytes[..bytes.len().min(4)];
        return Err(TraceError::value(Place::Byte(0), "magic number", magic, "a pcapng capture"));
    }
    let mut packets = Packets::new(options);
    let mut section = Section { big: false, interfaces: Vec::new() };
    let mut rest = bytes;
    while !rest.is_empty() {
        let place = packets.next_at(bytes.len() - rest.len());
        let (kind, block, behind) = section.frame(rest, place)?;
        match kind {
            SECTION_HEADER => {
                let big = is_big_section(block).ok_or_else(|| damaged(block, place))?;
                section = Section { big, interfaces: Vec::new() };
            }
            INTERFACE_DESCRIPTION => section.describe(block, place)?,
            ENHANCED_PACKET => packets.take(&section.packet(block, place)?)?,
            SIMPLE_PACKET => {
                let expected = "enhanced packet blocks; a simple one has no time";
                return Err(TraceError::value(place, "time", b"", expected));
            }
            OBSOLETE_PACKET => {
                let expected = "enhanced packet blocks; `editcap FILE NEW` writes them";
                return Err(TraceError::value(place, "block", b"obsolete packet block", expected));
            }
            _ => {}
        }
        rest = behind;
    }
    packets.finish(Format::Pcapng)
}

/// Blocks up to the next section header share a byte order and interfaces.
#[derive(Debug)]
struct Section {
    big: bool,
    /// As many as the file has blocks for.
    interfaces: Vec<Interface>,
}

impl Section {
    fn word(&self, block: &[u8], at: usize) -> Option<u32> {
        let bytes = *block.get(at..)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The type of the first block, all of it, and what is behind it.
    fn frame<'a>(&self, rest: &'a [u8], place: Place) -> Result<(u32, &'a [u8], &'a [u8]), TraceError> {
        let cut = |wanted| TraceError::new(place, Problem::Cut { there: rest.len(), wanted });
        let kind = self.word(rest, 0).ok_or_else(|| cut(SHORTEST_BLOCK))?;
        // A section header has its own byte order, and a type that is the same in both.
        let length = match is_big_section(rest).filter(|_| kind == SECTION_HEADER) {
            Some(big) => Section { big, interfaces: Vec::new() }.word(rest, LENGTH_AT),
            None => self.word(rest, LENGTH_AT),
        };
        let length = length.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| cut(SHORTEST_BLOCK))?;
        if length < SHORTEST_BLOCK {
            return Err(damaged(rest, place));
        }
        let (block, behind) = rest.split_at_checked(length).ok_or_else(|| cut(length))?;
        // The length stands at both ends.
        if block[LENGTH_AT..LENGTH_AT + 4] != block[length - 4..] {
            return Err(damaged(block, place));
        }
        Ok((kind, block, behind))
    }

    fn describe(&mut self, block: &[u8], place: Place) -> Result<(), TraceError> {
        let parse = if self.big { parse_interfacedescriptionblock_be } else { parse_interfacedescriptionblock_le };
        let (_, interface) = parse(block).map_err(|_| damaged(block, place))?;
        self.interfaces.push(Interface::of(&interface, self.big, place)?);
        Ok(())
    }

    fn packet<'a>(&self, block: &'a [u8], place: Place) -> Result<Packet<'a>, TraceError> {
        let parse = if self.big { parse_enhancedpacketblock_be } else { parse_enhancedpacketblock_le };
        let (_, packet) = parse(block).map_err(|_| damaged(block, place))?;
        let EnhancedPacketBlock { if_id, ts_high, ts_low, caplen, origlen, data, .. } = packet;
        let refuse = |column, found: String, expected| TraceError::value(place, column, found.as_bytes(), expected);
        let interface = usize::try_from(if_id).ok().and_then(|i| self.interfaces.get(i));
        let interface =
            interface.ok_or_else(|| refuse("interface", if_id.to_string(), "one that the capture describes"))?;
        let link_type = interface.link_type;
        let link = Link::of(link_type).ok_or_else(|| refuse("link type", link_type.to_string(), LINKS))?;
        let ticks = u64::from(ts_high) << 32 | u64::from(ts_low);
        let time_ns =
            interface.time_ns(ticks).ok_or_else(|| refuse("time", ticks.to_string(), "a time from 1970 to 2554"))?;
        // pcap-parser leaves the padding on.
        let data = usize::try_from(caplen).ok().and_then(|n| data.get(..n)).unwrap_or(data);
        let original = usize::try_from(origlen).unwrap_or(usize::MAX).max(data.len());
        Ok(Packet { place, link, time_ns, data, original })
    }
}

/// Whether a section is big-endian, by the mark in its header; `None` where there is no such mark.
fn is_big_section(block: &[u8]) -> Option<bool> {
    match *block.get(BYTE_ORDER_AT..)?.first_chunk()? {
        BIG_ENDIAN => Some(true),
        LITTLE_ENDIAN => Some(false),
        _ => None,
    }
}

fn damaged(block: &[u8], place: Place) -> TraceError {
    let hex: String = block.iter().take(SHORTEST_BLOCK).map(|byte| format!("{byte:02x}")).collect();
    TraceError::value(place, "block", hex.as_bytes(), "one whose lengths agree; the capture is damaged")
}

/// An interface that packets were captured on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Interface {
    link_type: u16,
    ticks_per_s: u64,
    offset_s: i64,
}

impl Interface {
    fn of(block: &InterfaceDescriptionBlock<'_>, big: bool, place: Place) -> Result<Interface, TraceError> {
        let ticks_per_s = ticks_per_s(block.if_tsresol).ok_or_else(|| {
            let found = format!("{:#04x}", block.if_tsresol);
            TraceError::value(place, "if_tsresol", found.as_bytes(), "a power of ten up to 19 or of two up to 63")
        })?;
        let link_type = block.linktype.0.cast_unsigned() as u16;
        Ok(Interface { link_type, ticks_per_s, offset_s: offset_s(block, big) })
    }

    fn time_ns(&self, ticks: u64) -> Option<u64> {
        let since = i128::from(ticks) * NS_PER_S / i128::from(self.ticks_per_s);
        u64::try_from(since + i128::from(self.offset_s) * NS_PER_S).ok()
    }
}

/// `if_tsresol`. pcap-parser 0.17 refuses every power of two (it compares the byte with its top bit still set).
fn ticks_per_s(if_tsresol: u8) -> Option<u64> {
    let power = u32::from(if_tsresol & 0x7f);
    if if_tsresol & 0x80 == 0 { 10u64.checked_pow(power) } else { 1u64.checked_shl(power) }
}

/// `if_tsoffset`. pcap-parser 0.17 reads it as little-endian in sections of either byte order.
fn offset_s(block: &InterfaceDescriptionBlock<'_>, big: bool) -> i64 {
    let option = block.options.iter().find(|option| option.code == OptionCode::IfTsoffset);
    let bytes = option.and_then(|option| option.value().first_chunk());
    bytes.map_or(0, |b| if big { i64::from_be_bytes(*b) } else { i64::from_le_bytes(*b) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_tick_in_powers_of_ten_and_of_two() {
        for (if_tsresol, ticks, ns) in
            [(6, 1_500_000, 1_500_000_000), (9, 7, 7), (0, 3, 3_000_000_000), (0x8a, 512, 500_000_000), (19, 99, 0)]
        {
            let ticks_per_s = ticks_per_s(if_tsresol).unwrap();
            assert_eq!(
                Interface { link_type: 1, ticks_per_s, offset_s: 0 }.time_ns(ticks),
                Some(ns),
                "{if_tsresol:#x}"
            );
        }
        assert_eq!(ticks_per_s(20), None);
        assert_eq!(ticks_per_s(0xc0), None);
        assert_eq!(ticks_per_s(0xbf), Some(1 << 63));
    }

    #[test]
    fn a_time_outside_the_range_is_none_and_no_overflow() {
        let clock = |ticks_per_s, offset_s| Interface { link_type: 1, ticks_per_s, offset_s };
        assert_eq!(clock(1, i64::MIN).time_ns(u64::MAX), None);
        assert_eq!(clock(1, i64::MAX).time_ns(u64::MAX), None);
        assert_eq!(clock(1, -5).time_ns(4), None);
        assert_eq!(clock(1, -5).time_ns(6), Some(1_000_000_000));
    }
}
