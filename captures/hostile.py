"""Scenes of broken rules, one for each slug that a datagram can show (RTTP-3.3), and damaged files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Literal

from containers import Interface, pcap, pcap_offsets, pcapng_section
from frames import ETHERNET, RAW, SLL2, frame
from ledger import Scene
from sender import FLAGS, MS, START_NS, US, Sender
from traffic import HOST, HOST6, NODE, NODE6, PORT, SERVICE

from rttp_cli import _core

TRAIN = 40
"""Valid pulses around the offenders."""
Offence = tuple[bytes, int]
"""A datagram and the offset at which its rule is broken."""
Offender = Callable[[Sender, int], list[Offence]]


def header(sender: Sender, time_ns: int, **values: Any) -> bytes:
    """What the sender's next pulse would be, with fields that break a rule."""
    base: dict[str, Any] = {"priority": 128}
    if sender.dialect == "rttp1":
        base |= {"seq_id": sender.number % 2**32, "rpki_fingerprint": sender.who, "semantic_vector": sender.who[:8]}
    return _core.emit(base | values, sender.dialect, now_ns=time_ns)


def _truncated(sender: Sender, now: int) -> list[Offence]:
    fec = header(sender, now, flags=FLAGS["FEC"], fec_repair=2)
    sealed = header(sender, now, flags=FLAGS["SEALED"]) + bytes(15)
    return [(header(sender, now)[:40], 40), (b"", 0), (fec[:70], 70), (sealed, 79)]


def _bad_version(sender: Sender, now: int) -> list[Offence]:
    return [(header(sender, now, version=2) + b"next year's", 0), (b"\0" * 100, 0)]


def _unknown_kind(sender: Sender, now: int) -> list[Offence]:
    return [(header(sender, now, kind=kind) + bytes(64), 3) for kind in (0x00, 0x06, 0xFF)]


def _unknown_flag(sender: Sender, now: int) -> list[Offence]:
    return [(header(sender, now, flags=flags) + bytes(64), 2) for flags in (0x01, 0x0F, 0xA8)]


def _fragment_count_zero(sender: Sender, now: int) -> list[Offence]:
    return [(header(sender, now, fragment_count=0) + b"of nothing", 60)]


def _fragment_range(sender: Sender, now: int) -> list[Offence]:
    fec = {"flags": FLAGS["FEC"], "fec_repair": 2, "fragment_count": 4, "fragment_index": 6}
    return [(header(sender, now, fragment_count=4, fragment_index=4), 62), (header(sender, now, **fec) + bytes(9), 62)]


def _fec_inconsistent(sender: Sender, now: int) -> list[Offence]:
    fec = FLAGS["FEC"]
    return [
        (header(sender, now, flags=fec, fec_scheme=2, fec_repair=1) + bytes(9), 64),
        (header(sender, now, flags=fec, fec_repair=0) + bytes(9), 65),
        (header(sender, now, flags=fec, fec_repair=255, fragment_count=65_400) + bytes(9), 65),
    ]


def _oversized(sender: Sender, now: int) -> list[Offence]:
    return [(header(sender, now) + bytes(65_508 - 64), 65_507)]


def _bad_magic(sender: Sender, now: int) -> list[Offence]:
    return [(b"RTTQ" + header(sender, now)[4:], 0), (b"\0" * 64, 0)]


def _bad_checksum(sender: Sender, now: int) -> list[Offence]:
    data = header(sender, now, bid=5)
    return [(data[:62] + bytes([data[62] ^ 0x40, data[63]]) + b"rest", 62), (data[:57] + b"\x03" + data[58:], 62)]


def _bad_block(sender: Sender, now: int) -> list[Offence]:
    action = {"spec_rev": 1, "action": b"say-hello"}
    return [
        (header(sender, now, spec_rev=2), 102),
        (header(sender, now, **action, action_len=17), 104),
        (header(sender, now, spec_rev=1, action=b"Say-Hello"), 105),
        (header(sender, now, **action, reserved=bytes(6) + b"\x01"), 127),
        (header(sender, now, spec_rev=0, action=b"say-hello"), 104),
    ]


OFFENDERS: dict[str, tuple[str, str, Offender]] = {
    "truncated": ("rttp1", "40 bytes, none, a tail of six, a tag of fifteen", _truncated),
    "bad-version": ("rttp1", "version 2, and zeros", _bad_version),
    "unknown-kind": ("rttp1", "kinds 0x00, 0x06 and 0xff", _unknown_kind),
    "unknown-flag": ("rttp1", "flags 0x01, 0x0f and 0xa8", _unknown_flag),
    "fragment-count-zero": ("rttp1", "a message of no fragments", _fragment_count_zero),
    "fragment-range": ("rttp1", "fragment 4 of 4, and 6 of 4 and 2 repair symbols", _fragment_range),
    "fec-inconsistent": ("rttp1", "scheme 2, no repair symbols, more than 65,535 in all", _fec_inconsistent),
    "oversized": ("rttp1", "65,508 bytes over IPv6, of which 256 bytes of packet are kept", _oversized),
    "bad-magic": ("rfc64", "RTTQ, and zeros", _bad_magic),
    "bad-checksum": ("rfc64", "one bit of the checksum, and one of the header", _bad_checksum),
    "bad-block": ("pulse128", "revision 2, an action of 17, with capitals, reserved bytes, revision 0", _bad_block),
}
"""By slug: dialect, offenders in words, and what makes them. `amplification` is the verdict of an answering node."""


def malicious() -> list[Scene]:
    """Offenders of each slug inside a train of valid pulses."""
    return [_malicious(slug, *row) for slug, row in OFFENDERS.items()]


def _malicious(slug: str, dialect: str, words: str, offender: Offender) -> Scene:
    name = f"malicious-{slug}.pcap"
    scene = Scene(
        name,
        "a train of valid pulses with offenders in it, written by scapy as pcap with ns",
        f"{TRAIN} valid {dialect} pulses, and between them, from the same socket, what is refused as {slug}: {words}.",
        f"{name} --filter 'reject == {slug}'",
        # A magic that is none names no dialect.
        options=["--dialect", "rfc64"] if slug == "bad-magic" else [],
    )
    six = slug == "oversized"
    source, destination = ((HOST6, 50_900), (NODE6, PORT)) if six else ((HOST, 50_900), SERVICE)
    sender = Sender(scene, source, destination, dialect, first=1000)
    answers = Sender(scene, destination, source, dialect, first=1000)
    for turn in range(TRAIN // 2):
        now = START_NS + turn * MS
        if turn == TRAIN // 4:
            for at, (data, offset) in enumerate(offender(sender, now)):
                keep = 256 if six else None
                sender.offend(now - 900 * US + at * 100 * US, data, slug, offset, keep=keep)
        sender.send(now, b"valid")
        answers.send(now + 500 * US, b"valid")
    scene.sort()
    return scene


def two_interfaces() -> tuple[Scene, bytes]:
    """Two sections of different byte order with two interfaces each, and the file."""
    scene = Scene(
        "two-interfaces.pcapng",
        "scenes of traffic, written by hand as pcapng: scapy writes one byte order and one clock",
        "A little-endian section with an Ethernet interface of µs and a raw IP one of ns, then a big-endian section "
        "with a Linux cooked v2 interface of ns and an Ethernet one of ms; 15 pulses on each, the same flow on the "
        "first two.",
        "two-interfaces.pcapng --fields packet,time_ns,interface,source,seq_id",
    )
    sections: list[tuple[Literal["<", ">"], list[Interface]]] = [
        ("<", [Interface("eth0", ETHERNET), Interface("tun0", RAW, 9)]),
        (">", [Interface("any", SLL2, 9), Interface("eth1", ETHERNET, 3)]),
    ]
    parts = []
    for number, (order, interfaces) in enumerate(sections):
        one = Scene(scene.name, "", "", "")
        for index, interface in enumerate(interfaces):
            _on_interface(one, number, index, interface)
        one.sort()
        scene.packets += one.packets
        parts.append(pcapng_section(one.captured(), interfaces, order, f"section {number}"))
    return scene, b"".join(parts)


def _on_interface(scene: Scene, section: int, index: int, interface: Interface) -> None:
    # The interfaces of the first section see one flow in turns, so that its numbers are in order.
    port = 51_000 if section == 0 else 51_001 + index
    sender = Sender(scene, (HOST, port), SERVICE)
    for turn in range(15):
        sender.number = 2 * turn + index if section == 0 else turn
        now = START_NS + section * 100 * MS + turn * 4 * MS + index * 2 * MS
        put, data = sender.pulse(now, interface.name.encode())
        tick = 10 ** (9 - interface.digits)
        arrived = (now + 300 * US + turn) // tick * tick
        packet = frame(put.source, put.destination, data, interface.link)
        scene.add(arrived, packet, put, interface=index)


def truncated() -> tuple[Scene, bytes, list[dict[str, Any]]]:
    """A file that ends inside a record: what is whole, the file, and its warning."""
    scene = _train("truncated.pcap", "A train of 60 pulses; the file ends in the middle of the 55th's record.")
    packets = scene.captured()
    at = pcap_offsets(packets)[54]
    data = pcap(packets, ETHERNET)[: at + 16 + 50]
    scene.packets = scene.packets[:54]
    return scene, data, [{"packet": 55, "offset": at, "slug": "cut-off"}]


def bit_flipped() -> tuple[Scene, bytes, list[dict[str, Any]]]:
    """Records whose lengths lie: what is good around them, the file, and its warnings."""
    scene = _train(
        "bit-flipped.pcap",
        "A train of 60 pulses. One bit is flipped in the length of the 21st record, which then claims a GiB, and one "
        "in that of the 41st, which then reaches into the next.",
    )
    packets = scene.captured()
    offsets = pcap_offsets(packets)
    data = bytearray(pcap(packets, ETHERNET))
    for record, bit in ((20, 1 << 30), (40, 1 << 5)):
        at = offsets[record] + 8
        (length,) = struct.unpack_from("<I", data, at)
        struct.pack_into("<I", data, at, length ^ bit)
    scene.packets = [packet for at, packet in enumerate(scene.packets) if at not in (20, 40)]
    # A record that cannot be read has no number, so the second is found before packet 40.
    return (
        scene,
        bytes(data),
        [
            {"packet": 21, "offset": offsets[20], "slug": "bad-length"},
            {"packet": 40, "offset": offsets[40], "slug": "bad-record"},
        ],
    )


def _train(name: str, holds: str) -> Scene:
    scene = Scene(name, "a train of pulses, written by scapy as pcap with ns, then damaged by hand", holds, name)
    sender = Sender(scene, (HOST, 51_100), (NODE, PORT), first=500)
    for turn in range(60):
        # 144 bytes a packet: the bit of 32 in its length is clear.
        sender.send(START_NS + turn * 2 * MS, sender.dice.randbytes(38), kind="STREAM")
    return scene
