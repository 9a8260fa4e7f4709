//! Traces from captures: the datagrams in them, with their pulses' payload and priority. Strict: a capture in which
//! something is lost or invented is refused.

use rttp_capture::{Compression, Datagram, Dissector, Found, Packet, Problem as Fault, Reader, Step, Warning};
use rttp_proto::dialects::rttp1::HEADER;
use rttp_proto::pulse::Pulse;

use super::collect::Collector;
use super::error::{Place, Problem, TraceError};
use super::fields::Row;
use super::{Format, Options, Trace};

const LINKS: &str = "Ethernet, Linux cooked, raw IP or loopback";
const DAMAGED: &str = "one whose lengths agree; the capture is damaged";

/// The format of bytes that begin as a capture does, compressed or not. A byte-order mark is looked at, too: the type
/// of a section's first block alone is four line ends.
pub(super) fn format(bytes: &[u8]) -> Option<Format> {
    if Compression::of(bytes) != Compression::None {
        let mut reader = Reader::over(bytes);
        let _ = reader.next();
        return reader.format().map(of_capture);
    }
    let magic: [u8; 4] = *bytes.first_chunk()?;
    let either = [u32::from_be_bytes(magic), u32::from_le_bytes(magic)];
    if either.iter().any(|magic| matches!(magic, 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34)) {
        return Some(Format::Pcap);
    }
    let marked = matches!(bytes.get(8..12), Some([0x1a, 0x2b, 0x3c, 0x4d] | [0x4d, 0x3c, 0x2b, 0x1a]));
    (marked && magic == *b"\n\r\r\n").then_some(Format::Pcapng)
}

const fn of_capture(format: rttp_capture::Format) -> Format {
    match format {
        rttp_capture::Format::Pcap => Format::Pcap,
        rttp_capture::Format::Pcapng => Format::Pcapng,
    }
}

pub(super) fn parse(bytes: &[u8], asked: Format, options: Options) -> Result<Trace, TraceError> {
    if format(bytes) != Some(asked) {
        let expected = format!("a {} capture", asked.name());
        return Err(TraceError::value(Place::Byte(0), "magic number", &bytes[..bytes.len().min(4)], expected));
    }
    let mut reader = Reader::over(bytes);
    let mut dissector = Dissector::of_first_fragments();
    let mut collector = Collector::lenient();
    let (mut packets, mut skipped) = (0, 0);
    loop {
        match reader.next() {
            Step::Packet(packet) => {
                packets += 1;
                match dissector.dissect(&packet) {
                    Found::Datagram(datagram) if options.port.is_none_or(|port| port == datagram.destination.port) => {
                        collector.push(place_of(&packet), packet.time_ns, &row(&datagram))?;
                    }
                    _ => skipped += 1,
                }
            }
            Step::Warning(warning) => refuse(warning)?,
            // Bytes in memory are all there.
            Step::Wait | Step::End => break,
        }
    }
    if packets > 0 && collector.is_empty() {
        return Err(TraceError::new(None, Problem::NoUdp { packets, port: options.port }));
    }
    collector.finish(asked, skipped)
}

fn place_of(packet: &Packet<'_>) -> Place {
    place(Some(packet.number), packet.offset)
}

fn place(packet: Option<u64>, offset: u64) -> Place {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    packet.map_or(Place::Byte(offset), |number| Place::Packet { number, offset })
}

/// A pulse is sent anew with a header of its own, so its own does not count; other datagrams become payload whole.
fn row(datagram: &Datagram<'_>) -> Row {
    let most = u32::MAX - 1;
    match Pulse::parse(datagram.payload) {
        Ok(pulse) => {
            let size = datagram.length.saturating_sub(HEADER as u32).min(most);
            Row { size, priority: pulse.priority().into(), ..Row::EMPTY }
        }
        Err(_) => Row { size: datagram.length.min(most), ..Row::EMPTY },
    }
}

/// What a capture's reader passes over is an error of a trace, except disorder, which the collector judges.
fn refuse(warning: Warning) -> Result<(), TraceError> {
    let place = place(warning.packet, warning.offset);
    let value =
        |column, found: &str, expected: String| Err(TraceError::value(place, column, found.as_bytes(), expected));
    match warning.problem {
        // Versions differ in nothing that is read here.
        Fault::TimeBackwards { .. } | Fault::Count { .. } | Fault::BadVersion { .. } => Ok(()),
        Fault::CutOff { found, expected, .. } => {
            let length = |n| usize::try_from(n).unwrap_or(usize::MAX);
            Err(TraceError::new(place, Problem::Cut { there: length(found), wanted: length(expected) }))
        }
        Fault::BadLength { field, found, most, .. } => {
            value(field, &found.to_string(), format!("at most {most} bytes; the capture is damaged"))
        }
        Fault::BadRecord { found, .. } => {
            value("record", &hex(&found), "the header of a packet; the capture is damaged".into())
        }
        Fault::BadBlock { found, .. } => value("block", &hex(&found), DAMAGED.into()),
        Fault::BadField { field, found, expected, .. } => value(field, &found, expected.into()),
        Fault::BadTime { found, expected, .. } if expected.starts_with("less") => {
            let expected = format!("{expected}; the capture is damaged or its unit is wrong");
            value("time", &found.to_string(), expected)
        }
        Fault::BadTime { found, expected, .. } => value("time", &found.to_string(), expected.into()),
        Fault::UnknownLink { link, .. } => value("link type", &link.0.to_string(), LINKS.into()),
        Fault::SimpleBlock => value("time", "", "enhanced packet blocks; a simple one has no time".into()),
        Fault::ObsoleteBlock => {
            let expected = "enhanced packet blocks; `editcap FILE NEW` writes them";
            value("block", "obsolete packet block", expected.into())
        }
        Fault::BadCompression { found } => value("compressed data", &found, "data that decompress to their end".into()),
        Fault::NestedCompression { inner } => {
            value("compressed data", inner.name(), "a capture that is compressed once at most".into())
        }
        other => {
            let expected = "a capture that can be read whole";
            value("capture", &other.to_string(), expected.into())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
