"""Datagrams in the packets of a link, and packets that hold no pulse; all through scapy, all with fixed bytes."""

from __future__ import annotations

import random
import struct
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert, fragment
from scapy.layers.inet6 import (
    ICMPv6ND_NS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
    fragment6,
)
from scapy.layers.l2 import ARP, LLC, STP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether, Loopback
from scapy.packet import Raw

Endpoint = tuple[str, int]
"""Address and UDP port."""

ETHERNET, NULL, RAW, LOOP, SLL, SLL2 = 1, 0, 101, 108, 113, 276
"""Link types (https://www.tcpdump.org/linktypes.html)."""
_MAC_A, _MAC_B = "02:00:00:00:00:01", "02:00:00:00:00:02"
_MAC = bytes.fromhex("020000000001")
_ETHER_TYPE = {4: 0x0800, 6: 0x86DD}


def network(source: Endpoint, destination: Endpoint, data: bytes, **ip: Any) -> Any:
    """UDP in IPv4 or IPv6 as a scapy packet, checksums computed; `ip` are fields of the IP header."""
    udp = UDP(sport=source[1], dport=destination[1]) / Raw(data)
    if ":" in source[0]:
        return IPv6(src=source[0], dst=destination[0], **ip) / udp
    return IP(src=source[0], dst=destination[0], **{"id": 0, "flags": "DF", **ip}) / udp


def on_link(packet: Any, link: int = ETHERNET) -> bytes:
    """A packet of IP with the header of a link before it."""
    version = 6 if isinstance(packet, IPv6) else 4
    if link == ETHERNET:
        return bytes(Ether(src=_MAC_A, dst=_MAC_B) / packet)
    if link == SLL:
        return bytes(CookedLinux(lladdrtype=1, lladdrlen=6, src=_MAC, proto=_ETHER_TYPE[version]) / packet)
    if link == SLL2:
        head = CookedLinuxV2(proto=_ETHER_TYPE[version], ifindex=2, lladdrtype=1, lladdrlen=6, src=_MAC)
        return bytes(head / packet)
    # AF_INET, and AF_INET6 as macOS has it. NULL is in the byte order of the host, here little-endian.
    family = 30 if version == 6 else 2
    if link == NULL:
        return bytes(Loopback(type=family) / packet)
    # scapy's own header for LOOP is that of NULL.
    return (struct.pack("!I", family) if link == LOOP else b"") + bytes(packet)


def frame(source: Endpoint, destination: Endpoint, data: bytes, link: int = ETHERNET) -> bytes:
    """A datagram in a packet of a link."""
    return on_link(network(source, destination, data), link)


def tagged(source: Endpoint, destination: Endpoint, data: bytes, vlan: int, outer: int | None = None) -> bytes:
    """Ethernet with a VLAN tag, or with two (QinQ)."""
    tags = Dot1Q(vlan=vlan) if outer is None else Dot1AD(vlan=outer) / Dot1Q(vlan=vlan)
    return bytes(Ether(src=_MAC_A, dst=_MAC_B) / tags / network(source, destination, data))


def with_options(source: Endpoint, destination: Endpoint, data: bytes) -> bytes:
    """IPv4 with an option, or IPv6 with a hop-by-hop and a destination header."""
    if ":" not in source[0]:
        return on_link(network(source, destination, data, options=[IPOption_Router_Alert()]))
    udp = UDP(sport=source[1], dport=destination[1]) / Raw(data)
    extensions = IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]) / IPv6ExtHdrDestOpt(
        options=[PadN(optdata=bytes(12))]
    )
    return on_link(IPv6(src=source[0], dst=destination[0]) / extensions / udp)


def in_fragments(source: Endpoint, destination: Endpoint, data: bytes, identification: int) -> list[bytes]:
    """A datagram in IP fragments for an MTU of 1500 bytes."""
    if ":" in source[0]:
        udp = UDP(sport=source[1], dport=destination[1]) / Raw(data)
        whole = IPv6(src=source[0], dst=destination[0]) / IPv6ExtHdrFragment(id=identification) / udp
        return [on_link(part) for part in fragment6(whole, 1500)]  # type: ignore[no-untyped-call]
    whole = network(source, destination, data, id=identification, flags=0)
    return [on_link(part) for part in fragment(whole, fragsize=1480)]  # type: ignore[no-untyped-call]


def quoted(source: Endpoint, destination: Endpoint, data: bytes) -> bytes:
    """ICMP port unreachable for a datagram, which it quotes: the quote is no datagram."""
    inner = bytes(network(source, destination, data))
    return on_link(IP(src=destination[0], dst=source[0], id=0) / ICMP(type=3, code=3) / Raw(inner))


def foreign() -> list[tuple[str, bytes]]:
    """Packets without a pulse: for each why a decoder passes over it, and its bytes on Ethernet."""
    dice = random.Random("foreign")
    host, resolver = "192.0.2.10", "192.0.2.53"
    ether = Ether(src=_MAC_A, dst=_MAC_B)
    question = DNS(id=0x1A2B, rd=1, qd=DNSQR(qname="node.example.com", qtype="A"))
    answer = DNS(
        id=0x1A2B,
        qr=1,
        qd=DNSQR(qname="node.example.com"),
        an=DNSRR(rrname="node.example.com", ttl=60, rdata="198.51.100.20"),
    )
    discover = BOOTP(op=1, chaddr=_MAC, xid=0x52545450) / DHCP(options=[("message-type", "discover"), "end"])
    # A long header of QUIC version 1 and noise behind it, then a short header.
    quic = b"\xc3\x00\x00\x00\x01\x08" + dice.randbytes(8) + b"\x00\x00\x44\xd0" + dice.randbytes(1182)
    service = DNS(id=0, qd=DNSQR(qname="_rttp._udp.local", qtype="PTR"))
    tcp = TCP(sport=40_000, dport=21_076, seq=1, flags="S")
    udp_packets = [
        network((host, 40_001), (resolver, 53), bytes(question)),
        network((resolver, 53), (host, 40_001), bytes(answer)),
        network(("0.0.0.0", 68), ("255.255.255.255", 67), bytes(discover)),
        network((host, 40_002), ("198.51.100.20", 443), quic),
        network(("198.51.100.20", 443), (host, 40_002), b"\x41" + dice.randbytes(60)),
        network((host, 5353), ("224.0.0.251", 5353), bytes(service)),
        network(("2001:db8::10", 5353), ("ff02::fb", 5353), bytes(service)),
        network((host, 40_003), ("198.51.100.20", 1900), b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\n\r\n'),
        # It begins as two dialects do, and goes on as neither.
        network((host, 40_004), ("198.51.100.20", 9999), b"RTTP/1.0 200 OK\r\n\r\n" + dice.randbytes(120)),
        network((host, 40_005), ("198.51.100.20", 9999), b""),
    ]
    not_udp = [
        IP(src=host, dst="198.51.100.20", id=0) / ICMP(type=8, id=1, seq=1) / Raw(bytes(range(48))),
        IP(src=host, dst="198.51.100.20", id=0) / tcp,
        IPv6(src="2001:db8::10", dst="2001:db8::20") / tcp,
        IPv6(src="2001:db8::10", dst="ff02::1:ff00:20") / ICMPv6ND_NS(tgt="2001:db8::20"),
    ]
    not_ip = [
        bytes(Ether(src=_MAC_A, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=_MAC_A, psrc=host, pdst="192.0.2.1")),
        bytes(Dot3(src=_MAC_A, dst="01:80:c2:00:00:00") / LLC() / STP()),
        bytes(Ether(src=_MAC_A, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(bytes.fromhex("0207040200000000010000"))),
    ]
    packets = [("other_port", on_link(packet)) for packet in udp_packets]
    packets += [("not_udp", bytes(ether / packet)) for packet in not_udp]
    packets += [("not_ip", data) for data in not_ip]
    return packets + [("damaged", data) for data in _malformed(host)]


def _malformed(host: str) -> list[bytes]:
    """IP and UDP headers that are cut off or lie."""
    good = frame((host, 40_006), ("198.51.100.20", 9999), b"never read")
    udp = 14 + 20
    return [
        # A header of 16 bytes, IP version 5, a header cut off, a UDP header cut off, a UDP length below its header.
        good[:14] + b"\x44" + good[15:],
        good[:14] + b"\x55" + good[15:],
        good[: 14 + 12],
        good[:16] + struct.pack("!H", 24) + good[18 : udp + 4],
        good[: udp + 4] + struct.pack("!H", 4) + good[udp + 6 :],
        # A hop-by-hop header of IPv6 that reaches over the end of the packet.
        bytes(
            Ether(src=_MAC_A, dst=_MAC_B)
            / IPv6(src="2001:db8::10", dst="2001:db8::20", nh=0)
            / Raw(b"\x11\x09" + bytes(6))
        ),
    ]
