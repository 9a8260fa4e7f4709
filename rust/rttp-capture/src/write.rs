//! Packets into a new capture, by the crate pcap-file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use crate::packet::{Interface, LinkType, Packet};
use crate::pcap::LONGEST;
use crate::reader::Format;

const NS_PER_S: u64 = 1_000_000_000;
/// `if_tsresol` of ns.
const NANOSECONDS: u8 = 9;
/// What a 16-bit length says at most, less what its padding takes.
const LONGEST_OPTION: usize = 65_532;
/// Why a packet cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The output failed.
    Io(io::Error),
    /// A pcap capture has one link type.
    LinkType {
        /// That of the packets before.
        first: LinkType,
        /// That of this one.
        second: LinkType,
    },
    /// pcap has 32 bits for seconds, to the year 2106.
    Time {
        /// The packet's, Unix ns.
        time_ns: u64,
    },
    /// More bytes than a pcap record may have.
    Length {
        /// The packet's.
        found: usize,
        /// What would do.
        most: usize,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Io(error) => error.fmt(f),
            WriteError::LinkType { first, second } => write!(
                f,
                "link type {} ({}) behind {} ({}), expected one in a pcap capture; pcapng can have several",
                second.0,
                second.name(),
                first.0,
                first.name()
            ),
            WriteError::Time { time_ns } => {
                write!(
                    f,
                    "time {} s, expected one before 2106 in a pcap capture; pcapng goes on to 2554",
                    time_ns / NS_PER_S
                )
            }
            WriteError::Length { found, most } => {
                write!(f, "{found} bytes, expected at most {most} in a pcap record; pcapng can have more")
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WriteError::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Writes a capture, little-endian, times in ns.
pub struct Writer<W: Write> {
    output: Output<W>,
}

enum Output<W: Write> {
    /// Its file header has the link type, which the first packet tells.
    Unbegun(W),
    Pcap(PcapWriter<W>, LinkType),
    /// With the interfaces described so far.
    Pcapng(PcapNgWriter<W>, HashMap<Interface, u32>),
    /// A file header could not be written.
    Failed,
}

impl<W: Write> Writer<W> {
    /// Begins a capture. The comment is the section's, in pcapng; pcap has no place for one.
    ///
    /// # Errors
    /// The output's.
    pub fn new(out: W, format: Format, comment: Option<&str>) -> io::Result<Writer<W>> {
        let output = match format {
            Format::Pcap => Output::Unbegun(out),
            Format::Pcapng => {
                let options = comment.map(|text| SectionHeaderOption::Comment(Cow::Owned(fitting(text).to_owned())));
                let section = SectionHeaderBlock {
                    endianness: Endianness::Little,
                    options: options.into_iter().collect(),
                    ..SectionHeaderBlock::default()
                };
                let writer = PcapNgWriter::with_section_header(out, section).map_err(io_error)?;
                Output::Pcapng(writer, HashMap::new())
            }
        };
        Ok(Writer { output })
    }

    /// Writes a packet with the interface that it came by. An interface is described before its first packet, with
    /// those of its options that mean the same in any file.
    ///
    /// # Errors
    /// The output's; in pcap also a second link type, a time beyond 2106, a packet longer than 262,144 bytes.
    pub fn packet(&mut self, interface: &Interface, packet: &Packet<'_>) -> Result<(), WriteError> {
        if matches!(self.output, Output::Unbegun(_)) {
            self.begin_pcap(packet.link).map_err(WriteError::Io)?;
        }
        match &mut self.output {
            Output::Pcap(writer, first) => {
                let second = packet.link;
                if *first != second {
                    return Err(WriteError::LinkType { first: *first, second });
                }
                let record = record(packet)?;
                writer.write_raw_packet(&record).map_err(|e| WriteError::Io(io_error(e)))?;
            }
            Output::Pcapng(writer, interfaces) => {
                let interface_id = match interfaces.get(interface) {
                    Some(known) => *known,
                    None => {
                        writer.write_pcapng_block(described(interface)).map_err(|e| WriteError::Io(io_error(e)))?;
                        let next = u32::try_from(interfaces.len()).unwrap_or(u32::MAX);
                        interfaces.insert(interface.clone(), next);
                        next
                    }
                };
                let block = EnhancedPacketBlock {
                    interface_id,
                    timestamp: Duration::from_nanos(packet.time_ns),
                    original_len: packet.original,
                    data: Cow::Borrowed(packet.data),
                    options: Vec::new(),
                };
                writer.write_pcapng_block(block).map_err(|e| WriteError::Io(io_error(e)))?;
            }
            Output::Unbegun(_) | Output::Failed => return Err(WriteError::Io(failed_before())),
        }
        Ok(())
    }

    /// Ends the capture. One without packets is whole as well.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(mut self) -> io::Result<W> {
        if matches!(self.output, Output::Unbegun(_)) {
            self.begin_pcap(LinkType::ETHERNET)?;
        }
        let mut out = match self.output {
            Output::Pcap(writer, _) => writer.into_writer(),
            Output::Pcapng(writer, _) => writer.into_inner(),
            Output::Unbegun(_) | Output::Failed => return Err(failed_before()),
        };
        out.flush()?;
        Ok(out)
    }

    fn begin_pcap(&mut self, link: LinkType) -> io::Result<()> {
        let header = PcapHeader {
            snaplen: LONGEST,
            datalink: DataLink::from(u32::from(link.0)),
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        if let Output::Unbegun(out) = std::mem::replace(&mut self.output, Output::Failed) {
            self.output = Output::Pcap(PcapWriter::with_header(out, header).map_err(io_error)?, link);
        }
        Ok(())
    }
}

fn record<'a>(packet: &Packet<'a>) -> Result<RawPcapPacket<'a>, WriteError> {
    let (found, most) = (packet.data.len(), LONGEST as usize);
    let ts_sec = u32::try_from(packet.time_ns / NS_PER_S).map_err(|_| WriteError::Time { time_ns: packet.time_ns })?;
    let incl_len = u32::try_from(found).ok().filter(|n| *n <= LONGEST).ok_or(WriteError::Length { found, most })?;
    Ok(RawPcapPacket {
        ts_sec,
        ts_frac: (packet.time_ns % NS_PER_S) as u32,
        incl_len,
        orig_len: packet.original,
        data: Cow::Borrowed(packet.data),
    })
}

fn described(interface: &Interface) -> InterfaceDescriptionBlock<'_> {
    let text = |text: &'_ Option<String>| text.as_deref().map(fitting).map(str::to_owned);
    let mut options = vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)];
    options.extend(text(&interface.name).map(|name| InterfaceDescriptionOption::IfName(Cow::Owned(name))));
    options
        .extend(text(&interface.description).map(|text| InterfaceDescriptionOption::IfDescription(Cow::Owned(text))));
    options.extend(interface.options.iter().filter_map(|(code, value)| kept(*code, value)));
    let linktype = DataLink::from(u32::from(interface.link.0));
    InterfaceDescriptionBlock { linktype, snaplen: interface.snap_length, options }
}

/// An option whose value does not depend on the byte order of the file that it is from. Name, description and clock are
/// written anew; those that pcap-file has no variant for are left out.
fn kept(code: u16, value: &[u8]) -> Option<InterfaceDescriptionOption<'_>> {
    let bytes = Cow::Borrowed(value.get(..LONGEST_OPTION.min(value.len()))?);
    let text = || Some(Cow::Borrowed(fitting(str::from_utf8(value).ok()?)));
    Some(match code {
        1 => InterfaceDescriptionOption::Comment(text()?),
        4 => InterfaceDescriptionOption::IfIpv4Addr(bytes),
        5 => InterfaceDescriptionOption::IfIpv6Addr(bytes),
        6 => InterfaceDescriptionOption::IfMacAddr(bytes),
        // Written little-endian, so as it stood.
        7 => InterfaceDescriptionOption::IfEuIAddr(u64::from_le_bytes(*value.first_chunk()?)),
        11 => InterfaceDescriptionOption::IfFilter(bytes),
        12 => InterfaceDescriptionOption::IfOs(text()?),
        13 => InterfaceDescriptionOption::IfFcsLen(*value.first()?),
        15 => InterfaceDescriptionOption::IfHardware(text()?),
        _ => return None,
    })
}

fn fitting(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_OPTION)).unwrap_or_default()
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

fn failed_before() -> io::Error {
    io::Error::other("the capture's header could not be written")
}
