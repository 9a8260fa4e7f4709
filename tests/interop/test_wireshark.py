"""The dissector in tshark says of every datagram what the core says: dialect, fields, payload, reject and offset.

It is loaded with `-X lua_script:`. From 4.4 on Wireshark runs no user's script for root, so root's tests run tshark as
the user nobody. `HOME` is a new folder, so that nothing of the user's own is loaded.
"""

import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rttp_cli import _core
from rttp_cli.decode.wireshark import dissector, install

PORT = 21076
NOW = 1_795_266_640_363_050_389
LAYOUTS: dict[tuple[str, str], "_core.Layout"] = {
    (layout["name"], layout["byte_order"]): layout for layout in _core.layouts()
}
RTTP1 = {row["name"]: row for row in LAYOUTS["rttp1", "big"]["fields"]}
KINDS, FLAGS = RTTP1["kind"]["names"], RTTP1["flags"]["names"]
DIALECTS = list(LAYOUTS)
MAX_DATAGRAM = 65_507


NOBODY: dict[str, Any] = {"user": 65_534, "group": 65_534, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user can read: `tmp_path` lies in a folder of its owner's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Seen(NamedTuple):
    """One packet as tshark shows it: every `rttp.*` field by name, and the columns."""

    fields: dict[str, str]
    """Empty when the dissector did not take the packet."""
    experts: list[str]
    protocol: str
    info: str


class Sent(NamedTuple):
    """A datagram on its way: `kept` is how many of its bytes the capture has."""

    data: bytes
    port: int = PORT
    kept: int | None = None
    sport: int | None = None


def frame(sent: Sent, number: int) -> tuple[bytes, int]:
    """Ethernet, IPv4 (IPv6 for what IPv4 cannot carry) and UDP around it; what is captured, and the whole length."""
    length = 8 + len(sent.data)
    # Ports of neither a protocol's nor each other's: no packet has a part in another one's conversation.
    sport = sent.sport if sent.sport is not None else 50_000 + number % 10_000
    if length + 20 <= 65_535:
        address = bytes([10, 0, number // 10_000, 1])
        network = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, 17, 0, address, bytes([10, 1, 0, 1]))
        ether = b"\x02" * 12 + b"\x08\x00"
    else:
        network = struct.pack("!IHBB16s16s", 6 << 28, length, 17, 64, b"\xfd" + bytes(15), b"\xfd" + bytes(14) + b"\1")
        ether = b"\x02" * 12 + b"\x86\xdd"
    head = ether + network + struct.pack("!HHHH", sport, sent.port, length, 0)
    kept = len(sent.data) if sent.kept is None else sent.kept
    return head + sent.data[:kept], len(head) + len(sent.data)


def write_pcap(path: Path, packets: list[Sent]) -> None:
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for number, packet in enumerate(packets):
        data, whole = frame(packet, number)
        records.append(struct.pack("<IIII", NOW // 10**9 + number, 0, len(data), whole) + data)
    path.write_bytes(b"".join(records))
    path.chmod(0o644)


def run(home: Path, *arguments: str) -> str:
    """tshark's stdout; it must not complain of anything."""
    program = shutil.which("tshark")
    assert program, "tshark is not installed: apt-get install tshark"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "WIRESHARK"))}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [program, "-n", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**environment, "HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        **NOBODY,
    )
    assert done.returncode == 0, done.stderr
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Running as user")]
    assert complaints == []
    return done.stdout


def flat(layer: dict[str, Any], into: dict[str, str], experts: list[str]) -> None:
    """Fields of a layer and its sub-trees by name."""
    for key, value in layer.items():
        if isinstance(value, dict):
            flat(value, into, experts)
        elif key == "_ws.expert.message":
            experts.append(value)
        elif re.match(r"rttp\.(?!reject\.|guess$|cut$)", key):
            assert key not in into, f"{key} twice"
            into[key] = value


def dissect(folder: Path, packets: list[Sent], *options: str) -> list[Seen]:
    """Writes a capture, has tshark read it with the dissector, and collects what it shows."""
    script, path = folder / "rttp.lua", folder / "sent.pcap"
    script.write_text(dissector(), encoding="utf-8")
    script.chmod(0o644)
    write_pcap(path, packets)
    columns = ["-o", 'gui.column.format:"Protocol","%p","Info","%i"']
    common = ["-X", f"lua_script:{script}", "-r", str(path), *options, *columns]
    shown = run(folder, *common, "-T", "json")
    assert "Lua Error" not in shown
    # The columns as text: the names of their fields differ between versions.
    told = run(folder, *common)
    seen = []
    for packet, line in zip(json.loads(shown), told.splitlines(), strict=True):
        fields: dict[str, str] = {}
        experts: list[str] = []
        layers = packet["_source"]["layers"]
        if "rttp" in layers:
            flat(layers["rttp"], fields, experts)
        protocol, info = line.split(maxsplit=1)
        seen.append(Seen(fields, experts, protocol, info))
    assert len(seen) == len(packets)
    return seen


def truth(text: str) -> bool:
    """tshark 4.0 writes a boolean as 1, later ones as True."""
    return text in ("1", "True")


def plain(data: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 else f"<{b:02x}>" for b in data)


def expected_rows(layout: "_core.Layout", values: dict[str, int | bytes | str]) -> dict[str, int | str | bool]:
    """What the rows of a table must show, by field name."""
    prefix = "rttp" if layout["name"] == "rttp1" else f"rttp.{layout['name']}"
    wanted: dict[str, int | str | bool] = {}
    for row in layout["fields"]:
        if row["name"] not in values:
            continue
        name, value = f"{prefix}.{row['name']}", values[row["name"]]
        if isinstance(value, bytes):
            wanted[name] = value.hex()
        elif isinstance(value, str):
            wanted[name] = plain(value.encode("latin-1"))
        elif row["size"] == 16:
            wanted[name] = value.to_bytes(16, "big").hex()
            wanted[f"{name}.decimal"] = str(value)
        else:
            wanted[name] = value
        if row["rule"] == "bits":
            assert isinstance(value, int)
            for flag, bit in row["names"].items():
                wanted[f"{name}.{flag.lower()}"] = bool(value & bit)
            # What is masked is shown without the zeros behind it.
            rest = 256 ** row["size"] - 1 - sum(row["names"].values())
            wanted[f"{name}.unknown"] = (value & rest) // (rest & -rest)
    return wanted


def expected(data: bytes, asked: tuple[str, str] | None = None) -> dict[str, int | str | bool]:
    """Everything but `rttp.time` that must be shown of a whole datagram, by the core."""
    found = _core.detect(data)
    dialect, order, ground = ("rttp1", "big", "default") if isinstance(found, _core.Reject) else found
    if asked:
        dialect, order, ground = *asked, "asked"
    parsed = _core.parse(data, dialect, order)
    payload = data[parsed.header_length : len(data) - parsed.tag_length]
    values = parsed.fields
    wanted = expected_rows(LAYOUTS[dialect, order], values)
    wanted |= {"rttp.dialect": dialect, "rttp.byte_order": order, "rttp.ground": ground}
    wanted["rttp.payload_length"] = len(payload)
    if payload:
        wanted["rttp.payload"] = payload.hex()
    if parsed.tag_length:
        wanted["rttp.tag"] = data[-parsed.tag_length :].hex()
    if parsed.reject:
        wanted |= {"rttp.reject": parsed.reject.slug, "rttp.reject_offset": parsed.reject.offset}
    if dialect == "rttp1" and {"seq_id", "fragment_index"} <= values.keys():
        seq_id, index, count = (int(values[name]) for name in ("seq_id", "fragment_index", "fragment_count"))
        wanted["rttp.message_id"] = (seq_id - index) % 2**32
        if not parsed.reject:
            wanted["rttp.repair"] = index >= count
    return wanted


def shown(seen: Seen, wanted: dict[str, int | str | bool]) -> dict[str, int | str | bool]:
    """What tshark shows, in the types of what is wanted."""
    values: dict[str, int | str | bool] = {}
    for name, text in seen.fields.items():
        like = wanted.get(name)
        if name == "rttp.time":
            continue
        if isinstance(like, bool):
            values[name] = truth(text)
        elif isinstance(like, int):
            values[name] = int(text, 0)
        else:
            values[name] = text.replace(":", "") if re.fullmatch(r"([0-9a-f]{2}:)+[0-9a-f]{2}", text) else text
    return values


def check(packets: list[Sent], seen: list[Seen], asked: tuple[str, str] | None = None) -> None:
    """Every packet shows what the core says, no more and no less, and its reject as an expert info."""
    for packet, found in zip(packets, seen, strict=True):
        wanted = expected(packet.data, asked)
        assert shown(found, wanted) == wanted, packet.data[:200].hex()
        slug = wanted.get("rttp.reject")
        named = [text.split(" ")[0] for text in found.experts if " at offset " in text and "guess" not in text]
        assert named == ([slug] if slug else []), found.experts
        assert found.protocol == "RTTP"


def header(dialect: str = "rttp1", order: str = "big", **values: Any) -> bytes:
    return _core.emit(values, dialect, order, now_ns=NOW)


def every_kind_of_good_pulse() -> list[bytes]:
    good = [header(kind=value, seq_id=value) for value in KINDS.values()]
    for bits in range(16):
        flags = bits << 4
        good.append(header(flags=flags, fragment_count=3, fragment_index=bits % 3, seq_id=bits) + b"\xa5" * 40)
    good += [
        header(
            flags=FLAGS["FEC"],
            fec_repair=4,
            fragment_count=8,
            fragment_index=index,
            seq_id=3 + index,
            reserved=b"\xff" * 6,
        )
        for index in (0, 7, 8, 11)
    ]
    good += [header(flags=FLAGS["SEALED"]) + bytes(range(16)), header(flags=FLAGS["SEALED"]) + bytes(range(100, 137))]
    good += [header(flags=FLAGS["SEALED"] | FLAGS["FEC"], seq_id=2**32 - 1) + bytes(range(200))]
    good += [header(timestamp_ns=time) for time in (0, 10**18 - 1, 10**18, 4 * 10**18 - 1, 4 * 10**18, 2**64 - 1)]
    good += [header(seq_id=0, fragment_index=5, fragment_count=65_535, context_hash=2**32 - 1, priority=255)]
    good += [header(seq_id=1) + bytes(MAX_DATAGRAM - 64)]
    good += [header("struct74", order, type=0xFFFF, timestamp_ns=NOW, seq_id=9) for order in ("big", "little")]
    # rttp1 refuses an odd kind, so these are guesses; the second is as good in both orders, with other fragments.
    good += [header("struct74", "little", timestamp_ns=0x0DE0B6B3A764000D, fragment_count=256) + b"rest"]
    good += [header("rfc64", flags=0xABCD, bid=2**64 - 1, semantic_hash=1 << 63, timestamp=7) + b"payload"]
    good += [header("pulse128", sequence=n) for n in (0, 1, 9_999_999, 10_000_000, 2**64, 2**128 - 1, 10**38)]
    good += [header("pulse128", spec_rev=1, flags=1, action=b"say-hello-2-you") + b"\0" * 9]
    good += [header("pulse128", timestamp_ns=2**64 + NOW), header("pulse128", spec_rev=1, action=b"0123456789abcdef")]
    return good


def every_kind_of_bad_pulse() -> list[bytes]:
    fec, sealed = FLAGS["FEC"], FLAGS["SEALED"]
    bad = [header(version=2), header(kind=0), header(kind=0xFF), header(flags=1), header(fragment_count=0)]
    bad += [header(fragment_index=1), header(flags=fec, fec_repair=2, fragment_index=3)]
    bad += [header(flags=fec, fec_scheme=2), header(flags=fec, fec_repair=0)]
    bad += [header(flags=fec, fragment_count=65_535), header(flags=fec, fragment_count=65_280, fec_repair=255)]
    bad += [header(flags=fec)[:length] for length in (64, 66, 73)]
    bad += [header(flags=sealed) + b"\1" * length for length in (0, 15)]
    bad += [header(flags=sealed | fec) + b"\1" * 15, header() + bytes(MAX_DATAGRAM - 63)]
    # Two rules at once: the first one is named.
    bad += [header(version=3, kind=0, flags=15), header(flags=fec, fec_scheme=9, fec_repair=0, fragment_index=9)]
    bad += [header("struct74", timestamp_ns=5, version=9), header("struct74", fragment_index=1)]
    rfc, long = header("rfc64"), header("pulse128", spec_rev=1, action=b"go")
    bad += [b"RTTP" + b"\1\1" + rfc[6:], rfc[:62] + b"\0\0", rfc[:63] + bytes([rfc[63] ^ 1]), rfc[:-1]]
    bad += [rfc[:length] for length in (4, 5, 6, 40)]
    bad += [long[:length] for length in (6, 20, 102, 105, 121, 127)]
    bad += [long[:4] + bytes(15) + b"\x83" + long[20:], long[:4] + b"\0\0" + bytes([5]) + long[7:]]
    # A version that is 130 only to those who let 128 bits wrap at 64.
    bad += [long[:11] + b"\1" + long[12:]]
    bad += [header("pulse128", **{"spec_rev": 1, "action": b"go", **change}) for change in BLOCKS]
    bad += [b"\0", b"RTT", b"hello, world", bytes(64), b"\xff" * 200]
    return bad


BLOCKS: list[dict[str, Any]] = [
    {"spec_rev": 2},
    {"flags": 2},
    {"action_len": 17},
    {"action_len": 1},
    {"action_len": 3},
    {"spec_rev": 0},
    {"spec_rev": 0, "flags": 1, "action": b""},
    {"spec_rev": 0, "action": b"", "reserved": b"\0\0\0\1\0\0\0"},
    {"reserved": b"\0\0\0\0\0\0\7"},
    {"action": b"-go"},
    {"action": b"go-"},
    {"action": b"Go"},
    {"action": b"g\0o"},
    {"action": b'g\xff\n"\\'},
]


def mutated(seed: int, count: int) -> list[bytes]:
    """Good pulses of all dialects with some bytes changed, cut or grown; a few of noise."""
    dice = random.Random(seed)
    edges = [0, 1, 2, 16, 64, 127, 128, 129, 255]
    out = []
    for _ in range(count):
        dialect, order = dice.choice(DIALECTS)
        data = bytearray(header(dialect, order) + dice.randbytes(dice.choice([0, 0, 1, 15, 16, 40])))
        names = LAYOUTS[dialect, order]["fields"]
        for _ in range(dice.choice([0, 1, 1, 2, 5])):
            row = dice.choice(names)
            at = dice.randrange(row["offset"], row["offset"] + row["size"])
            if at < len(data):
                data[at] = dice.choice([*edges, dice.randrange(256)])
        if dice.random() < 0.3:
            del data[dice.randrange(1, len(data) + 1) :]
        if dice.random() < 0.05:
            data = bytearray(dice.randbytes(dice.randrange(1, 200)))
        out.append(bytes(data))
    return out


def test_every_kind_flag_and_dialect_is_shown_as_the_core_reads_it(folder: Path) -> None:
    packets = [Sent(data) for data in every_kind_of_good_pulse()]
    assert {expected(packet.data)["rttp.ground"] for packet in packets} == {"magic", "rules", "guess"}
    assert {(expected(p.data)["rttp.dialect"], expected(p.data)["rttp.byte_order"]) for p in packets} == set(DIALECTS)
    assert all("rttp.reject" not in expected(packet.data) for packet in packets)
    check(packets, dissect(folder, packets))


def test_every_broken_rule_is_named_with_its_offset(folder: Path) -> None:
    packets = [Sent(data) for data in every_kind_of_bad_pulse()]
    # The last is a verdict on an answer; a magic that is none is not taken for a dialect that has one.
    told = {str(expected(packet.data).get("rttp.reject", "")) for packet in packets} - {""}
    assert told == {name for _, name, _ in _core.slugs()} - {"amplification", "bad-magic"}
    check(packets, dissect(folder, packets))


@pytest.mark.parametrize("dialect", DIALECTS, ids="-".join)
def test_every_truncation_shows_the_rows_that_are_there(folder: Path, dialect: tuple[str, str]) -> None:
    flags: dict[str, Any] = {"flags": FLAGS["FEC"] | FLAGS["SEALED"]} if dialect[0] == "rttp1" else {}
    whole = header(*dialect, **flags) + b"\xa5" * 20
    packets = [Sent(whole[:length]) for length in range(1, len(whole) + 1)]
    check(packets, dissect(folder, packets))


def test_mutated_pulses_and_noise_are_judged_as_the_core_judges_them(folder: Path) -> None:
    packets = [Sent(data) for data in mutated(21076, 2000)]
    grounds = [expected(packet.data)["rttp.ground"] for packet in packets]
    assert min(grounds.count(ground) for ground in ("magic", "rules", "guess", "default")) > 50
    check(packets, dissect(folder, packets))


def test_an_empty_datagram_is_left_to_udp(folder: Path) -> None:
    # The core calls it truncated at 0, but Wireshark hands no empty payload to any dissector.
    assert [(packet.protocol, packet.fields) for packet in dissect(folder, [Sent(b"")])] == [("UDP", {})]


def test_the_info_column_tells_a_pulse_in_one_line(folder: Path) -> None:
    lines = {
        header(seq_id=7, fragment_count=5, fragment_index=2) + bytes(64): "DATA seq=7 prio=128 frag 2/5 len=64",
        header(kind=KINDS["PING"], seq_id=1, priority=3, flags=FLAGS["ECHO"]): "PING seq=1 prio=3 [ECHO] len=0",
        header(flags=FLAGS["FEC"], fragment_count=5, fragment_index=6, fec_repair=2): (
            "DATA seq=0 prio=128 frag 6/5+2 repair [FEC] len=0"
        ),
        header(kind=9, seq_id=7): "kind 9 seq=7 prio=128 len=0 refused: unknown-kind at 3",
        header("struct74", "little", type=0x0999, seq_id=4): (
            "struct74 little-endian (guess) type=0x999 seq=4 prio=128 len=0"
        ),
        header("rfc64", bid=2**64 - 1) + b"abc": "rfc64 bid=18446744073709551615 prio=128 ttl=64 len=3",
        header("pulse128", spec_rev=1, action=b"go", sequence=2**100): (
            f"pulse128 seq={2**100} prio=128 ttl=64 action=go len=0"
        ),
        b"hi": "prio=105 len=0 refused: truncated at 2",
    }
    seen = dissect(folder, [Sent(data) for data in lines])
    assert [packet.info for packet in seen] == list(lines.values())


def test_a_clock_of_our_time_is_shown_as_a_date(folder: Path) -> None:
    pulses = [header(), header("struct74", "little", type=0x999), header("pulse128"), header(timestamp_ns=1)]
    seen = dissect(folder, [Sent(data) for data in pulses])
    times = [packet.fields.get("rttp.time", "") for packet in seen]
    assert all("13:10:40.363050389" in time for time in times[:3]), times
    assert times[3] == ""


def test_a_guess_is_labelled_and_says_what_rttp1_says(folder: Path) -> None:
    (seen,) = dissect(folder, [Sent(header("struct74", "little", type=0x999))])
    assert seen.experts == ["The dialect is a guess; as rttp1 it is refused: unknown-flag at offset 2"]


def test_bytes_that_were_not_captured_are_no_fault_of_the_pulse(folder: Path) -> None:
    whole, fec = header() + b"\xa5" * 36, header(flags=FLAGS["FEC"]) + b"\xa5" * 36
    sealed = header(flags=FLAGS["SEALED"]) + b"\xa5" * 36
    cut = [Sent(whole, kept=64), Sent(whole, kept=70), Sent(fec, kept=64), Sent(whole, kept=40), Sent(sealed, kept=64)]
    seen = dissect(folder, [*cut, Sent(header(version=2), kept=30)])
    assert [packet.fields.get("rttp.reject") for packet in seen] == [None] * 5 + ["bad-version"]
    assert [packet.fields["rttp.ground"] for packet in seen[:5]] == ["rules", "rules", "default", "default", "rules"]
    assert [len(packet.experts) for packet in seen] == [0, 0, 1, 1, 0, 1]
    assert [packet.fields["rttp.payload_length"] for packet in seen[:5]] == ["36", "36", "36", "36", "20"]
    assert [packet.fields.get("rttp.payload") for packet in seen[:2]] == [None, ":".join(["a5"] * 6)]
    assert "rttp.fragment_count" not in seen[3].fields
    assert seen[3].fields["rttp.seq_id"] == "0"


def test_on_another_port_only_what_is_sure_is_taken(folder: Path) -> None:
    dice = random.Random(7)
    query = bytes.fromhex("beef01000001000000000000076578616d706c6503636f6d0000010001")
    foreign = [Sent(query, 53), Sent(query, 40_000), Sent(b"", 40_000), Sent(b"RTTP/1.0 200 OK\r\n" * 9, 40_000)]
    foreign += [Sent(dice.randbytes(dice.randrange(300)), 40_000) for _ in range(300)]
    foreign += [Sent(b"\1" + dice.randbytes(100), 40_000) for _ in range(300)]
    foreign += [Sent(header(timestamp_ns=5), 40_000), Sent(header(version=2), 40_000)]
    foreign += [Sent(header("struct74", "little", type=0x999), 40_000), Sent(header("rfc64")[:63] + b"\0", 40_000)]
    ours = [Sent(header(seq_id=7), 40_000), Sent(header("rfc64"), 40_000), Sent(header("pulse128"), 40_000)]
    seen = dissect(folder, foreign + ours)
    assert [packet for packet in seen[: len(foreign)] if packet.fields] == []
    assert seen[0].protocol == "DNS"
    assert [packet.fields["rttp.dialect"] for packet in seen[len(foreign) :]] == ["rttp1", "rfc64", "pulse128"]
    check(ours, seen[len(foreign) :])


def test_a_conversation_that_was_sure_once_shows_its_bad_pulses(folder: Path) -> None:
    packets = [Sent(data, 40_000, sport=40_001) for data in (header(version=2), header(), header(version=2))]
    seen = dissect(folder, packets)
    assert [packet.fields.get("rttp.reject", "taken" if packet.fields else "") for packet in seen] == [
        "",
        "taken",
        "bad-version",
    ]


def test_the_port_is_a_preference(folder: Path) -> None:
    packets = [Sent(header(version=2), 40_000), Sent(header(version=2), PORT)]
    for option, taken in (("40000", [True, False]), ("0", [False, False]), ("21076", [False, True])):
        seen = dissect(folder, packets, "-o", f"rttp.port:{option}")
        assert [bool(packet.fields) for packet in seen] == taken


@pytest.mark.parametrize("dialect", DIALECTS, ids="-".join)
def test_the_dialect_that_is_asked_for_is_the_one_shown(folder: Path, dialect: tuple[str, str]) -> None:
    packets = [Sent(data) for data in [*every_kind_of_good_pulse(), *every_kind_of_bad_pulse()]]
    slugs = {str(expected(packet.data, dialect).get("rttp.reject")) for packet in packets}
    assert ("bad-magic" in slugs) == (dialect[0] in ("rfc64", "pulse128"))
    choice = dialect[0] + ("-little" if dialect[1] == "little" else "")
    check(packets, dissect(folder, packets, "-o", f"rttp.dialect:{choice}"), dialect)


def test_a_strict_reader_does_not_guess(folder: Path) -> None:
    packets = [Sent(header("struct74", "little", type=0x999)), Sent(header())]
    seen = dissect(folder, packets, "-o", "rttp.strict:TRUE")
    assert [packet.fields["rttp.ground"] for packet in seen] == ["default", "rules"]
    assert seen[0].fields["rttp.reject"] == "unknown-flag"


def test_rejects_are_found_by_a_display_filter(folder: Path) -> None:
    packets = [Sent(header()), Sent(header(version=2)), Sent(header(kind=KINDS["PING"], flags=FLAGS["ECHO"]))]
    dissect(folder, packets)
    for wanted, numbers in (
        ("rttp.reject.bad-version", ["2"]),
        ('rttp.reject == "bad-version" && _ws.malformed', ["2"]),
        ("rttp.flags.echo == 1", ["3"]),
        ("rttp.kind == 0x10 && !rttp.reject", ["1"]),
        ('_ws.expert.severity == "Error"', ["2"]),
    ):
        script, path = folder / "rttp.lua", folder / "sent.pcap"
        arguments = ["-X", f"lua_script:{script}", "-r", str(path), "-Y", wanted, "-T", "fields", "-e", "frame.number"]
        assert run(folder, *arguments).split() == numbers, wanted


def test_tshark_loads_what_was_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("XDG_", "WIRESHARK"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    umask = os.umask(0o022)
    try:
        assert install().is_relative_to(folder)
    finally:
        os.umask(umask)
    path = folder / "sent.pcap"
    write_pcap(path, [Sent(header(seq_id=77))])
    assert run(folder, "-r", str(path), "-T", "fields", "-e", "rttp.seq_id").split() == ["77"]
