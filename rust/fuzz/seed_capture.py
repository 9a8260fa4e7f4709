"""Seeds of the `capture` and `packet` targets: captures whole, damaged and compressed, and packets of every kind."""

import gzip
import struct

import seed_trace
from seed_trace import COOKED, ETHERNET, RAW_IP, block, ethernet, ipv4, ipv6, pcap, pcapng, udp

COOKED_2, LOOPBACK, UNKNOWN = 276, 0, 147


def zstd(data: bytes) -> bytes:
    """One frame with one block, not compressed."""
    return struct.pack("<IBH", 0xFD2FB528, 0x60, len(data) - 256) + (1 | len(data) << 3).to_bytes(3, "little") + data


def options(data: bytes) -> bytes:
    """An IPv4 packet with four bytes of options in front of its body."""
    return bytes([0x46]) + data[1:2] + struct.pack(">H", len(data) + 4) + data[4:20] + bytes([1] * 4) + data[20:]


def fragments(body: bytes) -> list[bytes]:
    """A datagram as two Ethernet frames."""
    return [ethernet(ipv4(body[:16], flags=0x2000), 0x0800), ethernet(ipv4(body[16:], flags=2), 0x0800)]


def with_bytes(data: bytes, at: int, new: bytes) -> bytes:
    """The data with some of them replaced."""
    return data[:at] + new + data[at + len(new) :]


def packet(link: int, data: bytes, lost: int = 0) -> bytes:
    """What the target `packet` takes."""
    return struct.pack(">HB", link, lost) + data


FOUR, SIX = ipv4(udp(b"hello wo")), ipv6(udp(b"hello wo"))
FRAMES = [ethernet(FOUR, 0x0800), ethernet(SIX, 0x8100, 0x86DD), *fragments(udp(b"hello world, hello"))]
WHOLE = pcap(FRAMES)
WHOLE_NG = pcapng(FRAMES, "<", 9)
SECOND = 24 + 16 + len(FRAMES[0])
INTERFACE = block("<", 1, struct.pack("<HHI", ETHERNET, 0, 4) + bytes(4))
SIMPLE = block("<", 3, struct.pack("<I", 900) + b"abcd")
OBSOLETE = block(">", 2, struct.pack(">HHIIII", 0, 1, 0, 5, 3, 3) + b"abc")
MODIFIED = pcap([], magic=0xA1B2CD34) + struct.pack("<IIII8x", 1, 1, len(FRAMES[0]), len(FRAMES[0])) + FRAMES[0]

CAPTURES = [
    b"",
    b"time,size\n0,5\n",
    *seed_trace.captures(),
    WHOLE,
    MODIFIED,
    with_bytes(WHOLE, SECOND + 8, b"\xff" * 4),
    with_bytes(WHOLE, SECOND + 8, b"\x20"),
    WHOLE[:SECOND] + bytes(64) + WHOLE[SECOND:],
    with_bytes(WHOLE_NG, len(WHOLE_NG) - 4, b"\xff"),
    WHOLE_NG[:100] + b"\xa5" * 8 + WHOLE_NG[100:],
    pcapng([], "<", 6) + INTERFACE + SIMPLE,
    pcapng([], ">", 6) + OBSOLETE,
    pcap(FRAMES, link=UNKNOWN),
    gzip.compress(WHOLE, mtime=0) + gzip.compress(b"", mtime=0),
    gzip.compress(WHOLE, mtime=0)[:-9],
    gzip.compress(gzip.compress(WHOLE, mtime=0), mtime=0),
    zstd(WHOLE_NG),
    bytes.fromhex("502a4d1803000000616263") + zstd(WHOLE_NG),
    zstd(WHOLE_NG)[:-1],
    bytes.fromhex("28b52ffd00a8010000"),
]
PACKETS = [
    packet(ETHERNET, b""),
    *(packet(ETHERNET, frame) for frame in FRAMES),
    packet(ETHERNET, FRAMES[0][:45], lost=200),
    packet(ETHERNET, ethernet(options(FOUR), 0x0800)),
    packet(ETHERNET, ethernet(SIX, 0x88A8, 0x8100, 0x86DD)),
    packet(ETHERNET, ethernet(ipv4(bytes(20), 6), 0x0800)),
    packet(ETHERNET, ethernet(bytes(28), 0x0806)),
    packet(ETHERNET, ethernet(with_bytes(FOUR, 2, b"\xea\x60"), 0x0800)),
    packet(ETHERNET, ethernet(with_bytes(FOUR, 24, b"\xea\x60"), 0x0800)),
    packet(ETHERNET, ethernet(with_bytes(FOUR, 24, b"\0\7"), 0x0800)),
    packet(ETHERNET, ethernet(with_bytes(with_bytes(SIX, 4, b"\0\0"), 44, b"\0\0"), 0x86DD)),
    packet(ETHERNET, ethernet(ipv6(bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(b"x"), following=0), 0x86DD)),
    packet(ETHERNET, ethernet(ipv6(bytes([17, 0, 0, 1, 0, 0, 0, 1]) + udp(bytes(8)), following=44), 0x86DD)),
    packet(RAW_IP, FOUR),
    packet(RAW_IP, SIX),
    packet(COOKED, bytes(14) + b"\x08\0" + FOUR),
    packet(COOKED_2, b"\x86\xdd" + bytes(18) + SIX),
    packet(LOOPBACK, b"\2\0\0\0" + FOUR),
    packet(LOOPBACK, b"\0\0\0\x1e" + SIX),
    packet(UNKNOWN, FOUR),
]
