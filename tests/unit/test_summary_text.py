"""A summary as text: every number that matters is there, whatever the capture held, on eighty columns."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rttp_cli.decode.summary_text import render_summary

T0 = 1_795_000_000_000_000_000
HUGE = (1 << 64) - 1
REASONS = ("link_type", "not_ip", "not_udp", "damaged", "ip_fragments", "ip_fragments_lost", "other_port", "outside")
SKIPPED = dict.fromkeys(REASONS, 0)
SEEN = {
    "capture": "a.pcap",
    "packet": 1234,
    "offset": 2,
    "time_ns": T0,
    "source": "192.0.2.7:50000",
    "destination": "198.51.100.20:21076",
}


def flow(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "flow": number,
        "source": f"192.0.2.{number % 256}:50000",
        "destination": "198.51.100.20:21076",
        "dialect": "rttp1",
        "ground": "rules",
        "accepted": 100,
        "rejected": 0,
        "cut": 0,
        "bytes": 6400,
        "first_ns": T0,
        "last_ns": T0 + 10**9,
        "sequence": {"received": 98, "lost": 2, "reordered": 0, "duplicates": 0, "restarts": 0},
        "seq_first": 1,
        "seq_last": 100,
        "messages": {"complete": 98, "recoverable": 0, "incomplete": 0},
        "delay": {
            "samples": 100,
            "negative": 0,
            "min_ns": 100_000,
            "max_ns": 900_000,
            "spread": {"samples": 100, "p50_ns": 200_000, "p99_ns": 800_000, "max_ns": 900_000},
        },
        "jitter_ns": 12_345.0,
        "interval": {"samples": 99, "p50_ns": 10**6, "p99_ns": 2 * 10**6, "max_ns": 3 * 10**6},
    } | changed


def summary(**changed: Any) -> dict[str, Any]:
    interface = {"name": "eth0", "link": "Ethernet", "link_type": 1, "ticks_per_s": 10**9, "snap_length": 262_144}
    found = {
        "schema": "rttp.summary/1",
        "captures": [
            {"name": "a.pcap", "format": "pcapng", "compression": "zstd", "packets": 100, "bytes": 12_000,
             "interfaces": [interface]}
        ],
        "packets": {"total": 100, "bytes": 12_000, "first_ns": T0, "last_ns": T0 + 10**9, "skipped": dict(SKIPPED)},
        "pulses": {
            "accepted": 100, "rejected": 0, "cut": 0, "guessed": 0, "envelopes": 0, "bytes": 6400, "first_ns": T0,
            "last_ns": T0 + 10**9, "dialects": {"rttp1": 100}, "kinds": {"DATA": 90, "0x77": 10},
            "priorities": {"128": 99, "200": 1}, "length": {"min": 64, "mean": 64.0, "p50": 64, "p99": 64, "max": 64},
        },
        "sequence": {"received": 98, "lost": 2, "reordered": 3, "duplicates": 4, "restarts": 0},
        "messages": {"complete": 90, "recoverable": 5, "incomplete": 3, "fragmented": 7, "repair_symbols": 9},
        "rates": {"start_ns": T0, "width_ns": 10**6, "pulses": [1, 0, 99], "bytes": [64, 0, 6336]},
        "flows_in_all": 1,
        "flows": [flow(0)],
        "rejects": [],
        "events": [],
        "events_untold": 0,
        "warnings": {"count": 0, "list": []},
    }  # fmt: skip
    for path, value in changed.items():
        *way, last = path.split("__")
        at: Any = found
        for key in way:
            at = at[key]
        at[last] = value
    return found


def text(width: int = 80, **changed: Any) -> str:
    shown = render_summary(summary(**changed), width=width)
    assert max(map(len, shown.splitlines())) <= width, shown
    return shown


def test_every_part_is_there_with_its_numbers() -> None:
    shown = text()
    for part in (
        "a.pcap: pcapng (zstd), 100 packets",
        "`eth0`: Ethernet, cut at 262,144 B",
        "from 2026-11-18 11:06:40.000000000 UTC",
        "accepted 100, rejected 0 (0 %)",
        "DATA 90, 0x77 10",
        "200: 1, 128: 99",
        "lost 2 of 100 (2.00 %), reordered 3, duplicates 4",
        "complete 90, recoverable 5, incomplete 3, of several fragments 7",
        "192.0.2.0:50000 → 198.51.100.20:21076 (rttp1)",
        "delay P50 200 µs, P99 800 µs, jitter 12.3 µs",
        "by two\n           clocks",
    ):
        assert part in shown, part
    assert "skipped" not in shown and "guess" not in shown and "quarantine" not in shown


def test_only_reasons_that_occurred_are_listed() -> None:
    shown = text(packets__skipped__damaged=3)
    assert "skipped    3 damaged\n" in shown


def test_an_empty_capture_says_so_and_shows_nothing_that_is_not_there() -> None:
    nothing = {"accepted": 0, "bytes": 0, "first_ns": None, "last_ns": None, "length": None}
    pulses = summary()["pulses"] | nothing | {"dialects": {}, "kinds": {}, "priorities": {}}
    packets = summary()["packets"] | {"total": 0, "bytes": 0, "first_ns": None, "last_ns": None}
    shown = text(pulses=pulses, packets=packets, flows=[], flows_in_all=0)
    assert shown.splitlines()[-1] == "pulses     none: there is no packet"


@pytest.mark.parametrize(
    ("skipped", "said"),
    [
        ({"other_port": 80}, "80 UDP datagrams had other ports\nhint       --port N"),
        ({"not_udp": 90, "not_ip": 10}, "most packets (90) are not UDP"),
        ({"link_type": 100}, "most packets (100) are of a link\n           type that is not read"),
        ({}, "no row passes the filter"),
    ],
)
def test_a_capture_without_pulses_says_what_was_there_instead(skipped: dict[str, int], said: str) -> None:
    changed = summary()
    changed["packets"]["skipped"] |= skipped
    shown = text(pulses__accepted=0, packets=changed["packets"])
    assert said in shown and "rate" not in shown


def test_the_sparkline_is_one_line_whose_scale_is_said() -> None:
    shown = text(rates__pulses=[1, 0, 99])
    assert "rate       ▁ █\n           a step is 1.00 ms, peak 99,000/s, mean 100/s" in shown
    shown = text(rates__pulses=[5] * 240, rates__width_ns=HUGE // 240)
    (bars,) = [line for line in shown.splitlines() if line.startswith("rate ")]
    assert len(bars) <= 80 and "a step is" in shown


def test_ten_of_a_thousand_flows_are_listed_and_the_rest_are_counted() -> None:
    shown = text(flows=[flow(i) for i in range(50)], flows_in_all=1000)
    assert "1,000, the 10 with most datagrams" in shown and "and 990 more flows" in shown
    assert shown.count(" → ") == 10


def test_a_guess_is_labelled_a_guess() -> None:
    shown = text(flows=[flow(0, dialect="struct74", ground="guess")], pulses__guessed=100)
    assert "(struct74, a guess)" in shown and "dialect of 100 is a guess" in shown


def delayed(**changed: Any) -> list[dict[str, Any]]:
    return [flow(0, delay=flow(0)["delay"] | changed)]


def test_a_negative_delay_is_explained_by_the_clocks() -> None:
    shown = text(flows=delayed(negative=40, min_ns=-2_000_000))
    assert "40 negative" in shown and "down to -2.00 ms" in shown and "clock is ahead" in shown


def test_a_huge_delay_is_explained_by_the_clocks() -> None:
    assert "never below 1,795,000,000 s" in text(flows=delayed(min_ns=T0, max_ns=T0 + 1, spread=None))
    assert "never below" not in text()


def test_a_flow_without_delay_and_numbers_is_shown_without_them() -> None:
    numbers = {"received": 0, "lost": 0, "reordered": 0, "duplicates": 0, "restarts": 0}
    bare = flow(0, dialect=None, ground=None, delay=None, jitter_ns=None, interval=None, sequence=numbers)
    shown = text(flows=[bare])
    assert "100 pulses\n" in shown + "\n" and "delay" not in shown


def test_rejects_and_who_broke_the_rules_have_their_first_example() -> None:
    rejects = [{"slug": "unknown-kind", "meaning": "the kind is not in the table", "count": 3, "first": SEEN}]
    events = [{"source": "192.0.2.7", "slug": "unknown-kind", "count": 1, "first": SEEN}] * 12
    shown = text(rejects=rejects, events=events, events_untold=5, pulses__rejected=3)
    assert "unknown-kind 3: the kind is not in the table" in shown
    assert "first in a.pcap, packet 1,234, offset 2, from 192.0.2.7:50000" in shown
    assert "192.0.2.7: unknown-kind once, first in a.pcap, packet 1,234, offset 2" in shown
    assert "and 2 more pairs of source and rule, 2 times" in shown and "and 5 datagrams of sources" in shown


def test_warnings_are_counted_beyond_the_first() -> None:
    one = {"capture": "a.pcap", "packet": 1, "offset": 24, "slug": "cut-off", "text": "packet 1 at byte 24: cut off"}
    shown = text(warnings={"count": 1000, "list": [one] * 100})
    assert shown.count("cut off") == 5 and "and 995 more" in shown


@pytest.mark.parametrize("name", ["日本語 ümläut.pcap", "x" * 500, "", "-", "\x1b[31mred\n\tx", "e\u202ecap"])
def test_names_of_captures_are_shown_whole_and_cannot_control_the_terminal(name: str) -> None:
    shown = text(captures=[summary()["captures"][0] | {"name": name}])
    assert "\x1b" not in shown and "\u202e" not in shown and "\t" not in shown


def test_a_thousand_captures_are_counted_beyond_the_first() -> None:
    shown = text(captures=summary()["captures"] * 1000)
    assert "and 992 more captures: 99,200 packets" in shown


def everything(change: Callable[[Any], Any], at: Any) -> Any:
    if isinstance(at, dict):
        return {key: everything(change, value) for key, value in at.items()}
    if isinstance(at, list):
        return [everything(change, value) for value in at]
    return change(at)


@pytest.mark.parametrize("number", [0, 1, HUGE])
def test_any_numbers_are_shown_within_the_width(number: int) -> None:
    rejects = [{"slug": "truncated", "meaning": "it ends early", "count": 1, "first": SEEN}]
    events = [{"source": "2001:db8::1", "slug": "truncated", "count": 1, "first": SEEN}]
    document = summary(rejects=rejects, events=events, pulses__guessed=1, packets__skipped__damaged=1)

    def change(value: Any) -> Any:
        return type(value)(number) if isinstance(value, int | float) else copy.copy(value)

    for width in (40, 80, 120):
        shown = render_summary(everything(change, document), width=width)
        assert max(map(len, shown.splitlines())) <= width, shown


def test_colour_changes_labels_alone() -> None:
    import re

    plain, coloured = render_summary(summary()), render_summary(summary(), colour=True)
    assert "\x1b[" in coloured and re.sub("\x1b\\[[0-9]*m", "", coloured) == plain
