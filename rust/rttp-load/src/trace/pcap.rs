//! Captures in the pcap format (draft-ietf-opsawg-pcap).

use pcap_parser::pcap::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use super::error::{Place, Problem, TraceError};
use super::packet::{Link, Packet, Packets};
use super::{Format, Options, Trace};

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const CAPTURED_AT: usize = 8;
const NS_PER_S: u64 = 1_000_000_000;
/// What libpcap takes at most for any link that is read here: a longer record means that the file is damaged.
const LONGEST_PACKET: u32 = 262_144;
pub(super) const LINKS: &str = "Ethernet, Linux cooked, raw IP or loopback";

/// µs and ns, either byte order.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|magic: &[u8; 4]| {
        let either = [u32::from_be_bytes(*magic), u32::from_le_bytes(*magic)];
        either.iter().any(|magic| matches!(magic, 0xa1b2_c3d4 | 0xa1b2_3c4d))
    })
}

pub(super) fn parse(bytes: &[u8], options: Options) -> Result<Trace, TraceError> {
    let magic = &bytes[..bytes.len().min(4)];
    if !has_magic(bytes) {
        return Err(TraceError::value(Place::Byte(0), "magic number", magic, "a pcap capture"));
    }
    let (mut rest, header) = parse_pcap_header(bytes)
        .map_err(|_| TraceError::new(Place::Byte(0), Problem::Cut { there: bytes.len(), wanted: FILE_HEADER }))?;
    let big = header.is_bigendian();
    let (unit_ns, unit) = if header.is_nanosecond_precision() { (1, "ns") } else { (1_000, "µs") };
    // The upper half of the field has flags about frame checksums.
    let link_type = header.network.0.cast_unsigned() as u16;
    let link = Link::of(link_type)
        .ok_or_else(|| TraceError::value(Place::Byte(20), "link type", link_type.to_string().as_bytes(), LINKS))?;
    let mut packets = Packets::new(options);
    while !rest.is_empty() {
        let place = packets.next_at(bytes.len() - rest.len());
        let captured = captured(rest, big);
        if let Some(length) = captured.filter(|n| *n > LONGEST_PACKET.max(header.snaplen)) {
            let expected = format!("at most {LONGEST_PACKET} bytes; the capture is damaged");
            return Err(TraceError::value(place, "captured length", length.to_string().as_bytes(), expected));
        }
        let frame = if big { parse_pcap_frame_be(rest) } else { parse_pcap_frame(rest) };
        let Ok((behind, frame)) = frame else {
            let wanted = RECORD_HEADER + captured.map_or(0, |n| n as usize);
            return Err(TraceError::new(place, Problem::Cut { there: rest.len(), wanted }));
        };
        let fraction_ns = u64::from(frame.ts_usec) * unit_ns;
        if fraction_ns >= NS_PER_S {
            let expected = format!("less than a second in {unit}; the capture is damaged or its unit is wrong");
            return Err(TraceError::value(place, "time", frame.ts_usec.to_string().as_bytes(), expected));
        }
        let time_ns = u64::from(frame.ts_sec) * NS_PER_S + fraction_ns;
        let original = (frame.origlen as usize).max(frame.data.len());
        packets.take(&Packet { place, link, time_ns, data: frame.data, original })?;
        rest = behind;
    }
    packets.finish(Format::Pcap)
}

/// How many bytes a record says that it holds.
fn captured(record: &[u8], big: bool) -> Option<u32> {
    let length = *record.get(CAPTURED_AT..)?.first_chunk()?;
    Some(if big { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) })
}
