//! Tiny captures by hand: packets from the inside out, then the files round them.

use rttp_proto::dialects::rttp1::Kind;
use rttp_proto::pulse::Header;
use rttp_proto::seq::SeqId;

pub(crate) const ETHERNET: u16 = 1;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;

pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    udp_of_length(port, payload.len() as u16 + 8, payload)
}

/// A UDP header with any length field.
pub(crate) fn udp_of_length(port: u16, length: u16, payload: &[u8]) -> Vec<u8> {
    let words = [40_000, port, length, 0].map(u16::to_be_bytes);
    [words.concat().as_slice(), payload].concat()
}

pub(crate) fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 0, body)
}

/// `flags` is the word of more-fragments (0x2000) and the offset in units of eight bytes.
pub(crate) fn ipv4_fragment(protocol: u8, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((body.len() as u16 + 20).to_be_bytes());
    header.extend([0, 1]);
    header.extend(flags.to_be_bytes());
    header.extend([64, protocol, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    header.extend(body);
    header
}

pub(crate) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((body.len() as u16).to_be_bytes());
    header.extend([next, 64]);
    header.extend([0; 15].iter().chain(&[1]).chain(&[0; 15]).chain(&[1]));
    header.extend(body);
    header
}

pub(crate) fn ethernet(ether_type: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(ether_type.to_be_bytes());
    frame.extend(body);
    frame
}

/// What stands behind the EtherType 0x8100 or 0x88a8.
pub(crate) fn vlan(ether_type: u16, body: &[u8]) -> Vec<u8> {
    [[0, 7].as_slice(), &ether_type.to_be_bytes(), body].concat()
}

/// An Ethernet frame with a datagram of so many bytes that are no pulse.
pub(crate) fn datagram(port: u16, length: usize) -> Vec<u8> {
    ethernet(IPV4, &ipv4(17, &udp(port, &vec![0; length])))
}

/// A pulse with a payload.
pub(crate) fn pulse(priority: u8, payload: usize) -> Vec<u8> {
    let mut header = [0xa5; 64];
    Header { priority, ..Header::new(Kind::Data, SeqId(7), 1) }.emit(&mut header);
    let mut bytes = header.to_vec();
    bytes.resize(64 + payload, 0);
    bytes
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) fn u16(self, n: u16) -> [u8; 2] {
        match self {
            Order::Big => n.to_be_bytes(),
            Order::Little => n.to_le_bytes(),
        }
    }

    pub(crate) fn u32(self, n: u32) -> [u8; 4] {
        match self {
            Order::Big => n.to_be_bytes(),
            Order::Little => n.to_le_bytes(),
        }
    }

    pub(crate) fn i64(self, n: i64) -> [u8; 8] {
        match self {
            Order::Big => n.to_be_bytes(),
            Order::Little => n.to_le_bytes(),
        }
    }
}

/// A record of a capture: seconds, fraction in the file's unit, bytes, length on the line.
pub(crate) type Record<'a> = (u32, u32, &'a [u8], usize);

pub(crate) fn pcap(order: Order, magic: u32, link_type: u16, records: &[Record<'_>]) -> Vec<u8> {
    let mut file = order.u32(magic).to_vec();
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    for word in [0, 0, 65_535, u32::from(link_type)] {
        file.extend(order.u32(word));
    }
    for (seconds, fraction, bytes, original) in records {
        for word in [*seconds, *fraction, bytes.len() as u32, *original as u32] {
            file.extend(order.u32(word));
        }
        file.extend(*bytes);
    }
    file
}

/// A µs capture of Ethernet frames, little-endian, nothing cut.
pub(crate) fn frames(packets: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let records: Vec<Record<'_>> = packets.iter().map(|(s, us, bytes)| (*s, *us, &bytes[..], bytes.len())).collect();
    pcap(Order::Little, 0xa1b2_c3d4, ETHERNET, &records)
}

pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = order.u32((12 + body.len() + padding) as u32);
    [&order.u32(kind)[..], &length, body, &vec![0; padding], &length].concat()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &order.i64(-1)].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface with its clock's options.
pub(crate) fn interface(order: Order, link_type: u16, tsresol: Option<u8>, tsoffset: Option<i64>) -> Vec<u8> {
    let mut body = [&order.u16(link_type)[..], &[0, 0], &order.u32(0)].concat();
    if let Some(resolution) = tsresol {
        body.extend([&order.u16(9)[..], &order.u16(1), &[resolution, 0, 0, 0]].concat());
    }
    if let Some(offset) = tsoffset {
        body.extend([&order.u16(14)[..], &order.u16(8), &order.i64(offset)].concat());
    }
    body.extend([0; 4]);
    block(order, 1, &body)
}

pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let words = [interface, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, bytes.len() as u32];
    let mut body = words.map(|word| order.u32(word)).concat();
    body.extend(bytes);
    block(order, 6, &body)
}
