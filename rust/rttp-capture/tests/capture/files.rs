//! Capture files by hand, without the writer that is under test.

pub(crate) const ETHERNET: u16 = 1;
pub(crate) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Byte order of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Big,
    Little,
}

pub(crate) const ORDERS: [Order; 2] = [Order::Big, Order::Little];

impl Order {
    pub(crate) fn u16(self, n: u16) -> [u8; 2] {
        if self == Order::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(crate) fn u32(self, n: u32) -> [u8; 4] {
        if self == Order::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub(crate) fn u64(self, n: u64) -> [u8; 8] {
        if self == Order::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

pub(crate) fn pcap_header(order: Order, magic: u32, link: u16) -> Vec<u8> {
    let head = [&order.u32(magic)[..], &order.u16(2), &order.u16(4)].concat();
    [head, order.words(&[0, 0, 65_535, link.into()])].concat()
}

pub(crate) fn record(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    [order.words(&[seconds, fraction, length, length]), data.to_vec()].concat()
}

/// A µs capture, little-endian, of Ethernet.
pub(crate) fn pcap(packets: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = pcap_header(Order::Little, MICROSECONDS, ETHERNET);
    for (seconds, fraction, data) in packets {
        file.extend(record(Order::Little, *seconds, *fraction, data));
    }
    file
}

pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = order.u32((12 + body.len() + padding) as u32);
    [&order.u32(kind)[..], &length, body, &vec![0; padding], &length].concat()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &order.u64(u64::MAX)].concat();
    block(order, 0x0a0d_0d0a, &body)
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = value.len().next_multiple_of(4) - value.len();
    [&order.u16(code)[..], &order.u16(value.len() as u16), value, &vec![0; padding]].concat()
}

pub(crate) fn interface(order: Order, link: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
    let body = [&order.u16(link)[..], &[0, 0], &order.u32(snap_length), options, &[0; 4]].concat();
    block(order, 1, &body)
}

pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let head = order.words(&[interface, (ticks >> 32) as u32, ticks as u32, length, length]);
    block(order, 6, &[head, data.to_vec()].concat())
}

/// A section with one µs Ethernet interface and packets on it.
pub(crate) fn pcapng(order: Order, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = [section(order), interface(order, ETHERNET, 0, &[])].concat();
    for (ticks, data) in packets {
        file.extend(enhanced(order, 0, *ticks, data));
    }
    file
}
