"""Every codec of this project against datagrams written by hand (README.md beside this file)."""

import json
from pathlib import Path

import oracle
import pytest
from scapy.packet import Raw

from rttp_cli import _core
from rttp_cli.wire import scapy_layer

LAYOUTS = {(layout["name"], layout["byte_order"]): layout for layout in _core.layouts()}
LAYERS = {
    layer.dialect: layer
    for layer in (
        scapy_layer.RTTP,
        scapy_layer.RTTPStruct74,
        scapy_layer.RTTPStruct74LE,
        scapy_layer.RTTPRfc64,
        scapy_layer.RTTPPulse128,
    )
}
VECTORS = [v for path in sorted(Path(__file__).parent.glob("*.json")) for v in json.loads(path.read_text())]
GOOD = [pytest.param(v, id=f"{v['dialect']}: {v['name']}") for v in VECTORS if "fields" in v]
BAD = [pytest.param(v, id=f"{v['dialect']}: {v['name']}") for v in VECTORS if "reject" in v]


def unhex(text):
    out = b""
    for part in text.split():
        digits, _, times = part.partition("*")
        out += bytes.fromhex(digits) * int(times or 1)
    return out


def datagram(vector):
    return b"".join(map(unhex, vector["hex"]))


def fields(vector):
    """The vector's fields as Python values: numbers, bytes, text."""
    types = {row["name"]: row["type"] for row in LAYOUTS[vector["dialect"], vector["byte_order"]]["fields"]}
    values = {}
    for name, value in vector["fields"].items():
        if types[name] == "bytes":
            values[name] = unhex(value)
        else:
            values[name] = int(value, 0) if types[name] == "uint" and isinstance(value, str) else value
    return values


@pytest.mark.parametrize("vector", GOOD)
def test_a_good_pulse_is_read_field_by_field(vector):
    data, dialect = datagram(vector), (vector["dialect"], vector["byte_order"])
    parsed = _core.parse(data, *dialect)
    assert parsed.reject is None
    assert list(parsed.fields.items()) == list(fields(vector).items()), "values and order"
    end = len(data) - parsed.tag_length
    assert (data[parsed.header_length : end], data[end:]) == (unhex(vector["payload"]), unhex(vector["tag"]))


@pytest.mark.parametrize("vector", GOOD)
def test_a_good_pulse_has_the_width_of_the_table_in_every_string(vector):
    layout = LAYOUTS[vector["dialect"], vector["byte_order"]]
    rows = [row for row in layout["fields"] if row["name"] in vector["fields"]]
    assert [len(unhex(part)) for part, _ in zip(vector["hex"], rows, strict=False)] == [row["size"] for row in rows]


@pytest.mark.parametrize("vector", GOOD)
def test_a_good_pulse_is_written_back_byte_for_byte(vector):
    data, dialect = datagram(vector), (vector["dialect"], vector["byte_order"])
    rest = unhex(vector["payload"]) + unhex(vector["tag"])
    assert _core.emit(fields(vector), *dialect) + rest == data


@pytest.mark.parametrize("vector", GOOD)
def test_scapy_reads_a_good_pulse_and_writes_it_back(vector):
    data = datagram(vector)
    layer = LAYERS[vector["dialect"], vector["byte_order"]]
    wanted = {k: v.encode() if isinstance(v, str) else v for k, v in fields(vector).items()}
    packet = layer(data)
    for name, value in wanted.items():
        found = packet.getfieldval(name)
        assert (found.rstrip(b"\0") if name == "action" else found) == value, name
    packet.clear_cache()
    assert bytes(packet) == data
    rest = unhex(vector["payload"]) + unhex(vector["tag"])
    assert bytes(layer(**wanted) / Raw(rest)) == data


@pytest.mark.parametrize("vector", GOOD)
def test_the_oracle_knows_a_good_pulse(vector):
    dialect = (vector["dialect"], vector["byte_order"])
    wanted = {k: v.encode() if isinstance(v, str) else v for k, v in fields(vector).items()}
    assert oracle.judge(datagram(vector), *dialect) == wanted


@pytest.mark.parametrize("vector", BAD)
def test_a_bad_datagram_is_refused_with_its_slug_and_offset(vector):
    data, dialect = datagram(vector), (vector["dialect"], vector["byte_order"])
    wanted = (vector["reject"]["slug"], vector["reject"]["offset"])
    reject = _core.parse(data, *dialect).reject
    assert reject is not None
    assert (reject.slug, reject.offset) == wanted
    assert oracle.judge(data, *dialect) == wanted


@pytest.mark.parametrize("dialect", LAYOUTS, ids=str)
def test_every_dialect_has_three_good_pulses_and_a_bad_one_for_each_slug_of_its_table(dialect):
    mine = [v for v in VECTORS if (v["dialect"], v["byte_order"]) == dialect]
    assert sum("fields" in v for v in VECTORS if v["dialect"] == dialect[0]) >= 3
    refused = {v["reject"]["slug"] for v in mine if "reject" in v}
    rules = {row["slug"] for row in LAYOUTS[dialect]["fields"]} - {None}
    beyond_the_rows = {
        "rttp1": {"truncated", "fragment-range", "oversized"},
        "rfc64": {"truncated", "bad-checksum"},
        "struct74": {"truncated"},
        "pulse128": {"truncated"},
    }
    assert refused == rules | beyond_the_rows[dialect[0]]
