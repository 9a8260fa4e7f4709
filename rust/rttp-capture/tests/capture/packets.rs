//! Packets by hand, from the inside out.

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;

pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    udp_of_length(payload.len() as u16 + 8, payload)
}

/// A UDP header with any length field, from port 40000 to 21076.
pub(crate) fn udp_of_length(length: u16, payload: &[u8]) -> Vec<u8> {
    [[40_000, 21_076, length, 0].map(u16::to_be_bytes).concat(), payload.to_vec()].concat()
}

/// `flags` is the word of more-fragments (0x2000) and the offset in units of eight bytes.
pub(crate) fn ipv4_with(protocol: u8, id: u16, flags: u16, options: &[u8], body: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0];
    packet.extend(((header + body.len()) as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(flags.to_be_bytes());
    packet.extend([61, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(options);
    packet.extend(body);
    packet
}

pub(crate) fn ipv4(body: &[u8]) -> Vec<u8> {
    ipv4_with(17, 1, 0, &[], body)
}

pub(crate) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend([next, 61]);
    packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(body);
    packet
}

pub(crate) fn ethernet(ether_type: u16, body: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), body].concat()
}

/// What stands behind the EtherType of a VLAN.
pub(crate) fn vlan(id: u16, ether_type: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ether_type.to_be_bytes(), body].concat()
}

/// An Ethernet frame with a datagram.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&udp(payload)))
}
