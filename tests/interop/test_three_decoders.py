"""Three readers of the captures of captures/: `rttp decode`, the scapy layers, tshark with the generated dissector.

They must agree on which packet holds a pulse, on its dialect and on every field of its header; `rttp decode` and tshark
also on the reject and its offset, on times and ports. scapy does not judge. What differs, differs by design:

- `rttp decode` remembers what a flow is, tshark looks at each datagram alone. So a datagram that breaks a rule of its
  flow is compared with what tshark says when it is told the flow's dialect.
- A column holds 64 bits: 128-bit numbers beyond are absent from our rows.
- JSON envelopes are no pulses to scapy and tshark.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Ether
from scapy.packet import Packet
from scapy.utils import RawPcapNgReader, RawPcapReader
from test_wireshark import flat, run

from rttp_cli import _core
from rttp_cli.decode.wireshark import dissector
from rttp_cli.wire import scapy_layer

CAPTURES = Path(__file__).parents[2] / "captures"
DAMAGED = {"truncated.pcap", "bit-flipped.pcap"}
"""tshark stops at damage."""
SIDECARS = {path.name.removesuffix(".json"): json.loads(path.read_text()) for path in sorted(CAPTURES.glob("*.json"))}
GOOD = [name for name in SIDECARS if name not in DAMAGED]
LAYERS = {
    "rttp1": scapy_layer.RTTP,
    "struct74": scapy_layer.RTTPStruct74,
    "struct74-little": scapy_layer.RTTPStruct74LE,
    "rfc64": scapy_layer.RTTPRfc64,
    "pulse128": scapy_layer.RTTPPulse128,
}
LAYOUTS = {
    layout["name"] + ("-little" if layout["byte_order"] == "little" else ""): layout for layout in _core.layouts()
}
LINKS: dict[int, type[Packet]] = {1: Ether, 113: CookedLinux, 276: CookedLinuxV2}

GROUNDS = {"default": "none"}
"""Where tshark has another word."""

Header = dict[str, int | str]
"""Fields by name: numbers, bytes as hex, text."""


def ours(name: str, *options: str) -> dict[int, dict[str, Any]]:
    """Rows of `rttp decode --jsonl` by packet; envelopes are left out."""
    command = [sys.executable, "-c", "from rttp_cli.cli import main; main()", "decode", str(CAPTURES / name), "--jsonl"]
    done = subprocess.run([*command, "--payload", *options], capture_output=True, text=True, timeout=60, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    by_packet = {row["packet"]: row for row in rows if row["dialect"] != "json"}
    assert len(by_packet) == sum(row["dialect"] != "json" for row in rows)
    return by_packet


def our_header(row: dict[str, Any]) -> Header:
    """The header fields of a row, names turned back into numbers."""
    found: Header = {}
    for field in LAYOUTS[row["dialect"]]["fields"]:
        value = row.get(field["name"])
        if value is None:
            continue
        if field["name"] == "flags":
            # Bits have the names of rttp1 in every dialect; a bit without a name is written as a number.
            names = next(f["names"] for f in LAYOUTS["rttp1"]["fields"] if f["name"] == "flags")
            parts = [part for part in str(value).split("|") if part]
            value = sum(names[part] if part in names else int(part, 0) for part in parts)
        elif isinstance(value, str) and field["type"] == "uint":
            value = field["names"][value] if value in field["names"] else int(value, 0)
        found[field["name"]] = value
    return found


class Tshark:
    """tshark on one capture after the other, each dissected as often as a dialect is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "rttp.lua"
        self.script.write_text(dissector(), encoding="utf-8")
        self.script.chmod(0o644)

    def read(self, name: str, *preferences: str) -> dict[int, dict[str, str]]:
        """The dissector's fields of each packet that has a pulse, with its time and ports."""
        path = self.folder / name
        path.write_bytes((CAPTURES / name).read_bytes())
        path.chmod(0o644)
        options = [part for preference in preferences for part in ("-o", preference)]
        shown = run(self.folder, "-X", f"lua_script:{self.script}", "-r", str(path), *options, "-T", "json")
        packets: dict[int, dict[str, str]] = {}
        for number, packet in enumerate(json.loads(shown), 1):
            layers = packet["_source"]["layers"]
            assert int(layers["frame"]["frame.number"]) == number
            # What an ICMP error quotes is inside of its layer, and is no pulse.
            if "rttp" in layers and "icmp" not in layers:
                fields = {
                    "time": layers["frame"]["frame.time_epoch"],
                    "source_port": layers["udp"]["udp.srcport"],
                    "destination_port": layers["udp"]["udp.dstport"],
                }
                flat(layers["rttp"], fields, [])
                packets[number] = fields
        return packets


@pytest.fixture(scope="module")
def tshark() -> Iterator[Tshark]:
    """In a folder that every user can read (see `test_wireshark`)."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Tshark(Path(name))


def dialect_of(fields: dict[str, str]) -> str:
    return fields["rttp.dialect"] + ("-little" if fields["rttp.byte_order"] == "little" else "")


def tsharks_header(fields: dict[str, str]) -> Header:
    layout = LAYOUTS[dialect_of(fields)]
    prefix = "rttp" if layout["name"] == "rttp1" else f"rttp.{layout['name']}"
    found: Header = {}
    for row in layout["fields"]:
        name = f"{prefix}.{row['name']}"
        if name not in fields:
            continue
        if row["type"] == "uint":
            found[row["name"]] = int(fields[f"{name}.decimal"]) if row["size"] == 16 else int(fields[name], 0)
        else:
            found[row["name"]] = fields[name].replace(":", "") if row["type"] == "bytes" else fields[name]
    return found


def datagrams(name: str) -> dict[int, bytes]:
    """UDP payloads as scapy finds them, by the packet that completes them."""
    found, waiting = {}, dict[tuple[object, ...], list[Packet]]()
    for number, packet in enumerate(packets_of(name), 1):
        udp = packet.getlayer(UDP)
        if is_fragment(packet):
            udp = reassembled(waiting.setdefault(key(packet), []), packet)
        # What an ICMP error quotes is no datagram. Behind the datagram may be the link's padding.
        if udp is not None and udp.len > 8 and not packet.haslayer(ICMP):
            found[number] = bytes(udp.payload)[: udp.len - 8]
    return found


def packets_of(name: str) -> Iterator[Packet]:
    """scapy's packets, each by the link type of its interface."""
    path = str(CAPTURES / name)
    # It reads gzip by itself, and no zstd: that has the packets of another capture, as a test of its own says.
    path = path.replace("session.pcapng.zst", "session.pcap")
    if name.endswith(".pcapng"):
        # It forgets no interface at the end of a section, and takes those of the first for those of the second.
        head = b"\x0a\x0d\x0d\x0a"
        for section in Path(path).read_bytes().split(head)[1:]:
            # Annotated as the path of a file; it takes a file too.
            reader: Any = RawPcapNgReader(io.BytesIO(head + section))  # type: ignore[arg-type]
            for data, about in reader:
                yield of_link(data, about.linktype)
    else:
        file = RawPcapReader(path)
        for data, _ in file:
            yield of_link(data, file.linktype)


def of_link(data: bytes, link: int) -> Packet:
    if link in (0, 101, 108):
        # scapy knows only this host's number of AF_INET6.
        data = data if link == 101 else data[4:]
        return IP(data) if data[0] >> 4 == 4 else IPv6(data)
    return LINKS[link](data)


def is_fragment(packet: Packet) -> bool:
    return IPv6ExtHdrFragment in packet or (IP in packet and bool(packet[IP].frag or packet[IP].flags.MF))


def key(fragment: Packet) -> tuple[object, ...]:
    if IPv6ExtHdrFragment in fragment:
        return fragment[IPv6].src, fragment[IPv6ExtHdrFragment].id
    return fragment[IP].src, fragment[IP].id


def reassembled(waiting: list[Packet], latest: Packet) -> Packet | None:
    """The datagram, once its fragments leave no gap and the last one is there."""
    waiting.append(latest)
    parts = []
    for packet in waiting:
        part = packet[IPv6ExtHdrFragment] if IPv6ExtHdrFragment in packet else packet[IP]
        units, more = (part.offset, part.m) if IPv6ExtHdrFragment in packet else (part.frag, part.flags.MF)
        parts.append((units * 8, bytes(part.payload), bool(more)))
    parts.sort()
    data = b"".join(part for _, part, _ in parts)
    starts = [at for at, _, _ in parts]
    gapless = starts == [sum(len(part) for _, part, _ in parts[:n]) for n in range(len(parts))]
    return UDP(data) if gapless and not parts[-1][2] else None


def scapys_header(dialect: str, datagram: bytes) -> Header | None:
    """The fields of a datagram by a layer; `None` where it ends inside the header."""
    packet = LAYERS[dialect](datagram)
    if not isinstance(packet, LAYERS[dialect]):
        return None
    found: Header = {}
    for row in LAYOUTS[dialect]["fields"]:
        if row["when_flag"] is None or row["when_flag"] in str(packet.flags).split("+"):
            value = packet.getfieldval(row["name"])
            found[row["name"]] = int(value) if row["type"] == "uint" else value.hex()
            if row["type"] == "text":
                found[row["name"]] = value.rstrip(b"\0").decode()
    return found


def options_of(name: str) -> tuple[list[str], list[str]]:
    """What `rttp decode` is told, and the same for tshark."""
    options = SIDECARS[name]["options"]
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    return options, [f"rttp.{option.removeprefix('--')}:{value}" for option, value in pairs.items()]


def in_64_bits(header: Header) -> Header:
    return {name: value for name, value in header.items() if not isinstance(value, int) or value < 2**64}


@pytest.mark.parametrize("name", GOOD)
def test_ours_and_tshark_read_the_same_of_every_pulse(name: str, tshark: Tshark) -> None:
    options, preferences = options_of(name)
    rows, alone = ours(name, *options), tshark.read(name, *preferences)
    assert rows or name == "foreign.pcap"
    told = {dialect: tshark.read(name, f"rttp.dialect:{dialect}", *preferences) for dialect in flows_judge(rows)}
    # Wireshark hands no empty payload to any dissector; and what only it takes for a pulse is an envelope.
    empty = {packet for packet, row in rows.items() if row["length"] == 0}
    envelopes = SIDECARS[name]["expected"]["pulses"]["dialects"].get("json", 0)
    assert alone.keys() >= rows.keys() - empty
    assert len(alone) == len(rows) - len(empty) + envelopes
    wrong = []
    for packet in rows.keys() - empty:
        row = rows[packet]
        mine = as_we_read(row)
        theirs = as_tshark_reads((told[row["dialect"]] if row["ground"] == "flow" else alone)[packet], row)
        if "payload_length" not in row and "reject" not in row:
            # The capture ends inside its header: neither blames the sender, and what it may be is open.
            mine, theirs = ({key: read[key] for key in ("reject", "time_ns", "ports")} for read in (mine, theirs))
        if mine != theirs:
            wrong.append((packet, {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}))
    assert wrong == []


def as_we_read(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "dialect": row["dialect"],
        "header": our_header(row),
        "reject": (row.get("reject"), row.get("reject_offset")),
        "ground": row["ground"],
        "time_ns": row["time_ns"],
        "ports": (row["source_port"], row["destination_port"]),
        "payload_length": row.get("payload_length"),
        "message_id": row.get("message_id"),
        "repair": row.get("repair"),
    }


def as_tshark_reads(seen: dict[str, str], row: dict[str, Any]) -> dict[str, Any]:
    """The same of tshark's fields; what only a good pulse has is taken from a good row's."""
    offset, good = seen.get("rttp.reject_offset"), "payload_length" in row
    # tshark tells messages of rttp1 alone.
    messages = good and row["dialect"] == "rttp1"
    seconds, _, fraction = seen["time"].partition(".")
    return {
        "dialect": dialect_of(seen),
        "header": in_64_bits(tsharks_header(seen)),
        "reject": (seen.get("rttp.reject"), None if offset is None else int(offset)),
        "ground": "flow" if row["ground"] == "flow" else GROUNDS.get(seen["rttp.ground"], seen["rttp.ground"]),
        "time_ns": int(seconds) * 10**9 + int(fraction.ljust(9, "0")),
        "ports": (int(seen["source_port"]), int(seen["destination_port"])),
        "payload_length": int(seen["rttp.payload_length"]) if good else None,
        "message_id": int(seen["rttp.message_id"]) if messages else row.get("message_id"),
        "repair": seen["rttp.repair"] in ("1", "True") if messages else row.get("repair"),
    }


def flows_judge(rows: dict[int, dict[str, Any]]) -> set[str]:
    """Dialects by which a flow judged one of its datagrams."""
    return {row["dialect"] for row in rows.values() if row["ground"] == "flow"}


@pytest.mark.parametrize("name", GOOD)
def test_ours_and_scapy_read_the_same_of_every_pulse(name: str) -> None:
    rows, found = ours(name, *options_of(name)[0]), datagrams(name)
    assert rows or name == "foreign.pcap"
    wrong = []
    for packet, row in rows.items():
        if row["captured"] == 0:
            assert packet not in found
            continue
        datagram = found[packet]
        assert len(datagram) == row["captured"]
        scapys = scapys_header(row["dialect"], datagram)
        mine = our_header(row)
        if scapys is not None and (mine, row["dialect"]) != (in_64_bits(scapys), row["dialect"]):
            wrong.append((packet, mine, in_64_bits(scapys), datagram[:128].hex()))
        if "payload_length" in row and row["captured"] == row["length"]:
            end = len(datagram) - (16 if "SEALED" in str(row.get("flags")) else 0)
            assert row.get("payload", "") == datagram[end - row["payload_length"] : end].hex()
    assert wrong == []


@pytest.mark.parametrize("name", GOOD)
def test_scapys_own_binding_finds_the_pulses_on_the_port(name: str) -> None:
    options = options_of(name)[0]
    packets = {number: packet for number, packet in enumerate(packets_of(name), 1) if not is_fragment(packet)}
    bound = {number for number, packet in packets.items() if scapy_layer.RTTP in packet}
    if "--port" in options:
        assert bound == set()
        return
    rows = {number: row for number, row in ours(name, *options).items() if row["dialect"] == "rttp1"}
    good = {number for number, row in rows.items() if "payload_length" in row and is_whole(row)}
    # The binding is the port's alone: other dialects and refused pulses are read as rttp1 too.
    assert good & packets.keys() <= bound


def is_whole(row: dict[str, Any]) -> bool:
    """Whether all of the header was captured."""
    return bool(row["captured"] >= (74 if "FEC" in row["flags"] else 64))
