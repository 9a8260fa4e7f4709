//! The UDP datagram in a packet: link layer, VLAN tags, IPv4 or IPv6, fragments, UDP.
//!
//! Nearly every packet is Ethernet, cooked or raw, with an IP header of the shortest form: those are read at fixed
//! offsets, all others by etherparse. Where both can answer they agree, which a property test holds them to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket,
    LenSource,
};

use crate::defrag::{Defragmenter, Fragment, Key};
use crate::packet::{LinkType, Packet};

const UDP_HEADER: usize = 8;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_UDP: u8 = 17;
/// `AF_INET`, and what `AF_INET6` is on Linux, NetBSD, FreeBSD and macOS.
const FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

/// An address and a UDP port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// IPv6, or IPv4 as `::ffff:a.b.c.d`.
    pub address: [u8; 16],
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The address, IPv4 as such.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }

    #[inline]
    fn v4(address: [u8; 4], port: u16) -> Endpoint {
        // As one number: sixteen stores of a byte would make every copy of it wait for them.
        let mapped = 0xffff_0000_0000 | u128::from(u32::from_be_bytes(address));
        Endpoint { address: mapped.to_be_bytes(), port }
    }
}

impl fmt::Display for Endpoint {
    /// `10.0.0.1:21076`, `[::1]:21076`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip(), self.port).fmt(f)
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub source: Endpoint,
    /// Where it went.
    pub destination: Endpoint,
    /// What was captured of its payload.
    pub payload: &'a [u8],
    /// The length of its payload on the line, bytes.
    pub length: u32,
    /// Id of the outermost VLAN tag.
    pub vlan: Option<u16>,
    /// Time to live or hop limit; of the first fragment if it came in several.
    pub hop_limit: u8,
    /// Whether it came in several IP fragments.
    pub reassembled: bool,
}

/// What a packet holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// A UDP datagram.
    Datagram(Datagram<'a>),
    /// An IP fragment that waits for others.
    Fragment,
    /// Something else.
    Foreign(Foreign),
}

/// Why a packet holds no datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Foreign {
    /// Its link type is not read here.
    LinkType,
    /// Neither IPv4 nor IPv6.
    NotIp,
    /// IP with another protocol.
    NotUdp,
    /// Headers that are cut off or lie; a fragment that was not captured whole.
    Damaged,
}

impl Foreign {
    /// `link-type`, `not-ip`, `not-udp` or `damaged`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Foreign::LinkType => "link-type",
            Foreign::NotIp => "not-ip",
            Foreign::NotUdp => "not-udp",
            Foreign::Damaged => "damaged",
        }
    }
}

/// Finds datagrams in packets, and puts those together that came in fragments.
#[derive(Debug)]
pub struct Dissector {
    defragmenter: Option<Defragmenter>,
}

impl Default for Dissector {
    fn default() -> Dissector {
        Dissector::new()
    }
}

impl Dissector {
    /// One that reassembles: at most 256 datagrams at a time, 4 MiB in all, for 30 s of capture time; the oldest makes
    /// room.
    #[must_use]
    pub fn new() -> Dissector {
        Dissector { defragmenter: Some(Defragmenter::default()) }
    }

    /// One for which the first fragment stands for its datagram: it has the whole length, of the payload what the
    /// fragment holds, and comes when the fragment does. Later fragments are [`Found::Fragment`].
    #[must_use]
    pub fn of_first_fragments() -> Dissector {
        Dissector { defragmenter: None }
    }

    /// What a packet holds. A reassembled payload lives in the dissector until the next call.
    #[inline]
    pub fn dissect<'a>(&'a mut self, packet: &Packet<'a>) -> Found<'a> {
        match simple(packet) {
            Some(datagram) => Found::Datagram(datagram),
            None => self.dissect_any(packet),
        }
    }

    /// Fragments given up: too old, too many, not whole, or with content that others contradict.
    #[must_use]
    pub fn fragments_dropped(&self) -> u64 {
        self.defragmenter.as_ref().map_or(0, Defragmenter::dropped)
    }

    /// Fragments that wait for others.
    #[must_use]
    pub fn fragments_waiting(&self) -> u64 {
        self.defragmenter.as_ref().map_or(0, Defragmenter::waiting)
    }

    #[inline(never)]
    fn dissect_any<'a>(&'a mut self, packet: &Packet<'a>) -> Found<'a> {
        match part(packet) {
            Err(foreign) => Found::Foreign(foreign),
            Ok((part, None)) => part.datagram(part.room),
            Ok((part, Some(fragment))) => match &mut self.defragmenter {
                None if fragment.start == 0 => part.datagram(usize::from(u16::MAX)),
                None => Found::Fragment,
                Some(defragmenter) => reassemble(defragmenter, packet, &part, fragment),
            },
        }
    }
}

/// The datagram of a packet with the shortest headers; `None` for anything else, which [`Dissector::dissect`] may know.
#[inline]
#[must_use]
pub fn simple<'a>(packet: &Packet<'a>) -> Option<Datagram<'a>> {
    let data = packet.data;
    let (ip_at, ether_type) = match packet.link {
        LinkType::ETHERNET => (14, half(data, 12)?),
        LinkType::RAW => (0, if data.first()? >> 4 == 4 { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 }),
        LinkType::LINUX_SLL => (16, half(data, 14)?),
        LinkType::LINUX_SLL2 => (20, half(data, 0)?),
        _ => return None,
    };
    let ip = data.get(ip_at..)?;
    // A capture's packets are far below 4 GiB.
    let line = (packet.original as usize).checked_sub(ip_at)?;
    match ether_type {
        ETHERTYPE_IPV4 => simple_ipv4(ip, line),
        ETHERTYPE_IPV6 => simple_ipv6(ip, line),
        _ => None,
    }
}

#[inline]
fn simple_ipv4(ip: &[u8], line: usize) -> Option<Datagram<'_>> {
    let (head, behind): (&[u8; 28], _) = ip.split_first_chunk()?;
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let unfragmented = u16::from_be_bytes([head[6], head[7]]) & 0x3fff == 0;
    let udp = usize::from(u16::from_be_bytes([head[24], head[25]]));
    if head[0] != 0x45 || head[9] != PROTOCOL_UDP || !unfragmented || total < head.len() || udp < UDP_HEADER {
        return None;
    }
    let length = (udp - UDP_HEADER).min(total.min(line).checked_sub(head.len())?);
    Some(Datagram {
        source: Endpoint::v4([head[12], head[13], head[14], head[15]], u16::from_be_bytes([head[20], head[21]])),
        destination: Endpoint::v4([head[16], head[17], head[18], head[19]], u16::from_be_bytes([head[22], head[23]])),
        payload: behind.get(..length).unwrap_or(behind),
        length: length as u32,
        vlan: None,
        hop_limit: head[8],
        reassembled: false,
    })
}

#[inline]
fn simple_ipv6(ip: &[u8], line: usize) -> Option<Datagram<'_>> {
    let (head, behind): (&[u8; 48], _) = ip.split_first_chunk()?;
    let room = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let udp = usize::from(u16::from_be_bytes([head[44], head[45]]));
    if head[0] >> 4 != 6 || head[6] != PROTOCOL_UDP || room < UDP_HEADER || udp < UDP_HEADER {
        return None;
    }
    let length = (udp - UDP_HEADER).min((room + 40).min(line).checked_sub(head.len())?);
    let address = |at: usize| head.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
    Some(Datagram {
        source: Endpoint { address: address(8), port: u16::from_be_bytes([head[40], head[41]]) },
        destination: Endpoint { address: address(24), port: u16::from_be_bytes([head[42], head[43]]) },
        payload: behind.get(..length).unwrap_or(behind),
        length: length as u32,
        vlan: None,
        hop_limit: head[7],
        reassembled: false,
    })
}

#[inline]
fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// What IP carries: a UDP datagram or a fragment of one.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    /// Addresses, ports still 0.
    source: Endpoint,
    destination: Endpoint,
    vlan: Option<u16>,
    hop_limit: u8,
    /// What was captured behind the IP headers.
    payload: &'a [u8],
    /// How much that was on the line.
    room: usize,
    reassembled: bool,
}

impl<'a> Part<'a> {
    /// The datagram in it. `room` is what its length is believed up to.
    fn datagram(&self, room: usize) -> Found<'a> {
        let Some((head, behind)) = self.payload.split_first_chunk::<UDP_HEADER>() else {
            return Found::Foreign(Foreign::Damaged);
        };
        let [from, to, udp] = [[head[0], head[1]], [head[2], head[3]], [head[4], head[5]]].map(u16::from_be_bytes);
        let udp = match usize::from(udp) {
            // RFC 2675: longer than the field can say.
            0 => self.room,
            udp => udp.min(room),
        };
        let Some(length) = udp.checked_sub(UDP_HEADER) else { return Found::Foreign(Foreign::Damaged) };
        Found::Datagram(Datagram {
            source: Endpoint { port: from, ..self.source },
            destination: Endpoint { port: to, ..self.destination },
            payload: behind.get(..length).unwrap_or(behind),
            length: u32::try_from(length).unwrap_or(u32::MAX),
            vlan: self.vlan,
            hop_limit: self.hop_limit,
            reassembled: self.reassembled,
        })
    }
}

fn slice<'a>(packet: &Packet<'a>) -> Result<LaxSlicedPacket<'a>, Foreign> {
    let data = packet.data;
    let ip = |bytes| LaxSlicedPacket::from_ip(bytes).map_err(|_| Foreign::Damaged);
    let cooked = |header: usize, ether_type: usize| {
        let ether_type = half(data, ether_type).ok_or(Foreign::Damaged)?;
        let behind = data.get(header..).ok_or(Foreign::Damaged)?;
        Ok(LaxSlicedPacket::from_ether_type(EtherType(ether_type), behind))
    };
    match packet.link.0 {
        1 => LaxSlicedPacket::from_ethernet(data).map_err(|_| Foreign::Damaged),
        12 | 14 | 101 | 228 | 229 => ip(data),
        0 | 108 => {
            let (family, behind) = data.split_first_chunk().ok_or(Foreign::Damaged)?;
            let either = [u32::from_be_bytes(*family), u32::from_le_bytes(*family)];
            if either.iter().any(|family| FAMILIES.contains(family)) { ip(behind) } else { Err(Foreign::NotIp) }
        }
        113 => cooked(16, 14),
        276 => cooked(20, 0),
        _ => Err(Foreign::LinkType),
    }
}

/// What IP carries in any packet, by etherparse.
fn part<'a>(packet: &Packet<'a>) -> Result<(Part<'a>, Option<Fragment>), Foreign> {
    let sliced = slice(packet)?;
    let vlan = sliced.link_exts.iter().find_map(|extension| match extension {
        LaxLinkExtSlice::Vlan(vlan) => Some(vlan.vlan_identifier().value()),
        LaxLinkExtSlice::Macsec(_) => None,
    });
    let stopped = sliced.stop_err.is_some();
    let Some(net) = sliced.net else { return Err(if stopped { Foreign::Damaged } else { Foreign::NotIp }) };
    let Some(ip) = net.ip_payload_ref() else { return Err(Foreign::NotIp) };
    if ip.ip_number != IpNumber::UDP {
        // It stopped inside of what may have led to UDP.
        let unknown =
            stopped && (ip.ip_number.is_ipv6_ext_header_value() || ip.ip_number == IpNumber::AUTHENTICATION_HEADER);
        return Err(if unknown { Foreign::Damaged } else { Foreign::NotUdp });
    }
    let at = ip.payload.as_ptr().addr().saturating_sub(packet.data.as_ptr().addr());
    let line = (packet.original as usize).saturating_sub(at.min(packet.data.len()));
    let room = room(&net, ip).map_or(line, |claimed| claimed.min(line));
    let (source, destination, hop_limit) = match &net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            (Endpoint::v4(header.source(), 0), Endpoint::v4(header.destination(), 0), header.ttl())
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let endpoint = |address| Endpoint { address, port: 0 };
            (endpoint(header.source()), endpoint(header.destination()), header.hop_limit())
        }
        LaxNetSlice::Arp(_) => return Err(Foreign::NotIp),
    };
    let part = Part { source, destination, vlan, hop_limit, payload: ip.payload, room, reassembled: false };
    Ok((part, if ip.fragmented { fragment(&net) } else { None }))
}

/// The length of what IP carries, by its header; `None` where that says nothing.
fn room(net: &LaxNetSlice<'_>, ip: &LaxIpPayloadSlice<'_>) -> Option<usize> {
    if !ip.incomplete {
        return (ip.len_source != LenSource::Slice).then_some(ip.payload.len());
    }
    // Cut by the snap length: what is missing is missing at the end.
    let (claimed, there) = match net {
        LaxNetSlice::Ipv4(four) => {
            let options = four.header().slice().len();
            (
                usize::from(four.header().total_len()).checked_sub(options)?,
                four.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len()),
            )
        }
        LaxNetSlice::Ipv6(six) => (usize::from(six.header().payload_length()), six.extensions().slice().len()),
        LaxNetSlice::Arp(_) => return None,
    };
    claimed.checked_sub(there)
}

/// Which fragment a packet is; `None` if it is none after all.
fn fragment(net: &LaxNetSlice<'_>) -> Option<Fragment> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let (offset, more) = (header.fragments_offset(), header.more_fragments());
            Some(Fragment { id: header.identification().into(), start: offset.byte_offset(), offset, more })
        }
        LaxNetSlice::Ipv6(ip) => ip.extensions().clone().into_iter().find_map(|extension| match extension {
            Ipv6ExtensionSlice::Fragment(header) => {
                let (offset, more) = (header.fragment_offset(), header.more_fragments());
                Some(Fragment { id: header.identification(), start: offset.byte_offset(), offset, more })
            }
            _ => None,
        }),
        LaxNetSlice::Arp(_) => None,
    }
}

fn reassemble<'a>(
    defragmenter: &'a mut Defragmenter,
    packet: &Packet<'a>,
    part: &Part<'a>,
    fragment: Fragment,
) -> Found<'a> {
    if part.room != part.payload.len() || part.payload.is_empty() {
        defragmenter.refuse();
        return Found::Foreign(Foreign::Damaged);
    }
    let key = Key {
        source: part.source.address,
        destination: part.destination.address,
        id: fragment.id,
        vlan: part.vlan,
        interface: packet.interface,
    };
    match defragmenter.add(key, packet.time_ns, part.hop_limit, fragment, part.payload) {
        None => Found::Fragment,
        Some((payload, hop_limit)) => {
            let whole = Part { payload, hop_limit, room: payload.len(), reassembled: true, ..*part };
            whole.datagram(whole.room)
        }
    }
}

#[cfg(test)]
#[path = "datagram/tests.rs"]
mod tests;
