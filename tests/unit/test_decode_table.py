"""Rows as lines: what is in them, how wide they are, what a terminal gets to see."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli import _core
from rttp_cli.decode.table import MESSAGE_FIELDS, PULSE_FIELDS, Lines

T0 = 1_795_000_000_123_456_789
PULSE = {
    "file": "a.pcap",
    "packet": 1,
    "time_ns": T0,
    "source": "192.0.2.1",
    "source_port": 50_000,
    "destination": "2001:db8::1",
    "destination_port": 21_076,
    "flow": 0,
    "length": 64,
    "captured": 64,
    "dialect": "rttp1",
    "ground": "rules",
    "priority": 128,
    "flags": "0",
    "kind": "DATA",
    "seq_id": 4_294_967_295,
    "fragment_count": 1,
    "fragment_index": 0,
    "repair": False,
    "order": "new",
    "missing": 0,
}
MESSAGE = {
    "file": "a.pcap",
    "time_ns": T0,
    "source": "192.0.2.1",
    "source_port": 50_000,
    "destination": "192.0.2.2",
    "destination_port": 21_076,
    "flow": 0,
    "message_id": 4_294_967_295,
    "kind": "SNAPSHOT",
    "priority": 100,
    "fragment_count": 512,
    "fragments": 492,
    "repair": 32,
    "repair_announced": 32,
    "state": "recoverable",
    "bytes": 100_500,
    "whole_after_ns": 9_123_456,
}


def lines_of(*rows: dict[str, Any], fields: tuple[str, ...] | None = None, **options: Any) -> list[str]:
    chunk = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return list(Lines(fields, **options).render(chunk))


def pulse(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (PULSE | changed).items() if value is not None}


def body(*rows: dict[str, Any], **options: Any) -> list[str]:
    """The lines of rows without headings and flows."""
    return [line for line in lines_of(*rows, **options)[2:] if not line.startswith("flow ")]


def test_columns_that_lines_are_made_from_are_columns_of_the_core() -> None:
    for fields, messages in ((PULSE_FIELDS, False), (MESSAGE_FIELDS, True)):
        known = {row["name"] for row in _core.decode_columns(messages)}
        assert set(fields) <= known
    assert set(MESSAGE) == set(MESSAGE_FIELDS)


def test_a_pulse_has_its_flow_above_it_once_and_its_values_below_their_headings() -> None:
    lines = lines_of(pulse(), pulse(packet=2, time_ns=T0 + 1_500_000, seq_id=0))
    assert lines[0] == "time 0 is 2026-11-18 11:06:40.123456789 UTC"
    assert lines[2] == "flow 0: 192.0.2.1:50000 → [2001:db8::1]:21076"
    assert [line.split() for line in lines[3:]] == [
        ["1", "0.000000", "0", "DATA", "128", "4294967295", "64"],
        ["2", "0.001500", "0", "DATA", "128", "0", "64"],
    ]
    for heading in ("packet", "flow", "pri", "seq", "bytes"):
        end = lines[1].index(heading) + len(heading)
        assert lines[3][end - 1] != " " and lines[3][end : end + 1] in ("", " "), heading


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"flags": "FEC|ECHO"}, "FEC|ECHO"),
        ({"missing": 3}, "3 missing"),
        ({"order": "late"}, "late"),
        ({"ground": "guess"}, "guess"),
        ({"repair": True, "fragment_index": 4, "fragment_count": 4}, "4/4    64 repair"),
        ({"envelope": "{}"}, "JSON envelope"),
        ({"reject": "bad-version", "reject_offset": 0}, "bad-version at 0"),
        ({"captured": 20, "priority": None}, "cut by the capture"),
        ({"flags": "0"}, "64"),
    ],
)
def test_what_is_special_about_a_pulse_is_behind_it(changed: dict[str, Any], note: str) -> None:
    assert body(pulse(**changed))[0].endswith(note)


def test_a_rejected_datagram_without_a_readable_field_is_a_line() -> None:
    row = pulse(priority=None, flags=None, kind=None, seq_id=None, order=None, missing=None, flow=None)
    line = body(row | {"reject": "truncated", "reject_offset": 3, "length": 3})[0]
    assert line.split() == ["1", "0.000000", "-", "rttp1", "-", "-", "3", "truncated", "at", "3"]


@pytest.mark.parametrize("slug", [name for _, name, _ in _core.slugs()])
def test_every_rule_is_readable_on_eighty_columns(slug: str) -> None:
    row = pulse(reject=slug, reject_offset=62, flags="FEC|SEALED|ECHO")
    line = body(row, width=80)[0]
    assert len(line) <= 80
    assert slug in line


@pytest.mark.parametrize("state", ["complete", "recoverable", "incomplete"])
def test_a_message_of_many_parts_is_whole_on_eighty_columns(state: str) -> None:
    line = body(MESSAGE | {"state": state}, messages=True, width=80)[0]
    assert len(line) <= 80 and "…" not in line
    assert "492/512+32/32" in line
    assert line.endswith("9.12 ms" if state == "complete" else state)


def test_lines_are_cut_for_a_terminal_and_for_nothing_else() -> None:
    row = pulse(flags="FEC|SEALED|ECHO|METERED", missing=7, order="restart", ground="guess")
    assert body(row, width=80)[0].endswith("…") and len(body(row, width=80)[0]) == 80
    assert body(row)[0].endswith("7 missing, restart, guess, FEC|SEALED|ECHO|METERED")


def test_colours_are_there_only_where_they_are_asked_for() -> None:
    rows = [pulse(priority=p) for p in (255, 192, 128, 0)]
    assert "\x1b" not in "".join(lines_of(*rows))
    painted = lines_of(*rows, colour=True)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in painted] == lines_of(*rows)
    assert len({line[:5] for line in painted[3:]}) == 4, "each class of priority has its own"
    assert "\x1b[31m" in lines_of(pulse(reject="bad-version", reject_offset=0), colour=True)[-1]


def test_several_captures_are_named_where_another_begins() -> None:
    rows = [pulse(file=name) for name in ("a", "a", "b", "a")]
    named = [line for line in lines_of(*rows, several=True) if line.startswith("in ")]
    assert named == ["in a", "in b", "in a"]
    assert not [line for line in lines_of(*rows) if line.startswith("in ")]


def test_chosen_columns_stand_below_their_names() -> None:
    rows = [pulse(), pulse(packet=12_345, kind=None)]
    assert lines_of(*rows, fields=("packet", "kind", "seq_id")) == [
        "packet  kind      seq_id",
        "     1  DATA  4294967295",
        " 12345  -     4294967295",
    ]


def test_headings_come_once_for_all_chunks() -> None:
    lines = Lines(("packet",))
    chunk = b'{"packet":1}\n'
    assert [*lines.render(chunk), *lines.render(chunk)] == ["packet", "     1", "     1"]
    assert list(lines.render(b"")) == []


def test_a_capture_cannot_write_to_the_terminal() -> None:
    shown = lines_of({"file": "a\x1b[2J\nb", "envelope": "\x07\u202e"}, fields=("file", "envelope"))[1]
    assert shown == r"a\x1b[2J\nb  \x07\u202e"


@pytest.mark.parametrize("time_ns", [0, (1 << 64) - 1])
def test_any_time_is_a_line(time_ns: int) -> None:
    assert len(lines_of(pulse(time_ns=time_ns), pulse())) == 5


@given(
    st.fixed_dictionaries(
        {
            "packet": st.integers(1, 2**64 - 1),
            "length": st.integers(0, 2**32 - 1),
            "kind": st.sampled_from(["QUARANTINE_NOTICE", "DATA", "0x00"]),
            "flags": st.sampled_from(["0", "FEC", "FEC|SEALED|ECHO|METERED|0x0f"]),
            "order": st.sampled_from(["new", "late", "duplicate", "restart"]),
            "missing": st.integers(0, 2**20),
        }
    )
)
def test_no_line_of_a_pulse_is_wider_than_the_terminal(changed: dict[str, Any]) -> None:
    assert all(len(line) <= 60 for line in body(pulse(**changed), width=60))
