//! What a capture holds: packets, the interfaces they came by, and their link types.

/// How a packet begins: its link layer (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the host that captured.
    pub const NULL: LinkType = LinkType(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: LinkType = LinkType(1);
    /// No link header: IPv4 or IPv6.
    pub const RAW: LinkType = LinkType(101);
    /// OpenBSD loopback: four bytes of address family in network byte order.
    pub const LOOP: LinkType = LinkType(108);
    /// Linux cooked, version 1.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Linux cooked, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);

    /// Its name for people; `unknown` for one whose packets are not read here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "BSD loopback",
            1 => "Ethernet",
            // 12 and 14 are what BSD's raw IP was before it had a number of its own.
            12 | 14 | 101 => "raw IP",
            108 => "OpenBSD loopback",
            113 => "Linux cooked",
            228 => "raw IPv4",
            229 => "raw IPv6",
            276 => "Linux cooked v2",
            _ => "unknown",
        }
    }

    /// Whether datagrams are found in packets of this type.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 | 276)
    }
}

/// A packet as a capture holds it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// From 1 in its file, as Wireshark counts.
    pub number: u64,
    /// Where its record begins, bytes from the start of the uncompressed file.
    pub offset: u64,
    /// When it was captured, Unix ns.
    pub time_ns: u64,
    /// Index into [`Reader::interfaces`](crate::Reader::interfaces).
    pub interface: u32,
    /// Its link layer, which is its interface's.
    pub link: LinkType,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// How many there were on the line, at least `data.len()`.
    pub original: u32,
}

/// An interface that packets were captured on. A pcap capture has one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Interface {
    /// How its packets begin.
    pub link: LinkType,
    /// Most bytes kept of a packet; 0 for no limit.
    pub snap_length: u32,
    /// Its name, such as `eth0`.
    pub name: Option<String>,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// Resolution of its times in the file.
    pub ticks_per_s: u64,
    /// Its options as they stand in the file, code and value, without the end mark; at most 64 KiB of them are kept.
    pub options: Vec<(u16, Vec<u8>)>,
}
