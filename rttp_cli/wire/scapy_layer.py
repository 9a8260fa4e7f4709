# SPDX-License-Identifier: GPL-2.0-only
# scapy is GPL-2.0-only and this file subclasses it, so this file is too (LICENSES/GPL-2.0-only.txt); the rest of the
# project is MIT, and nothing in it imports this file at module level.
"""RTTP headers as scapy layers, one class per dialect, every field from the dialect table (`RTTP-1`).

`RTTP` is bound to UDP port 21076, the other dialects to no port: name them with `bind_layers` or `UDP()/RTTPRfc64()`.
A datagram that ends inside its header becomes `Raw`. The tag of a sealed pulse (its last 16 bytes) stays at the end
of the payload, since only a session can tell what is before it. Layers read and write; they do not judge
(`rttp_cli._core.parse` does), so that bad pulses can be built.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    ConditionalField,
    Field,
    FlagsField,
    IntField,
    LEIntField,
    LELongField,
    LEShortField,
    LongField,
    ShortField,
    StrFixedLenField,
    XBitField,
    XIntField,
    XShortField,
    XStrFixedLenField,
)
from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw, bind_layers

from rttp_cli import _core
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from rttp_cli._core import ByteOrder, FieldRow, Layout

PORT = 0x5254
"""21076, ASCII `RT`."""

_LAYOUTS = {(layout["name"], layout["byte_order"]): layout for layout in _core.layouts()}

_Factory = Callable[..., Any]


class _NowLongField(LongField):
    """Unix time in ns, big-endian; `None` is the time of building."""

    def i2m(self, pkt: Packet | None, x: int | None) -> int:
        return time.time_ns() if x is None else x


class _NowLELongField(LELongField):
    """Unix time in ns, little-endian; `None` is the time of building."""

    def i2m(self, pkt: Packet | None, x: int | None) -> int:
        return time.time_ns() if x is None else x


class _NowBitField(BitField):
    """Unix time in ns, 128 bits; `None` is the time of building."""

    def i2m(self, pkt: Packet | None, x: Any) -> int:
        return time.time_ns() if x is None else cast(int, x)


def _bits(factory: Callable[..., Any], size: int) -> _Factory:
    return lambda name, default: factory(name, default, 8 * size)


_UINT: dict[tuple[int, ByteOrder], _Factory] = {
    (1, "big"): ByteField,
    (1, "little"): ByteField,
    (2, "big"): ShortField,
    (2, "little"): LEShortField,
    (4, "big"): IntField,
    (4, "little"): LEIntField,
    (8, "big"): LongField,
    (8, "little"): LELongField,
    (16, "big"): _bits(BitField, 16),
}
_NOW: dict[tuple[int, ByteOrder], _Factory] = {
    (8, "big"): _NowLongField,
    (8, "little"): _NowLELongField,
    (16, "big"): _bits(_NowBitField, 16),
}
# Magic and version are known by their hex form. A computed field is `None` until it is built, which these take too.
_HEX: dict[tuple[int, ByteOrder], _Factory] = {
    (2, "big"): XShortField,
    (4, "big"): XIntField,
    (16, "big"): _bits(XBitField, 16),
}


def _field(row: FieldRow, order: ByteOrder) -> Any:
    """One row of the table as a scapy field; `now` and `computed` defaults are `None`, filled in when built."""
    name, size, default = row["name"], row["size"], row["default"]
    value = default if isinstance(default, int) else None
    key = (size, order)
    if row["type"] != "uint":
        shown = XStrFixedLenField if row["type"] == "bytes" else StrFixedLenField
        return shown(name, bytes(size), size)
    if row["rule"] == "bits":
        # FlagsField counts bits from the low end of a big-endian number: no little-endian dialect has flags.
        return FlagsField(name, value, 8 * size, {bit: flag for flag, bit in row["names"].items()})
    if row["rule"] == "one-of":
        return ByteEnumField(name, value, {number: word for word, number in row["names"].items()})
    if default == "now":
        return _NOW[key](name, None)
    if (row["rule"] == "exactly" or default == "computed") and key in _HEX:
        return _HEX[key](name, value)
    return _UINT[key](name, value)


def _only_with(field: Any, bit: int) -> Any:
    return ConditionalField(field, lambda pkt: bool(int(pkt.flags) & bit))


def _flag_bits(layout: Layout) -> dict[str, int]:
    return next((row["names"] for row in layout["fields"] if row["rule"] == "bits"), {})


def _fields(dialect: str, order: ByteOrder = "big") -> list[Field[Any, Any] | Any]:
    """The rows of a dialect, the optional ones conditional on their flag."""
    layout = _LAYOUTS[dialect, order]
    bits = _flag_bits(layout)
    rows = [(_field(row, order), row["when_flag"]) for row in layout["fields"]]
    return [field if flag is None else _only_with(field, bits[flag]) for field, flag in rows]


def _raw_when_short(cls: type[_Table], _pkt: bytes | None = None, *_args: Any, **_kwargs: Any) -> type[Packet]:
    """`Raw` for bytes that end inside the header or the tail that its flags announce."""
    if _pkt is None:
        return cls
    there = _core.parse(bytes(_pkt), *cls.dialect).fields
    layout = _LAYOUTS[cls.dialect]
    bits = _flag_bits(layout)
    flags = cast(int, there.get("flags", 0))
    wanted = (row["name"] for row in layout["fields"] if row["when_flag"] is None or flags & bits[row["when_flag"]])
    return cls if all(name in there for name in wanted) else Raw


class _Table(Packet):
    """What all dialects share: dissection that never fails, computed fields."""

    dialect: tuple[str, ByteOrder]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # scapy looks for the hook in the class's own dictionary, not in its bases.
        cls.dispatch_hook = classmethod(_raw_when_short)  # type: ignore[attr-defined]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fills each computed field that is `None` with what the codec's encoder computes."""
        for row in _LAYOUTS[self.dialect]["fields"]:
            if row["default"] == "computed" and self.getfieldval(row["name"]) is None:
                parsed = _core.parse(pkt, *self.dialect).fields
                # A text is one character a byte; the encoder takes the bytes themselves.
                given = {k: v.encode("latin-1") if isinstance(v, str) else v for k, v in parsed.items()}
                del given[row["name"]]
                end = row["offset"] + row["size"]
                pkt = pkt[: row["offset"]] + _core.emit(given, *self.dialect)[row["offset"] : end] + pkt[end:]
        return pkt + pay

    def mysummary(self) -> str:
        """One line: the dialect and its priority."""
        return f"{self.name} priority {self.getfieldval('priority')}"


_KINDS = next(row["names"] for row in _LAYOUTS["rttp1", "big"]["fields"] if row["name"] == "kind")
_ECHO = _flag_bits(_LAYOUTS["rttp1", "big"])["ECHO"]
_ANSWER = {_KINDS["PING"]: _KINDS["PONG"], _KINDS["REQUEST"]: _KINDS["RESPONSE"]}


class RTTP(_Table):
    """`rttp1`: 64 bytes, with flag FEC ten more. `sr1` matches answers by `seq_id` and kind."""

    name = "RTTP"
    dialect = ("rttp1", "big")
    fields_desc = _fields(*dialect)

    def hashret(self) -> bytes:
        """A pulse and its answer share the sequence number."""
        return int(self.seq_id).to_bytes(4, "big")

    def answers(self, other: Packet) -> int:
        """1 if this is what a responder sends back for `other` (`RTTP-6`), else 0.

        PING is answered by PONG, REQUEST by RESPONSE, another kind with flag ECHO by itself; no answer has ECHO.
        """
        if not isinstance(other, RTTP) or self.seq_id != other.seq_id or int(self.flags) & _ECHO:
            return 0
        asked = other.kind in _ANSWER or bool(int(other.flags) & _ECHO)
        return int(asked and self.kind == _ANSWER.get(other.kind, other.kind))

    def mysummary(self) -> str:
        """One line: kind, sequence number, priority, fragment, flags."""
        flags = f" [{self.flags}]" if int(self.flags) else ""
        return (
            f"RTTP {self.sprintf('%kind%')} seq {self.seq_id} priority {self.priority} "
            f"fragment {self.fragment_index}/{self.fragment_count}{flags}"
        )


class RTTPStruct74(_Table):
    """`struct74`: the published C struct, network byte order."""

    name = "RTTP struct74"
    dialect = ("struct74", "big")
    fields_desc = _fields(*dialect)


class RTTPStruct74LE(_Table):
    """`struct74` as dumped from memory on x86."""

    name = "RTTP struct74 little-endian"
    dialect = ("struct74", "little")
    fields_desc = _fields(*dialect)


class RTTPRfc64(_Table):
    """`rfc64`: the checksum is computed when it is `None`."""

    name = "RTTP rfc64"
    dialect = ("rfc64", "big")
    fields_desc = _fields(*dialect)


class RTTPPulse128(_Table):
    """`pulse128`: `action_len` is computed when it is `None`."""

    name = "RTTP pulse128"
    dialect = ("pulse128", "big")
    fields_desc = _fields(*dialect)


bind_layers(UDP, RTTP, dport=PORT)
bind_layers(UDP, RTTP, sport=PORT)
bind_layers(UDP, RTTP, sport=PORT, dport=PORT)


def pcap_bytes(datagrams: list[bytes], src: str, dst: str) -> bytes:
    """A pcap file (classic, µs) of datagrams in UDP, IP and Ethernet with good checksums; `src`, `dst` are IP:PORT."""
    import io

    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.utils import PcapWriter

    (source, sport), (target, dport) = (a.rsplit(":", 1) for a in (src, dst))
    v6 = "[" in source
    if v6 != ("[" in target):
        raise RttpError("bad-target", f"`{src}` and `{dst}` are of different address families")
    network = IPv6(src=source.strip("[]"), dst=target.strip("[]")) if v6 else IP(src=source, dst=target)
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / network / UDP(sport=int(sport), dport=int(dport))
    file = io.BytesIO()
    writer = PcapWriter(file, linktype=1)
    writer.write_header(None)
    for datagram in datagrams:
        writer.write(frame / Raw(datagram))
    return file.getvalue()


Captured = tuple[int, str, str, bytes, int, str]
"""Unix time in ns, from and to (IP:PORT), the datagram's first bytes, its whole length, a comment."""

LONGEST_COMMENT = 65_535
"""Bytes of a pcapng option."""


def write_pcapng(packets: list[Captured], comment: str) -> bytes:
    """A pcapng file with ns timestamps: datagrams of which only the first bytes are known, in UDP, IP and Ethernet.

    Lengths are those of the whole datagram, captured lengths those of what is there. There is no UDP checksum over
    IPv4; over IPv6 it is right if the bytes that are not there were zeros. Hardware addresses, hop limits are made up.
    `comment` is the section's; comments longer than `LONGEST_COMMENT` are cut.
    Raises `RttpError` bad-target for two ends of different families.
    """
    import io
    import os
    from fractions import Fraction

    from scapy.utils import RawPcapNgWriter

    class Writer(RawPcapNgWriter):
        """scapy's blocks; it writes µs only and has no options of sections and clocks, so they are added here."""

        options: tuple[tuple[int, bytes], ...] = ()

        def __init__(self) -> None:
            # It opens a file by its name; the bytes are wanted here.
            super().__init__(os.devnull)
            self.f.close()
            self.f = io.BytesIO()
            self.tsresol = 10**9

        def build_block(self, block_type: bytes, block_body: bytes, options: bytes | None = None) -> bytes:
            coded = [_number(code) + _number(len(v)) + self._add_padding(v) for code, v in self.options]
            return super().build_block(block_type, block_body, b"".join(coded) + _END_OF_OPTIONS)

    writer = Writer()
    version = _core.build_info()[0]
    writer.options = ((_COMMENT, _bounded(comment)), (_APPLICATION, f"rttp {version}".encode()))
    writer._write_block_shb()
    writer.options = ((_RESOLUTION, b"\x09"),)
    writer._write_block_idb(linktype=1)
    macs: dict[str, str] = {}
    for time_ns, src, dst, data, length, words in packets:
        for end in (src, dst):
            macs.setdefault(end, "02:00:" + (len(macs) + 1).to_bytes(4, "big").hex(":"))
        captured, original = _frame(src, dst, macs, data, length)
        writer.options = ((_COMMENT, _bounded(words)),)
        # A float has not the digits for ns of Unix time.
        seconds = cast(float, Fraction(time_ns, 10**9))
        writer._write_block_epb(captured, ifid=0, timestamp=seconds, caplen=len(captured), orglen=original)
    return cast(io.BytesIO, writer.f).getvalue()


# Options of pcapng (draft-ietf-opsawg-pcapng): any block, section header, interface description.
_COMMENT, _APPLICATION, _RESOLUTION = 1, 4, 9
_END_OF_OPTIONS = bytes(4)


def _number(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _bounded(text: str) -> bytes:
    """UTF-8 that fits an option, cut between characters."""
    return text.encode("utf-8", "replace")[:LONGEST_COMMENT].decode("utf-8", "ignore").encode()


def _frame(src: str, dst: str, macs: dict[str, str], data: bytes, length: int) -> tuple[bytes, int]:
    """The bytes of a frame that are known, and how long it was."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    (source, sport), (target, dport) = (_ip_and_port(end) for end in (src, dst))
    if (":" in source) != (":" in target):
        raise RttpError("bad-target", f"`{src}` and `{dst}` are of different address families")
    link, udp = Ether(src=macs[src], dst=macs[dst]), UDP(sport=sport, dport=dport)
    if ":" in source:
        # scapy sums what there is, and zeros add nothing but their number.
        whole = bytes(link / IPv6(src=source, dst=target) / udp / Raw(data.ljust(length, b"\0")))
        return whole[: len(whole) - length + len(data)], len(whole)
    udp.len, udp.chksum = 8 + length, 0
    there = bytes(link / IP(src=source, dst=target, flags="DF", id=0, len=28 + length) / udp / Raw(data))
    return there, len(there) - len(data) + length


def _ip_and_port(end: str) -> tuple[str, int]:
    """Of IP:PORT; an interface behind `%` means nothing in a capture."""
    host, _, port = end.rpartition(":")
    return host.strip("[]").partition("%")[0], int(port)
