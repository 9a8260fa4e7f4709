"""Seeds of the `trace` target: texts that show each rule, and captures of a few packets. `seed.py` writes them."""

import struct
from itertools import product

ETHERNET, RAW_IP, COOKED = 1, 101, 113

TEXTS = [
    "",
    "0.5,512,7,3\n0.5015,0,255,65535\n",
    "time;size\r\n1e-3;5\r\n;6",
    "# made by hand\n\n  0 1 2 3\n0.1\t4  5\t6\n",
    "size\ttime\n\t0\n9\t1\n",
    "1700000000.123456789\n1700000000.1234567891\n",
    "0.7\n0.5\n",
    "0\n31536001\n",
    "-1",
    "nan",
    "0,4294967295",
    "0,1,256",
    "0,1,2,0",
    "0,1,2,3,4",
    "1e99999999999999999999",
    '{"time": 0.25, "size": 512, "priority": 7, "fragments": 3}\n{"time_ns": 250000001}\n',
    '{"time": 0, "time_ns": 0}',
    '{"time": NaN}',
    '{"time": "1"}',
    '{"when": 1}',
    '{"%s\\u001b": 0}' % ("k" * 200),
]


def udp(payload: bytes, port: int = 21076) -> bytes:
    """A datagram."""
    return struct.pack(">HHHH", 40_000, port, 8 + len(payload), 0) + payload


def ipv4(body: bytes, protocol: int = 17, flags: int = 0) -> bytes:
    """`flags`: more fragments is 0x2000, the rest an offset in units of eight bytes."""
    ends = bytes([127, 0, 0, 1]) * 2
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, flags, 64, protocol, 0) + ends + body


def ipv6(body: bytes, following: int = 17) -> bytes:
    """`following` is the type of the body, or of its first extension header."""
    return struct.pack(">IHBB", 6 << 28, len(body), following, 64) + bytes(15) + b"\1" + bytes(15) + b"\1" + body


def ethernet(body: bytes, *ether_types: int) -> bytes:
    """The last type is the body's, those before it are VLAN tags."""
    tags = b"".join(kind.to_bytes(2, "big") + b"\0\7" for kind in ether_types[:-1])
    return bytes(12) + tags + ether_types[-1].to_bytes(2, "big") + body


def pcap(packets: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = ETHERNET, lost: int = 0) -> bytes:
    """`lost` bytes of every packet lie beyond the snap length."""
    records = (
        struct.pack(order + "IIII", 1, i, len(packet), len(packet) + lost) + packet for i, packet in enumerate(packets)
    )
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, link) + b"".join(records)


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block, padded."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(packets: list[bytes], order: str, resolution: int) -> bytes:
    """One section, one interface with a clock of its own."""
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack(order + "HHBxxxHHq", 9, 1, resolution, 14, 8, 3) + bytes(4)
    interface = block(order, 1, struct.pack(order + "HHI", ETHERNET, 0, 0) + options)
    enhanced = (
        block(order, 6, struct.pack(order + "IIIII", 0, 0, 1_000 + i, len(packet), len(packet)) + packet)
        for i, packet in enumerate(packets)
    )
    return section + interface + b"".join(enhanced)


def captures() -> list[bytes]:
    """Captures of every kind, whole, cut and unfit."""
    pulse = bytes([1, 200, 0, 0x10]) + bytes(56) + b"\0\1\0\0" + bytes(10)
    four, six = ipv4(udp(pulse)), ipv6(udp(b"hello"))
    first = ipv4(struct.pack(">HHHH", 1, 2, 3_000, 0) + bytes(16), flags=0x2000)
    later = ipv6(bytes([17, 0, 0, 0x80, 0, 0, 0, 1]) + bytes(8), following=44)
    frames = [ethernet(four, 0x0800), ethernet(six, 0x88A8, 0x8100, 0x86DD), ethernet(ipv4(b"", 6), 0x0800)]
    fragments = [ethernet(first, 0x0800), ethernet(later, 0x86DD)]
    whole = pcap(frames)
    return [
        *(pcap(frames, order, magic) for order, magic in product("<>", (0xA1B2C3D4, 0xA1B23C4D))),
        pcap(fragments),
        pcap([frame[:60] for frame in frames], lost=90),
        pcap([four, six], link=RAW_IP),
        pcap([bytes(14) + b"\x08\0" + four], link=COOKED),
        pcap([b"\2\0\0\0" + four], link=0),
        whole[:-1],
        *(pcapng(frames, order, resolution) for order, resolution in product("<>", (9, 0x8A))),
        pcapng(frames, "<", 6) + pcapng(fragments, ">", 6),
        pcapng(frames, "<", 6)[:-5],
        pcapng(frames, "<", 20),
        # pcap-parser 0.17 subtracts twelve from the length of a process information block, whatever it is.
        pcapng([], "<", 6) + struct.pack("<IIII", 0x80000001, 4, 4, 0),
    ]


SEEDS = [*(text.encode() for text in TEXTS), b"0\n\x1f\x8b\xff", *captures()]
