"""Packets as files: pcap through scapy, and by hand what it cannot write: pcapng sections and clocks, a zstd frame."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scapy.utils import PcapWriter

PCAP_HEADER, RECORD_HEADER = 24, 16
SNAP = 262_144


@dataclass(frozen=True)
class Captured:
    """A packet as a capture has it."""

    time_ns: int
    data: bytes
    original: int
    """Bytes on the line."""
    interface: int = 0
    """Of its section."""


@dataclass(frozen=True)
class Interface:
    """What a pcapng section says of one."""

    name: str
    link: int
    digits: int = 6
    """Of its clock, behind the second."""


def pcap(packets: Sequence[Captured], link: int, *, snap: int = SNAP) -> bytes:
    """A little-endian pcap with a clock of ns."""
    file = io.BytesIO()
    writer = PcapWriter(file, linktype=link, endianness="<", nano=True, snaplen=snap)
    # The constructor takes 0, which is BSD loopback, for nothing.
    writer.linktype = link
    writer.write_header(None)
    for packet in packets:
        seconds, ns = divmod(packet.time_ns, 10**9)
        writer.write_packet(packet.data, sec=seconds, usec=ns, wirelen=packet.original)
    return file.getvalue()


def pcap_offsets(packets: Sequence[Captured]) -> list[int]:
    """Where each packet's record begins in `pcap` of them."""
    offsets, at = [], PCAP_HEADER
    for packet in packets:
        offsets.append(at)
        at += RECORD_HEADER + len(packet.data)
    return offsets


def pcapng_section(
    packets: Sequence[Captured], interfaces: Sequence[Interface], order: Literal["<", ">"], comment: str
) -> bytes:
    """A pcapng section by hand: scapy writes neither big-endian ones nor clocks finer than µs."""

    def block(kind: int, body: bytes, *options: tuple[int, bytes]) -> bytes:
        for code, value in options:
            body += struct.pack(order + "HH", code, len(value)) + _padded(value)
        body += bytes(4) if options else b""
        length = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + length + body + length

    opt_comment, if_name, if_tsresol = 1, 2, 9
    magic = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    blocks = [block(0x0A0D0D0A, magic, (opt_comment, comment.encode()))]
    for interface in interfaces:
        body = struct.pack(order + "HHI", interface.link, 0, SNAP)
        named = (if_name, interface.name.encode())
        # Six digits are the default, which is left out.
        clock = [] if interface.digits == 6 else [(if_tsresol, bytes([interface.digits]))]
        blocks.append(block(1, body, named, *clock))
    for packet in packets:
        ticks, rest = divmod(packet.time_ns, 10 ** (9 - interfaces[packet.interface].digits))
        if rest:
            raise ValueError(f"{packet.time_ns} ns is no whole number of ticks")
        times = (ticks >> 32, ticks & 0xFFFFFFFF)
        body = struct.pack(order + "IIIII", packet.interface, *times, len(packet.data), packet.original)
        blocks.append(block(6, body + _padded(packet.data)))
    return b"".join(blocks)


def gz(data: bytes) -> bytes:
    """gzip without a time in it. The bytes are those of this Python's zlib: another one may compress better."""
    return gzip.compress(data, 9, mtime=0)


def zst(data: bytes) -> bytes:
    """A zstd frame of raw blocks (RFC 8878): one segment, its size in four bytes, no checksum. Nothing is compressed.

    Python 3.11 has no zstd.
    """
    longest = 1 << 17
    parts = [data[at : at + longest] for at in range(0, len(data), longest)]
    blocks = [struct.pack("<I", len(part) << 3 | (at == len(parts) - 1))[:3] + part for at, part in enumerate(parts)]
    return bytes.fromhex("28b52ffd a0") + struct.pack("<I", len(data)) + b"".join(blocks)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
