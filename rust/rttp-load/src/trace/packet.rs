//! From a captured packet to the datagram in it: link layer, IP, UDP, and the pulse if it is one.

use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxNetSlice, LaxSlicedPacket, UdpHeader, UdpHeaderSlice,
};
use rttp_proto::dialects::rttp1::HEADER;
use rttp_proto::pulse::Pulse;

use super::collect::Collector;
use super::error::{Place, Problem, TraceError};
use super::fields::Row;
use super::{Format, Options, Trace};

/// Where a packet's IP header is (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Ethernet,
    /// No link header at all.
    Ip,
    /// BSD loopback: four bytes of address family, in either byte order.
    Loopback,
    /// Linux cooked: a header of so many bytes, with the EtherType at an offset.
    Cooked {
        header: usize,
        ether_type: usize,
    },
}

/// `AF_INET`, and what `AF_INET6` is on Linux, NetBSD, FreeBSD and macOS.
const FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

impl Link {
    /// The link type of a capture, `None` for one that is not read here.
    pub(super) const fn of(link_type: u16) -> Option<Link> {
        match link_type {
            0 | 108 => Some(Link::Loopback),
            1 => Some(Link::Ethernet),
            // 12 and 14 are what BSD's raw IP was before it had a number of its own; 228 and 229 are one version each.
            12 | 14 | 101 | 228 | 229 => Some(Link::Ip),
            113 => Some(Link::Cooked { header: 16, ether_type: 14 }),
            276 => Some(Link::Cooked { header: 20, ether_type: 0 }),
            _ => None,
        }
    }

    fn slice(self, data: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match self {
            Link::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
            Link::Ip => LaxSlicedPacket::from_ip(data).ok(),
            Link::Loopback => {
                let (family, packet) = data.split_first_chunk()?;
                let known = |family| FAMILIES.contains(&family);
                let is_ip = known(u32::from_be_bytes(*family)) || known(u32::from_le_bytes(*family));
                if is_ip { LaxSlicedPacket::from_ip(packet).ok() } else { None }
            }
            Link::Cooked { header, ether_type } => {
                let kind = u16::from_be_bytes(*data.get(ether_type..)?.first_chunk()?);
                Some(LaxSlicedPacket::from_ether_type(EtherType(kind), data.get(header..)?))
            }
        }
    }
}

/// A packet as a capture holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) place: Place,
    pub(super) link: Link,
    pub(super) time_ns: u64,
    /// The bytes that were captured.
    pub(super) data: &'a [u8],
    /// How many there were on the line.
    pub(super) original: usize,
}

/// Packets on their way to a trace.
#[derive(Debug)]
pub(super) struct Packets {
    collector: Collector,
    options: Options,
    seen: u64,
    skipped: u64,
}

impl Packets {
    pub(super) fn new(options: Options) -> Packets {
        Packets { collector: Collector::lenient(), options, seen: 0, skipped: 0 }
    }

    /// The place of the next packet, whose record begins at `offset`.
    pub(super) fn next_at(&self, offset: usize) -> Place {
        Place::Packet { number: self.seen + 1, offset }
    }

    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Result<(), TraceError> {
        self.seen += 1;
        let datagram = Datagram::of(packet).filter(|d| self.options.port.is_none_or(|port| port == d.port));
        let Some(datagram) = datagram else {
            self.skipped += 1;
            return Ok(());
        };
        self.collector.push(packet.place, packet.time_ns, &datagram.row())
    }

    pub(super) fn finish(self, format: Format) -> Result<Trace, TraceError> {
        if self.seen > 0 && self.collector.is_empty() {
            return Err(TraceError::new(None, Problem::NoUdp { packets: self.seen, port: self.options.port }));
        }
        self.collector.finish(format, self.skipped)
    }
}

/// A UDP datagram, or the first fragment of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Datagram<'a> {
    port: u16,
    /// Its payload's length, bytes, captured or not.
    length: usize,
    /// What was captured of the payload.
    payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    fn of(packet: &Packet<'a>) -> Option<Datagram<'a>> {
        let sliced = packet.link.slice(packet.data)?;
        let net = sliced.net?;
        let ip = net.ip_payload_ref()?;
        if ip.ip_number != IpNumber::UDP || is_later_fragment(&net) {
            return None;
        }
        let header = UdpHeaderSlice::from_slice(ip.payload).ok()?;
        let behind = &ip.payload[UdpHeader::LEN..];
        let room = room(packet, ip).saturating_sub(UdpHeader::LEN);
        let length = match usize::from(header.length()) {
            // RFC 2675: longer than the field can say.
            0 => room,
            // The field speaks of the whole datagram, its first fragment is shorter.
            length if ip.fragmented => length.checked_sub(UdpHeader::LEN)?,
            length => length.checked_sub(UdpHeader::LEN)?.min(room),
        };
        let payload = behind.get(..length).unwrap_or(behind);
        Some(Datagram { port: header.destination_port(), length, payload })
    }

    /// A pulse is sent anew with a header of its own, so its own does not count; other datagrams become payload whole.
    fn row(&self) -> Row {
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX - 1);
        match Pulse::parse(self.payload) {
            Ok(pulse) => {
                Row { size: size(self.length.saturating_sub(HEADER)), priority: pulse.priority().into(), ..Row::EMPTY }
            }
            Err(_) => Row { size: size(self.length), ..Row::EMPTY },
        }
    }
}

/// Bytes that IP had room for, of a packet that was cut by the capture's snap length too.
fn room(packet: &Packet<'_>, ip: &LaxIpPayloadSlice<'_>) -> usize {
    if ip.incomplete {
        // What is incomplete reaches to the end of what was captured, so its start is known.
        packet.original.saturating_sub(packet.data.len() - ip.payload.len())
    } else {
        ip.payload.len()
    }
}

fn is_later_fragment(net: &LaxNetSlice<'_>) -> bool {
    match net {
        LaxNetSlice::Ipv4(ip) => ip.header().fragments_offset().value() > 0,
        LaxNetSlice::Ipv6(ip) => ip.extensions().clone().into_iter().any(|extension| match extension {
            Ipv6ExtensionSlice::Fragment(fragment) => fragment.fragment_offset().value() > 0,
            _ => false,
        }),
        LaxNetSlice::Arp(_) => false,
    }
}
